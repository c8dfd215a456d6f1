package protocol

// Limits bound what is taken from a peer. They are checked before memory is.
type Limits struct {
	// HeaderBytes bounds the msgpack header of a frame.
	HeaderBytes int
	// Depth bounds how deep the header's arrays and maps are nested.
	Depth int
	// Sections bounds the number of sections of a frame.
	Sections int
	// FrameBytes bounds a frame's sections, as they travel and as they are decoded, int8 to
	// float32.
	FrameBytes int64
}

// DefaultLimits are those of a session between participants that know each other.
func DefaultLimits() Limits {
	return Limits{HeaderBytes: 64 << 10, Depth: 16, Sections: 1 << 14, FrameBytes: 8 << 30}
}

// EnrollLimits are those of a connection without a certificate: no tensors.
func EnrollLimits() Limits {
	return Limits{HeaderBytes: 8 << 10, Depth: 4, Sections: 0, FrameBytes: 0}
}
