package kernel

import "golang.org/x/sys/cpu"

// supported asks the processor.
func supported() []Level {
	var levels []Level
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		levels = append(levels, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ {
			levels = append(levels, AVX512)
		}
	}
	return levels
}
