package cli_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/gradientlearning/cola/protocol"
)

// codes returns every constant of type Code in package protocol.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../protocol/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Code" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value)
		}
		return true
	})
	return all
}

func TestEveryExitStatusIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		status, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		documented[row[2]] = status
	}
	all := codes(t)
	if len(all) < 20 {
		t.Fatalf("found only %d codes in the source", len(all))
	}
	for _, code := range all {
		if got, want := documented[code], protocol.Code(code).ExitStatus(); got != want {
			t.Errorf("docs/exit-codes.md gives %s the status %d, it is %d", code, got, want)
		}
		delete(documented, code)
	}
	for code := range documented {
		t.Errorf("docs/exit-codes.md has a code that does not exist: %s", code)
	}
}

// TestDocsNameWhatExists keeps the two pages true: every path in backticks that looks
// like one of the repository's, and every link to another page, is there.
func TestDocsNameWhatExists(t *testing.T) {
	rooms := `(?:cmd|coordinator|participant|protocol|adapter|model|data|linalg|internal)`
	path := regexp.MustCompile("`(" + rooms + "/[a-z0-9_./-]*)`")
	link := regexp.MustCompile(`\]\(([a-z0-9_./-]+)\)`)
	for _, page := range []string{"architecture.md", "exit-codes.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range path.FindAllSubmatch(text, -1) {
			if _, err := os.Stat("../../" + string(m[1])); err != nil {
				t.Errorf("docs/%s names %s, which is not there", page, m[1])
			}
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat("../../docs/" + string(m[1])); err != nil {
				t.Errorf("docs/%s links to %s, which is not there", page, m[1])
			}
		}
	}
}
