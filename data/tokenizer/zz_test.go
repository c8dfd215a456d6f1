package tokenizer_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/data/tokenizer"
)

func TestZZ(t *testing.T) {
	dirs, _ := filepath.Glob("/tmp/t2/u/*")
	for _, d := range dirs {
		t.Run(filepath.Base(d), func(t *testing.T) {
			tok, err := tokenizer.Open(d)
			if err != nil {
				t.Fatal(err)
			}
			f, _ := os.Open(d + "/vec.jsonl")
			sc := bufio.NewScanner(f)
			sc.Buffer(nil, 1<<24)
			n, bad, badDec := 0, 0, 0
			for sc.Scan() {
				var v struct {
					S, Dec string
					IDs    []int32
				}
				json.Unmarshal(sc.Bytes(), &v)
				n++
				if got := tok.Encode(v.S); !slices.Equal(got, v.IDs) {
					if bad++; bad < 5 {
						t.Errorf("%q:\n got %v\nwant %v", v.S, got, v.IDs)
					}
				}
				if got := tok.Decode(v.IDs, false); got != v.Dec {
					if badDec++; badDec < 4 {
						t.Errorf("%v:\n got %q\nwant %q", v.IDs, got, v.Dec)
					}
				}
			}
			t.Log(n, bad, badDec)
		})
	}
}
