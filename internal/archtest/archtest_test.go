package archtest_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestWalls checks every rule on every platform that is released for.
func TestWalls(t *testing.T) {
	for _, platform := range [][2]string{{"linux", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}} {
		t.Run(platform[0], func(t *testing.T) {
			pkgs := list(t, platform[0], platform[1])
			if len(pkgs) < 10 {
				t.Fatalf("go list found only %d packages", len(pkgs))
			}
			for _, complaint := range slices.Concat(checkRooms(pkgs), checkBans(pkgs), checkLibraries(pkgs), checkDocs(pkgs)) {
				t.Error(complaint)
			}
			if platform[0] == "linux" {
				for _, complaint := range checkTables(pkgs) {
					t.Error(complaint)
				}
			}
		})
	}
}

// checkRooms holds direct imports against the table.
func checkRooms(pkgs []pkg) (complaints []string) {
	for _, p := range pkgs {
		i := slices.IndexFunc(rooms, func(r room) bool { return match(r.path, p.path()) })
		if i < 0 {
			complaints = append(complaints, fmt.Sprintf("%s has no row in table_test.go: say there what it may import, and why", p.path()))
			continue
		}
		for _, imported := range p.Imports {
			if ours(imported) && !matchAny(rooms[i].may, below(imported)) {
				complaints = append(complaints, fmt.Sprintf("%s must not import %s: %s", p.path(), below(imported), rooms[i].because))
			}
		}
	}
	return complaints
}

// checkBans holds everything that a package links against the bans.
func checkBans(pkgs []pkg) (complaints []string) {
	for _, b := range bans {
		for _, p := range pkgs {
			if !matchAny(b.who, p.path()) || matchAny(b.except, p.path()) {
				continue
			}
			for _, dep := range p.Deps {
				if matchAny(b.never, below(dep)) {
					complaints = append(complaints, fmt.Sprintf("%s must not link %s, and does through %s: %s",
						p.path(), below(dep), through(pkgs, p, dep), b.because))
				}
			}
		}
	}
	return complaints
}

// through returns the direct imports over which p comes to link dep.
func through(pkgs []pkg, p pkg, dep string) string {
	var ways []string
	for _, imported := range p.Imports {
		i := slices.IndexFunc(pkgs, func(q pkg) bool { return q.ImportPath == imported })
		if imported == dep || i >= 0 && slices.Contains(pkgs[i].Deps, dep) {
			ways = append(ways, below(imported))
		}
	}
	if len(ways) == 0 {
		return "a library"
	}
	return strings.Join(ways, ", ")
}

// checkLibraries holds imports of others' packages against the table.
func checkLibraries(pkgs []pkg) (complaints []string) {
	for _, p := range pkgs {
		for _, imported := range p.Imports {
			i := slices.IndexFunc(libraries, func(l library) bool { return match(l.path+"/...", imported) })
			switch {
			case i < 0 && !foreign(imported):
			case i < 0:
				complaints = append(complaints, fmt.Sprintf("%s imports %s, a library that table_test.go does not know: a dependency is a decision, write it down there", p.path(), imported))
			case !matchAny(libraries[i].only, p.path()):
				complaints = append(complaints, fmt.Sprintf("%s must not import %s, only %s may: %s", p.path(), imported, strings.Join(libraries[i].only, ", "), libraries[i].because))
			}
		}
	}
	return complaints
}

// checkDocs wants a comment on every package, in the form that go doc expects.
func checkDocs(pkgs []pkg) (complaints []string) {
	for _, p := range pkgs {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:] + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			complaints = append(complaints, fmt.Sprintf("%s has no package comment that begins with %q, it has %q", p.path(), want, p.Doc))
		}
	}
	return complaints
}

// checkTables finds rules that no longer mean anything, because what they speak of was
// renamed or removed: a wall around nothing holds nothing back.
func checkTables(pkgs []pkg) (complaints []string) {
	exists := func(pattern string) bool {
		return slices.ContainsFunc(pkgs, func(p pkg) bool { return match(pattern, p.path()) })
	}
	known := func(table, pattern string) {
		folder := pattern == "examples/..." // Go files are free to come and go there
		if !folder && !exists(pattern) {
			complaints = append(complaints, fmt.Sprintf("%s speak of %s, which does not exist: follow the rename, or drop the rule", table, pattern))
		}
	}
	for _, r := range rooms {
		known("rooms", r.path)
		for _, may := range r.may {
			known("rooms", may)
		}
	}
	for _, b := range bans {
		for _, path := range slices.Concat(b.who, b.except, b.never) {
			known("bans", path)
		}
	}
	for _, l := range libraries {
		for _, only := range l.only {
			known("libraries", only)
		}
		used := slices.ContainsFunc(pkgs, func(p pkg) bool {
			return slices.ContainsFunc(p.Imports, func(i string) bool { return match(l.path+"/...", i) })
		})
		if !used {
			complaints = append(complaints, fmt.Sprintf("libraries speak of %s, which nothing imports: drop it, from go.mod too", l.path))
		}
	}
	return complaints
}

