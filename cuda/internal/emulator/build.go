package emulator

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gradientlearning/cola/cuda/kernels"
)

//go:embed native
var native embed.FS

// Options say what to build.
type Options struct {
	// Sanitise builds with the address sanitiser, which then has to be there before the program
	// begins: see [Sanitised]. The environment variable COLA_EMULATOR_SANITISE=1 sets it for all.
	Sanitise bool
	// Kernels replaces the files of cuda/kernels that end in .cu.
	Kernels []kernels.File
}

// Build returns the path of the library, which it makes unless the same sources have been
// compiled before: libraries are kept in the user's cache, and every package's tests share
// them. Where there is no g++ for this processor the test is skipped, or fails if
// COLA_REQUIRE_EMULATOR=1.
func Build(t testing.TB, o Options) string {
	t.Helper()
	if os.Getenv("COLA_EMULATOR_SANITISE") == "1" {
		o.Sanitise = true
	}
	c, err := findCompiler(o.Sanitise)
	if err != nil {
		if os.Getenv("COLA_REQUIRE_EMULATOR") == "1" {
			t.Fatalf("COLA_REQUIRE_EMULATOR=1: %v", err)
		}
		t.Skipf("kernels are not run: %v", err)
	}
	if o.Sanitise && !preloaded() {
		t.Fatalf("a library with the address sanitiser is opened only where the sanitiser was there first: set LD_PRELOAD=%s", c.sanitiser())
	}
	path, err := build(c, o)
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	return path
}

// build makes the library, one build of a machine at a time, so that the second finds what the
// first made.
func build(c *compiler, o Options) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "cola-tests", "emulator")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	prune(cache)
	return compile(c, cache, sources(o))
}

// sources returns every file that the library is made of.
func sources(o Options) []kernels.File {
	var files, programs []kernels.File
	for _, f := range kernels.Source() {
		if f.Header() {
			files = append(files, f)
		} else {
			programs = append(programs, f)
		}
	}
	if o.Kernels != nil {
		programs = o.Kernels
	}
	files = append(files, nativeSources()...)
	files = append(files, provenance(append(files[:len(files):len(files)], programs...)))
	return append(files, programs...)
}

var nativeSources = sync.OnceValue(func() []kernels.File {
	var files []kernels.File
	entries, err := native.ReadDir("native")
	for _, e := range entries {
		var text []byte
		if text, err = fs.ReadFile(native, "native/"+e.Name()); err != nil {
			break
		}
		files = append(files, kernels.File{Name: e.Name(), Text: string(text)})
	}
	if err != nil {
		panic(err) // the files are in this binary
	}
	return files
})

// provenance is a source that says what the library was made of, so that the fake compiler
// knows the sources that it is given.
func provenance(files []kernels.File) kernels.File {
	var b strings.Builder
	fmt.Fprintf(&b, "#include \"provenance.h\"\nnamespace fake {\nconst char* const kernels_hash = %q;\n", kernels.Hash())
	b.WriteString("const Source sources[] = {\n")
	for _, f := range files {
		fmt.Fprintf(&b, "    {%q, 0x%016xull},\n", f.Name, fnv(f.Text))
	}
	b.WriteString("    {nullptr, 0}};\n}  // namespace fake\n")
	return kernels.File{Name: "provenance.cpp", Text: b.String()}
}

// fnv is the 64-bit FNV-1a hash, which native/fake_nvrtc.cpp computes too.
func fnv(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

// compile makes objects of all sources that were not compiled before, and links them. Files are
// named for what they are made of, and appear whole.
func compile(c *compiler, cache string, files []kernels.File) (string, error) {
	headers := sha256.New()
	fmt.Fprintln(headers, c.version, c.flags)
	for _, f := range files {
		if f.Header() {
			fmt.Fprintf(headers, "%s %d\n%s", f.Name, len(f.Text), f.Text)
		}
	}
	common := headers.Sum(nil)
	all := sha256.New()
	var units []unit
	for _, f := range files {
		if !f.Header() {
			key := sha256.Sum256(fmt.Appendf(nil, "%x %s\n%s", common, f.Name, f.Text))
			units = append(units, unit{f.Name, filepath.Join(cache, hex.EncodeToString(key[:16])+".o")})
			all.Write(key[:])
		}
	}
	library := filepath.Join(cache, "libcola-"+hex.EncodeToString(all.Sum(nil)[:16])+".so")
	if used(library) {
		return library, nil
	}
	missing := slices.DeleteFunc(slices.Clone(units), func(u unit) bool { return used(u.object) })
	if err := c.compileAll(missing, files); err != nil {
		return "", err
	}
	return library, c.link(library, units)
}
