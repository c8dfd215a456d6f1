package kernel_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

func TestLevels(t *testing.T) {
	levels := kernel.Levels()
	if levels[0] != kernel.Generic {
		t.Errorf("the first of %v is not the one that every processor has", levels)
	}
	names := map[kernel.Level]string{kernel.Generic: "generic", kernel.AVX2: "avx2", kernel.AVX512: "avx512", kernel.NEON: "neon"}
	for _, l := range levels {
		if l.String() != names[l] {
			t.Errorf("level %d calls itself %q, want %q", int(l), l, names[l])
		}
		if got := kernel.Choose(l.String()); got != l {
			t.Errorf("COLA_KERNELS=%s chooses %s", l, got)
		}
	}
	for _, name := range []string{"", "none"} {
		if got, best := kernel.Choose(name), levels[len(levels)-1]; got != best {
			t.Errorf("COLA_KERNELS=%q chooses %s, want the best: %s", name, got, best)
		}
	}
}

func TestUse(t *testing.T) {
	before := kernel.Current()
	for _, l := range kernel.Levels() {
		restore, err := kernel.Use(l)
		if err != nil {
			t.Fatal(err)
		}
		if got := kernel.Current(); got != l {
			t.Errorf("after Use(%s) the level is %s", l, got)
		}
		restore()
		if got := kernel.Current(); got != before {
			t.Errorf("restored from %s, the level is %s, want %s", l, got, before)
		}
	}
}

// TestUseWhatIsNotThere asks for all levels: no processor has NEON and AVX2.
func TestUseWhatIsNotThere(t *testing.T) {
	before, refused := kernel.Current(), 0
	for _, l := range []kernel.Level{kernel.AVX2, kernel.NEON} {
		restore, err := kernel.Use(l)
		if err != nil {
			refused++
			if restore != nil {
				t.Errorf("Use(%s) returned an error and something to call", l)
			}
			if got := kernel.Current(); got != before {
				t.Errorf("Use(%s) failed and left %s, want %s", l, got, before)
			}
			continue
		}
		restore()
	}
	if refused == 0 {
		t.Error("AVX2 and NEON were both taken")
	}
}
