package table_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data/table"
)

// expected returns the rows that testdata/make_parquet.py wrote.
func expected(t *testing.T) []table.Object {
	t.Helper()
	rows, _, err := read(filepath.Join("testdata", "expected.json"), table.Options{})
	if err != nil || len(rows) != 60 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

func TestParquet(t *testing.T) {
	want := expected(t)
	sameNumbers := cmp.Comparer(func(a, b table.Number) bool {
		x, err := a.Float64()
		y, err2 := b.Float64()
		return err == nil && err2 == nil && x == y
	})
	for _, name := range []string{"plain", "snappy", "gzip_v2", "zstd"} {
		t.Run(name, func(t *testing.T) {
			rows, where, err := read(filepath.Join("testdata", name+".parquet"), table.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, rows, sameNumbers); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if where[59] != "row 60" {
				t.Errorf("the last row is at %q", where[59])
			}
		})
	}
}

func TestParquetWithoutLevels(t *testing.T) {
	rows, _, err := read(filepath.Join("testdata", "required.parquet"), table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []table.Object{
		{{Name: "n", Value: table.Number("18446744073709551615")}, {Name: "when", Value: "abcd"}},
		{{Name: "n", Value: table.Number("0")}, {Name: "when", Value: "efgh"}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestParquetRefused(t *testing.T) {
	for name, says := range map[string]string{
		"brotli": `row 1: column "text": not a valid data file: pages are compressed by brotli: write the file with snappy`,
		"delta":  `row 1: column "label": not a valid data file: values are written as differences`,
	} {
		_, _, err := read(filepath.Join("testdata", name+".parquet"), table.Options{})
		if !errors.Is(err, table.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

// TestParquetDamaged flips every byte of a file in turn: what is read is other rows or an
// ErrFormat, never a crash.
func TestParquetDamaged(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "required.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	refused := 0
	for i := range whole {
		damaged := append([]byte(nil), whole...)
		damaged[i] ^= 0xff
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range table.Rows(path, table.Options{}) {
			if n++; n > 1000 {
				break
			}
			if err != nil {
				refused++
				if !errors.Is(err, table.ErrFormat) {
					t.Errorf("byte %d: %v", i, err)
				}
			}
		}
	}
	if refused < len(whole)/4 {
		t.Errorf("%d of %d damages were refused", refused, len(whole))
	}
}
