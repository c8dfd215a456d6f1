package emulator

import (
	"fmt"
	"math"
	"unsafe"
)

// parameters are the arguments of one launch, as C wants them: addresses of values.
type parameters struct {
	library   *library
	values    []uint64
	addresses []unsafe.Pointer
	buffers   map[*byte]buffer // by the first byte of the slice
}

// buffer is the device's copy of a slice.
type buffer struct {
	address uint64
	host    []byte
}

func newParameters(l *library, n int) *parameters {
	p := &parameters{library: l, values: make([]uint64, n+1), addresses: make([]unsafe.Pointer, n+1), buffers: map[*byte]buffer{}}
	for i := range p.values {
		p.addresses[i] = unsafe.Pointer(&p.values[i])
	}
	return p
}

// set gives the parameter of a type, in the letters of native/emu_kernel.h, its argument.
func (p *parameters) set(i int, letters string, arg any) error {
	value, letter := scalar(arg)
	if letters[0] == '*' {
		value, letter = 0, "*"+element(arg)
		if arg == nil {
			letter = letters
		} else if host := asBytes(arg); letter == letters && host != nil {
			value = p.copyIn(host)
		}
	}
	if letter != letters {
		return fmt.Errorf("a %T was given, for a parameter %s", arg, spelled(letters))
	}
	p.values[i] = value
	return nil
}

// scalar returns the bits of a number, and the letter of its type.
func scalar(arg any) (bits uint64, letter string) {
	switch v := arg.(type) {
	case float32:
		return uint64(math.Float32bits(v)), "f"
	case int32:
		return uint64(uint32(v)), "i"
	case uint32:
		return uint64(v), "i"
	case int64:
		return uint64(v), "l"
	case uint64:
		return v, "l"
	}
	return 0, "?"
}

// element returns the letter of a slice's elements.
func element(arg any) string {
	switch arg.(type) {
	case []float32:
		return "f"
	case []byte:
		return "b"
	case []uint16:
		return "h"
	case []int32, []uint32:
		return "i"
	case []int64, []uint64:
		return "l"
	}
	return "?"
}

// spelled returns the C name of a type.
func spelled(letters string) string {
	name := map[byte]string{'f': "float", 'b': "uint8", 'h': "bf16", 'i': "int32", 'l': "int64"}[letters[len(letters)-1]]
	if letters[0] == '*' {
		name += "*"
	}
	return name
}

func (p *parameters) copyIn(host []byte) uint64 {
	key := &host[0]
	b, ok := p.buffers[key]
	if !ok {
		b = buffer{uint64(p.library.allocate.Call(uintptr(len(host)))), host}
		p.library.copy.Call(uintptr(b.address), uintptr(unsafe.Pointer(&host[0])), uintptr(len(host)))
		p.buffers[key] = b
	}
	return b.address
}

func (p *parameters) copyBack() {
	for _, b := range p.buffers {
		p.library.copy.Call(uintptr(unsafe.Pointer(&b.host[0])), uintptr(b.address), uintptr(len(b.host)))
	}
}

func (p *parameters) release() {
	for _, b := range p.buffers {
		p.library.release.Call(uintptr(b.address))
	}
}
