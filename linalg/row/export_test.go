package row

// RoundingBits are the random bits of an element.
func RoundingBits(seed, index uint64) uint32 { return roundingBits(seed, index) }
