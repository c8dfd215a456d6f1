package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/gradientlearning/cola"
	root   = "../.."
)

// pkg is what go list says of one of our packages.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string // direct, without those of tests
	Deps       []string // transitive
}

// path returns the package's path below the module.
func (p pkg) path() string { return below(p.ImportPath) }

// below returns the path of one of our packages below the module, "." for its root, and
// every other import path as it is.
func below(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// ours says whether an import path is of this module.
func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

// foreign says whether an import path is neither ours nor the standard library's.
func foreign(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".") && !ours(importPath)
}

// match says whether a path below the module is what a pattern of the table means.
func match(pattern, path string) bool {
	dir, all := strings.CutSuffix(pattern, "...")
	return path == strings.TrimSuffix(dir, "/") || all && strings.HasPrefix(path, dir)
}

func matchAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if match(p, path) {
			return true
		}
	}
	return false
}

// list returns the module's packages as they are built for a platform.
func list(t *testing.T, goos, goarch string) []pkg {
	t.Helper()
	touch(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Doc,Imports,Deps", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s/%s: %v\n%s", goos, goarch, err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// touch reads the module's folders, so that go test does not give yesterday's answer: it
// knows which files a test looked at, and nothing of what go list looked at.
func touch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
