package kernel

// supported returns NEON, which every arm64 processor has.
func supported() []Level { return []Level{NEON} }
