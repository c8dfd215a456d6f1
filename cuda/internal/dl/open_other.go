//go:build !linux || !(amd64 || arm64) || nocuda

package dl

// Open fails with [ErrUnsupported].
func Open(string) (*Library, error) { return nil, ErrUnsupported }

func symbol(uintptr, string) (uintptr, error) { return 0, ErrUnsupported }

func call(uintptr, []uintptr) uintptr { panic(ErrUnsupported) }

func (*Library) locate(Func) {}