// TestTheRulesBite builds a house with one wrong wall at a time.
func TestTheRulesBite(t *testing.T) {
	of := func(path, name, doc string, imports ...string) pkg {
		for i, imported := range imports {
			if dir, own := strings.CutPrefix(imported, "./"); own {
				imports[i] = module + "/" + dir
			}
		}
		return pkg{ImportPath: module + "/" + path, Name: name, Doc: doc, Imports: imports, Deps: imports}
	}
	tests := map[string]struct {
		check func([]pkg) []string
		house []pkg
		want  string
	}{
		"upwards":         {checkRooms, []pkg{of("adapter", "adapter", "", "./model")}, "adapter must not import model"},
		"a subpackage":    {checkRooms, []pkg{of("adapter", "adapter", "", "./linalg/reference")}, "adapter must not import linalg/reference"},
		"an unknown room": {checkRooms, []pkg{of("utils", "utils", "")}, "utils has no row"},
		"a likely name":   {checkRooms, []pkg{of("linalgebra", "linalgebra", "")}, "linalgebra has no row"},
		"a long way round": {checkBans, []pkg{
			{ImportPath: module + "/cmd/cola-participant", Imports: []string{module + "/internal/cli"}, Deps: []string{module + "/internal/cli", module + "/model"}},
			{ImportPath: module + "/internal/x", Deps: nil},
		}, "cmd/cola-participant must not link model, and does through a library"},
		"testing":        {checkLibraries, []pkg{of("model", "model", "", "testing")}, "model must not import testing"},
		"tests' package": {checkBans, []pkg{of("model", "model", "", "./linalg/reference")}, "model must not link linalg/reference, and does through linalg/reference"},
		"cuda":           {checkBans, []pkg{of("internal/sim", "sim", "", "./cuda")}, "internal/sim must not link cuda"},
		"msgpack":        {checkLibraries, []pkg{of("participant", "participant", "", "github.com/vmihailenco/msgpack/v5")}, "participant must not import"},
		"BLAS":           {checkLibraries, []pkg{of("model", "model", "", "gonum.org/v1/gonum/blas/blas32")}, "only linalg may"},
		"a new library":  {checkLibraries, []pkg{of("model", "model", "", "example.org/fast")}, "does not know"},
		"no comment":     {checkDocs, []pkg{of("model", "model", "")}, "model has no package comment"},
		"another's":      {checkDocs, []pkg{of("model", "model", "Package models does.")}, "model has no package comment"},
		"a command's":    {checkDocs, []pkg{of("cmd/cola", "main", "Package main runs.")}, `begins with "Command cola "`},
		"gone":           {checkTables, []pkg{of("linalg", "linalg", "")}, "rooms speak of model, which does not exist"},
		"purego":         {checkLibraries, []pkg{of("cuda", "cuda", "", "github.com/ebitengine/purego")}, "only cuda/internal/dl may"},
		"a part of cuda": {checkBans, []pkg{of("cmd/cola-participant", "main", "", "./cuda/internal/dl")}, "cmd/cola-participant must not link cuda/internal/dl"},
		"unused":         {checkTables, []pkg{of("linalg", "linalg", "")}, "libraries speak of gonum.org/v1/gonum, which nothing imports"},
	}
	for name, tt := range tests {
		if got := strings.Join(tt.check(tt.house), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: the complaints are %q, want one with %q", name, got, tt.want)
		}
	}
	right := []pkg{
		of("model", "model", "Package model is right.", "./linalg", "./adapter", "fmt"),
		of("linalg/linalgtest", "linalgtest", "Package linalgtest is right.", "./linalg", "testing"),
		of("examples/mnist", "main", "Command mnist is right.", "./coordinator", "./participant"),
	}
	if got := slices.Concat(checkRooms(right), checkBans(right), checkLibraries(right), checkDocs(right)); len(got) != 0 {
		t.Errorf("complaints about what is right: %q", got)
	}
}

// maxEdge bounds the size of the edge binary, without symbols.
const maxEdge = 20 << 20

// TestEdgeBinary builds cola-participant as it is released.
func TestEdgeBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a binary")
	}
	touch(t)
	binary := filepath.Join(t.TempDir(), "cola-participant.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/cola-participant")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cola-participant does not build without cgo: %v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxEdge {
		t.Errorf("the edge binary has %d bytes, more than %d: go list -deps ./cmd/cola-participant says what came along", info.Size(), maxEdge)
	}
	if runtime.GOOS != "linux" {
		return
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the edge binary is not static: it has a segment %v", part.Type)
		}
	}
}
