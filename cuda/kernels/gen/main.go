// Command gen compiles the kernels to PTX with clang: go generate in cuda/kernels runs it.
//
//	go run ./gen                  writes ptx/cola.ptx.gz
//	go run ./gen -check           fails where that is not what clang makes
//	go run ./gen -arch sm_90      compiles for another GPU, and writes nothing
//
// No CUDA installation is needed. Whatever the kernels call and do not define, or keep in
// memory of their own because it fits no register, is an error.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// What is embedded: the oldest GPU whose tensor cores know bf16, and the oldest PTX that
// has its instructions, so that drivers from CUDA 11.0 on take it.
const (
	target  = "sm_80"
	version = "ptx70"
)

var output = filepath.Join("ptx", "cola.ptx.gz")

func main() {
	check := flag.Bool("check", false, "compare instead of writing")
	arch := flag.String("arch", "", "compile for this GPU only to see that it can be done")
	clang := flag.String("clang", "clang-19", "the compiler; another version writes other PTX")
	flag.Parse()
	if err := run(*clang, *arch, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(clang, arch string, check bool) error {
	if arch != "" {
		_, err := compile(clang, arch, "ptx80") // newer GPUs want newer PTX
		return err
	}
	text, err := compile(clang, target, version)
	if err != nil {
		return err
	}
	text = append([]byte(kernels.HashLine+kernels.Hash()+"\n"), text...)
	old, err := unpack(output)
	switch {
	case err == nil && bytes.Equal(old, text):
		return nil // not even gzip's bytes, which differ between releases of Go
	case check:
		return fmt.Errorf("%s is not what %s makes of the sources: run go generate in cuda/kernels", output, clang)
	}
	return pack(output, text)
}

// compile compiles every file of kernels, and joins what comes out: of PTX, nothing else links
// it. Their names do not meet, since each file is in a namespace of its own.
func compile(clang, arch, version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "cola-kernels-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears what stays
	for _, f := range kernels.Source() {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o644); err != nil {
			return nil, err
		}
	}
	files := slices.DeleteFunc(slices.Clone(kernels.Source()), kernels.File.Header)
	texts, errs := make([][]byte, len(files)), make([]error, len(files))
	var wg sync.WaitGroup
	for i, f := range files {
		wg.Go(func() {
			if texts[i], errs[i] = compileFile(clang, arch, version, dir, f); errs[i] != nil {
				errs[i] = fmt.Errorf("%s for %s: %w", f.Name, arch, errs[i])
			}
		})
	}
	wg.Wait()
	for i := 1; i < len(texts); i++ { // one module has one head
		_, texts[i], _ = bytes.Cut(texts[i], []byte(".address_size 64\n"))
	}
	return bytes.Join(texts, nil), errors.Join(errs...)
}

func compileFile(clang, arch, version, dir string, f kernels.File) ([]byte, error) {
	cmd := exec.Command(clang, "-x", "cuda", "--cuda-device-only", "--cuda-gpu-arch="+arch,
		"--cuda-feature=+"+version, "-nocudainc", "-nocudalib", "-I.", "-O3", "-std=c++17",
		"-ffp-contract=off", "-mllvm", "-inline-threshold=100000", // lambdas too, as NVRTC does
		"-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-pass-failed",
		"-S", "-o", "-", "-")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(f.Enclosed("file_" + strings.TrimSuffix(f.Name, ".cu")))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, errs.Bytes())
	}
	return text, faults(text)
}

var (
	undefined = regexp.MustCompile(`(?m)^\.extern \.func.*?(\w+)$`)
	depot     = regexp.MustCompile(`\.local .*?(\w+)\[(\d+)\]`)
	entry     = regexp.MustCompile(`\.entry (\w+)\(`)
)

// faults finds what clang lets pass: functions that nobody defines, and kernels with arrays
// in local memory, which is off the chip.
func faults(text []byte) error {
	var wrong []string
	for _, m := range undefined.FindAllSubmatch(text, -1) {
		wrong = append(wrong, fmt.Sprintf("%s is called and not defined", m[1]))
	}
	kernel := ""
	for line := range strings.Lines(string(text)) {
		if m := entry.FindStringSubmatch(line); m != nil {
			kernel = m[1]
		}
		if m := depot.FindStringSubmatch(line); m != nil {
			wrong = append(wrong, fmt.Sprintf("%s keeps %s bytes in local memory", kernel, m[2]))
		}
	}
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func pack(path string, text []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
