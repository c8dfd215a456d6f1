package table_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data/table"
	"github.com/klauspost/compress/zstd"
)

// file writes a file and returns its path.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns all rows of a file as objects, and where they are.
func read(path string, o table.Options) (rows []table.Object, where []string, err error) {
	for row, err := range table.Rows(path, o) {
		if err != nil {
			return rows, where, err
		}
		var object table.Object
		for _, name := range row.Names() {
			v, _ := row.Value(name)
			object = append(object, table.Field{Name: name, Value: v})
		}
		rows = append(rows, object)
		_, at, _ := strings.Cut(row.Where(), filepath.Base(path)+": ")
		where = append(where, at)
	}
	return rows, where, nil
}

func TestForms(t *testing.T) {
	two := []table.Object{
		{{Name: "text", Value: "a \"b\",\tc"}, {Name: "n", Value: "1"}},
		{{Name: "text", Value: "two\nlines ä"}, {Name: "n", Value: "-2.50"}},
	}
	typed := []table.Object{
		{{Name: "text", Value: "a \"b\",\tc"}, {Name: "n", Value: table.Number("1")}},
		{{Name: "text", Value: "two\nlines ä"}, {Name: "n", Value: table.Number("-2.50")}},
	}
	tests := []struct {
		name, content string
		want          []table.Object
		where         []string
	}{
		{"a.jsonl", "\ufeff{\"text\": \"a \\\"b\\\",\\tc\", \"n\": 1}\n\n  \r\n{\"text\": \"two\\nlines ä\", \"n\": -2.50}", typed, []string{"line 1", "line 4"}},
		{"a.ndjson", "{\"text\": \"a \\\"b\\\",\\tc\", \"n\": 1}\r\n{\"text\": \"two\\nlines ä\", \"n\": -2.50}\r\n", typed, []string{"line 1", "line 2"}},
		{"a.json", "\ufeff[\n {\"text\": \"a \\\"b\\\",\\tc\",\n  \"n\": 1},\n {\"text\": \"two\\nlines ä\", \"n\": -2.50}\n]\n", typed, []string{"line 2", "line 4"}},
		{"b.JSON", "{\"text\": \"a \\\"b\\\",\\tc\", \"n\": 1}\n{\"text\": \"two\\nlines ä\", \"n\": -2.50}", typed, []string{"line 1", "line 2"}},
		{"a.csv", "\ufefftext,n\n\"a \"\"b\"\",\tc\",1\r\n\n\"two\nlines ä\",-2.50", two, []string{"line 2", "line 4"}},
		{"a.tsv", "text\tn\n\"a \"\"b\"\",\tc\"\t1\n\"two\nlines ä\"\t-2.50\n", two, []string{"line 2", "line 3"}},
	}
	for _, tt := range tests {
		for _, packing := range []string{"", ".gz", ".zst"} {
			t.Run(tt.name+packing, func(t *testing.T) {
				rows, where, err := read(file(t, tt.name+packing, pack(t, packing, tt.content)), table.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, rows); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.where, where); diff != "" && packing == "" {
					t.Errorf("places (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func pack(t testing.TB, suffix, content string) string {
	t.Helper()
	var b bytes.Buffer
	switch suffix {
	case ".gz":
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(content))
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write([]byte(content))
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
	default:
		return content
	}
	return b.String()
}

func TestFaults(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	tests := []struct{ name, content, says string }{
		{"cut.jsonl", "{\"a\": 1}\n{\"a\": ", "line 2, character 6: not a valid data file: it ends too early"},
		{"text.jsonl", "{\"a\": 1}\n{\"a\": 1]\n", "line 2, character 8: not a valid data file: invalid character ']'"},
		{"array.jsonl", "[1]\n", "line 1, character 2: not a valid data file: there is [ where an object"},
		{"two.jsonl", "{\"a\": 1} {\"a\": 2}\n", "something follows the object"},
		{"twice.jsonl", "{\"a\": 1, \"a\": 2}\n", "\"a\" is there twice"},
		{"deep.jsonl", "{\"a\": " + deep + "}", "more than 64 lists and objects"},
		{"cut.json", "[{\"a\": 1},\n{\"a\": [1", "line 2, character 9: not a valid data file: it ends too early"},
		{"number.json", "[1]", "there is 1 where an object"},
		{"open.json", "[{\"a\": 1}\n", "it ends too early"},
		{"more.json", "[{\"a\": 1}] 3", "something follows the array"},
		{"value.json", "[{\"a\": tru}]", "not a valid data file"},
		{"quote.csv", "a,b\n1,2\nx \"y\" z,3\n", "line 3, character 3: not a valid data file: bare"},
		{"open.csv", "a,b\n1,\"2\n\n", "not a valid data file: extraneous or missing"},
		{"wide.csv", "a,b\n1,2,3\n", "line 2: not a valid data file: it has 3 fields, and there are 2 columns (a, b)"},
		{"twice.tsv", "a\ta\n1\t2\n", "two columns are named \"a\""},
		{"empty.csv", "", "it is empty: its first line is to name the columns"},
		{"header.csv", "a,\"b\n", "line 1"},
		{"gzip.jsonl.gz", "{}", "its gzip header"},
		{"cut.jsonl.gz", pack(t, ".gz", "{\"a\": 1}")[:20], "it ends too early"},
		{"zstd.jsonl.zst", "{}{}{}", "not a valid data file"},
		{"short.parquet", "PAR1PAR1", "no Parquet file"},
		{"end.parquet", "PAR1 and other things", "it does not end as a Parquet file does"},
		{"secret.parquet", "PAR1\x00\x00\x00\x00\x00\x00\x00\x00PARE", "encrypted"},
		{"long.parquet", "PAR1\x00\x00\x00\x00\xff\xff\x00\x00PAR1", "is to have 65535 bytes"},
		{"blank.parquet", "PAR1\x00\x00\x00\x00\x04\x00\x00\x00PAR1", "its schema"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.name, tt.content)
			_, _, err := read(path, table.Options{})
			if !errors.Is(err, table.ErrFormat) {
				t.Fatalf("%v, want ErrFormat", err)
			}
			for _, part := range []string{tt.says, path} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	path := file(t, "glue.txt", "gj04\t1\t\t\"Quoted\" he said.\r\n\ncj99\t0\t*\tHim \"left.\n")
	o := table.Options{Form: table.TSV, Unquoted: true, Header: []string{"source", "gold", "mark", "sentence"}, Columns: map[string]string{"label": "gold", "text": "sentence"}}
	var got []string
	for row, err := range table.Rows(path, o) {
		if err != nil {
			t.Fatal(err)
		}
		text, err := row.Text("text")
		label, err2 := row.Number("label")
		if err := errors.Join(err, err2); err != nil || !row.Has("label") || row.Has("nothing") {
			t.Fatalf("%v, %v", err, row.Names())
		}
		got = append(got, text, map[float64]string{0: "no", 1: "yes"}[label])
	}
	if diff := cmp.Diff([]string{`"Quoted" he said.`, "yes", `Him "left.`, "no"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, _, err := read(path, table.Options{}); err == nil || !strings.Contains(err.Error(), "does not say what it is") {
		t.Errorf("a file of unknown form: %v", err)
	}
	if _, _, err := read(path, table.Options{Form: "xml"}); err == nil || !strings.Contains(err.Error(), "is not a form") {
		t.Errorf("an unknown form: %v", err)
	}
	for _, name := range []string{"none.jsonl", "none.parquet"} {
		if _, _, err := read(filepath.Join(t.TempDir(), name), table.Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRowsStopsWhenAsked(t *testing.T) {
	n := 0
	for _, err := range table.Rows(file(t, "a.jsonl", "{}\n{}\nnonsense"), table.Options{}) {
		if n++; err != nil || n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("stopped after %d", n)
	}
}

func TestFormOf(t *testing.T) {
	for path, want := range map[string]string{
		"a.jsonl": "jsonl", "x/A.JSON.GZ": "json", "b.csv.zst": "csv", "c.ndjson": "jsonl", "d.tsv": "tsv", "e.parquet": "parquet",
		"f.txt": "", "g": "", "h.gz": "",
	} {
		form, ok := table.FormOf(path)
		if form != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", path, form, ok, want)
		}
	}
	if _, ok := table.FormOf("a.parquet.gz"); ok {
		t.Error("a packed Parquet file is said to be read")
	}
}

func TestCells(t *testing.T) {
	path := file(t, "a.jsonl", `{"text": "t", "n": 3.5, "none": null, "list": ["a", "b"], "mixed": ["a", 1], "object": {"in": {"deep": "d"}}, "nan": "NaN", "long": "`+strings.Repeat("x", 50)+`"}`)
	for row, err := range table.Rows(path, table.Options{Columns: map[string]string{"inner": "object.in.deep"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"text": "t", "n": "3.5", "none": "", "inner": "d"} {
			if got, err := row.Text(name); err != nil || got != want {
				t.Errorf("%s is %q (%v), want %q", name, got, err, want)
			}
		}
		if n, err := row.Number("n"); err != nil || n != 3.5 {
			t.Errorf("n is %v, %v", n, err)
		}
		if texts, err := row.Texts("list"); err != nil || cmp.Diff([]string{"a", "b"}, texts) != "" {
			t.Errorf("list is %v, %v", texts, err)
		}
		faults := map[string]func() error{
			`column "list": it is a list of 2, not text`:                          func() error { _, err := row.Text("list"); return err },
			`column "object": it is an object, not text`:                          func() error { _, err := row.Text("object"); return err },
			`column "text": "t" is not a finite number`:                           func() error { _, err := row.Number("text"); return err },
			`column "nan": "NaN" is not a finite number`:                          func() error { _, err := row.Number("nan"); return err },
			`column "long": "` + strings.Repeat("x", 37) + `..." is not a finite`: func() error { _, err := row.Number("long"); return err },
			`there is no column "gone": it has text, n, none`:                     func() error { _, err := row.Number("gone"); return err },
			`there is no column "text.in"`:                                        func() error { _, err := row.List("text.in"); return err },
			`column "n": it is the number 3.5, not a list`:                        func() error { _, err := row.Texts("n"); return err },
			`column "mixed": entry 2 is the number 1, not text`:                   func() error { _, err := row.Texts("mixed"); return err },
		}
		for says, do := range faults {
			if err := do(); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path+": line 1") {
				t.Errorf("%v does not say %q at its line", err, says)
			}
		}
	}
}

// TestLiteral holds against what Python 3.11 prints for the same values.
func TestLiteral(t *testing.T) {
	v := table.Object{
		{Name: "agg", Value: table.Number("0")},
		{Name: "conds", Value: []table.Value{"a", "it's", "it's \"so\"", "tab\t\\ \n\r\x00\u00a0\u2028é\U0001f600\U000e0001"}},
		{Name: "sel", Value: nil},
		{Name: "yes", Value: []table.Value{true, false, table.Object{}}},
	}
	want := `{'agg': 0, 'conds': ['a', "it's", 'it\'s "so"', 'tab\t\\ \n\r\x00\xa0\u2028é😀\U000e0001'], 'sel': None, 'yes': [True, False, {}]}`
	if got := table.Literal(v); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestKind(t *testing.T) {
	for want, v := range map[string]table.Value{"nothing": nil, "true or false": true, "text": "x", "a list of 1": []table.Value{nil}, "an object": table.Object{}} {
		if got := table.Kind(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

// TestLargeRows: a row may be longer than any buffer, and not without end.
func TestLargeRows(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	for name, content := range map[string]string{
		"a.jsonl": `{"n": 1}` + "\n" + `{"text": "` + long + `"}`,
		"a.json":  `[{"n": 1},` + "\n" + `{"text": "` + long + `"}]`,
		"a.csv":   "text\n1\n" + long + "\n",
	} {
		rows, _, err := read(file(t, name, content), table.Options{})
		if err != nil || len(rows) != 2 || len(rows[1][0].Value.(string)) != len(long) {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
	if testing.Short() {
		t.Skip("rows of 64 MiB take a second")
	}
	endless := strings.Repeat("x", 65<<20)
	for name, content := range map[string]string{"a.jsonl": `{"text": "`, "a.json": `[{"text": "`, "a.csv": "a,b\n\""} {
		_, _, err := read(file(t, name+".zst", pack(t, ".zst", content+endless)), table.Options{})
		if !errors.Is(err, table.ErrFormat) || !strings.Contains(err.Error(), "than 67108864 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
