package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// compiler is a g++ for this processor, and how it is called.
type compiler struct {
	path    string
	version string
	flags   []string
}

// unit is a source and the object that is made of it.
type unit struct{ source, object string }

// findCompiler looks for the compiler that the environment variable COLA_CXX names, g++ by
// default.
func findCompiler(sanitise bool) (*compiler, error) {
	name := os.Getenv("COLA_CXX")
	if name == "" {
		name = "g++"
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return nil, fmt.Errorf("the emulator is for linux on amd64 and arm64")
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("there is no %s to compile the emulator with", name)
	}
	machine, err := exec.Command(path, "-dumpmachine").Output()
	if err != nil {
		return nil, fmt.Errorf("%s -dumpmachine: %w", name, err)
	}
	processor := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if !strings.HasPrefix(string(machine), processor+"-") {
		return nil, fmt.Errorf("%s compiles for %s, and this is %s", name, bytes.TrimSpace(machine), processor)
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", name, err)
	}
	c := &compiler{path: path, version: string(version)}
	// A product is fused into a sum only where a kernel says so, as on the GPU.
	c.flags = []string{"-std=c++17", "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off",
		"-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-missing-field-initializers"}
	if cpu.X86.HasFMA {
		c.flags = append(c.flags, "-mfma") // math_fma is an instruction then, with the same result
	}
	if sanitise {
		c.flags = append(c.flags, "-fsanitize=address", "-fno-omit-frame-pointer")
	}
	return c, nil
}

// compileAll compiles the units, in a folder with all files, on half of the processors:
// somebody else is testing, too.
func (c *compiler) compileAll(units []unit, files []kernels.File) error {
	if len(units) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "cola-emulator-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system clears what stays
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o644); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(units))
	free := make(chan struct{}, max(1, runtime.NumCPU()/2))
	for i, u := range units {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			errs[i] = c.compile(dir, u)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// compile makes one object. A file of kernels is compiled inside a namespace, whose names no
// other file sees.
func (c *compiler) compile(dir string, u unit) error {
	source := u.source
	if filepath.Ext(source) == ".cu" {
		text := kernels.File{Name: source}.Enclosed("")
		source += ".cpp"
		if err := os.WriteFile(filepath.Join(dir, source), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return c.run(dir, u.object, "-c", source)
}

func (c *compiler) link(library string, units []unit) error {
	args := []string{"-shared", "-Wl,-z,defs"}
	if strings.Contains(strings.Join(c.flags, " "), "-fsanitize") {
		args = args[:1] // the sanitiser is defined by what was loaded before
	}
	for _, u := range units {
		args = append(args, u.object)
	}
	return c.run(".", library, args...)
}

// run makes one file, which appears at its place when it is whole.
func (c *compiler) run(dir, output string, args ...string) error {
	partial := fmt.Sprintf("%s.%d", output, os.Getpid())
	cmd := exec.Command(c.path, append(append(c.flags[:len(c.flags):len(c.flags)], args...), "-o", partial)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return os.Rename(partial, output)
}

// sanitiser returns the library that has to be loaded before a program that opens sanitised ones.
func (c *compiler) sanitiser() string {
	out, err := exec.Command(c.path, "-print-file-name=libasan.so").Output()
	if err != nil {
		return "libasan.so"
	}
	return strings.TrimSpace(string(out))
}

func preloaded() bool { return strings.Contains(os.Getenv("LD_PRELOAD"), "libasan") }

// What nobody used for so long is removed from the cache.
const kept = 14 * 24 * time.Hour

// used reports whether a file is in the cache, and notes that it was used.
func used(path string) bool {
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

func prune(cache string) {
	entries, _ := os.ReadDir(cache) // what cannot be listed or removed stays
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > kept {
			_ = os.Remove(filepath.Join(cache, e.Name()))
		}
	}
}
