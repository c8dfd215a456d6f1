package table_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/data/table"
)

// most is how many rows of a file a fuzz target reads.
const most = 2000

// check reads a file of any bytes: it gives rows, then an ErrFormat or none.
func check(t *testing.T, content []byte, o table.Options) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for row, err := range table.Rows(path, o) {
		if err != nil {
			if !errors.Is(err, table.ErrFormat) {
				t.Errorf("%v is not an ErrFormat", err)
			}
			return
		}
		for _, name := range row.Names() {
			if v, ok := row.Value(name); !ok {
				t.Errorf("column %q is missing", name)
			} else {
				table.Literal(v)
			}
		}
		if n++; n == most {
			return
		}
	}
}

func FuzzText(f *testing.F) {
	for i, s := range []string{`{"a": [1, {"b": null}]}`, "[{\"a\": 1},\n{\"a\": true}]", "a,b\n\"x\"\"y\",2\n", "a\tb\n1\t2", "\ufeff{}"} {
		f.Add([]byte(s), uint8(i))
	}
	forms := []table.Options{{Form: table.JSONL}, {Form: table.JSON}, {Form: table.CSV}, {Form: table.TSV}, {Form: table.TSV, Unquoted: true}}
	f.Fuzz(func(t *testing.T, content []byte, form uint8) {
		check(t, content, forms[int(form)%len(forms)])
	})
}

func FuzzParquet(f *testing.F) {
	for _, name := range []string{"required", "brotli", "delta", "gzip_v2", "snappy"} {
		content, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		check(t, content, table.Options{Form: table.Parquet})
	})
}
