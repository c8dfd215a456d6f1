// Package kernels holds the sources of cola's GPU kernels, which are compiled on the machine
// that has the GPU, and a compiled form of them for machines without NVIDIA's run-time
// compiler. It opens no library and needs none: package cuda does.
//
// devrt.h says what a kernel may use, and how to write one. The sources are the same for
// NVRTC, for clang and for the emulator that tests them without a GPU.
package kernels

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
)

//go:generate go run ./gen

//go:embed *.h *.cu
var sources embed.FS

//go:embed ptx/cola.ptx.gz
var ptx []byte

// File is a source. Those whose names end in .h are headers, which the others include by
// name; each that ends in .cu is compiled by itself.
type File struct{ Name, Text string }

// Header reports whether the file is one that others include.
func (f File) Header() bool { return path.Ext(f.Name) == ".h" }

// Enclosed returns a program that includes the file inside a namespace, anonymous if it has no
// name, for where what several files are compiled to comes together. What devrt.h overloads for
// types, the file may overload for types of its own.
func (f File) Enclosed(namespace string) string {
	return fmt.Sprintf(`#include "devrt.h"
namespace %s {
using ::load, ::load16, ::store, ::store16, ::shuffle, ::shuffle_xor, ::warp_sum, ::warp_max, ::block_sum, ::block_max;
#include %q
}
`, namespace, f.Name)
}

// Source returns all sources: the headers, and then the kernels, each in the order of their
// names.
var Source = sync.OnceValue(func() []File {
	var headers, programs []File
	entries, err := sources.ReadDir(".")
	for _, e := range entries {
		var text []byte
		if text, err = sources.ReadFile(e.Name()); err != nil {
			break
		}
		f := File{e.Name(), string(text)}
		if f.Header() {
			headers = append(headers, f)
		} else {
			programs = append(programs, f)
		}
	}
	if err != nil {
		panic(err) // the files are in this binary
	}
	return append(headers, programs...)
})

// Hash returns the SHA-256 of all sources and their names, in hexadecimal. It says whether
// something that was made from the sources is still what they say.
var Hash = sync.OnceValue(func() string {
	h := sha256.New()
	for _, f := range Source() {
		fmt.Fprintf(h, "%s %d\n%s", f.Name, len(f.Text), f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
})

// HashLine is what the first line of the PTX begins with; the [Hash] of the sources that
// it was made from follows.
const HashLine = "// cola kernels "

// PTX returns all kernels in the assembly language of NVIDIA's virtual GPU, from clang, for
// compute capability 8.0: a driver compiles it for any GPU from there on. It is an error if it
// was not made from these sources.
func PTX() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(ptx))
	if err != nil {
		return nil, fmt.Errorf("embedded PTX: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("embedded PTX: %w", err)
	}
	first, _, _ := strings.Cut(string(text[:min(len(text), 128)]), "\n")
	if first != HashLine+Hash() {
		return nil, fmt.Errorf("embedded PTX: it was made from other sources than these: run go generate in cuda/kernels")
	}
	return text, nil
}
