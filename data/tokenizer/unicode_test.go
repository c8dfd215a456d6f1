package tokenizer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"encoding/json"

	"github.com/gradientlearning/cola/data/tokenizer"
)

// TestEveryCodePoint compares what each code point is taken for with the reference.
func TestEveryCodePoint(t *testing.T) {
	var all map[string]json.RawMessage
	readJSON(t, "testdata/unicode.json", &all)
	for name, is := range map[string]func(r rune) bool{
		"letter":    tokenizer.IsLetter,
		"number":    tokenizer.IsNumber,
		"space":     tokenizer.IsSpace,
		"cuts":      tokenizer.IsCut,
		"dropped":   func(r rune) bool { return tokenizer.Cleaned(r) < 0 },
		"blank":     func(r rune) bool { return tokenizer.Cleaned(r) == ' ' },
		"accent":    tokenizer.IsAccent,
		"combining": tokenizer.Combines,
		"chinese":   tokenizer.Chinese,
	} {
		var ranges [][2]rune
		if err := json.Unmarshal(all[name], &ranges); err != nil || len(ranges) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		next := 0
		for r := rune(0); r <= utf8.MaxRune; r++ {
			if r > 0x33000 && r < 0xe0000 {
				r = 0xe0000 // nothing is assigned between
			}
			for next < len(ranges) && ranges[next][1] < r {
				next++
			}
			want := next < len(ranges) && ranges[next][0] <= r
			if utf8.ValidRune(r) && is(r) != want {
				t.Errorf("%s: %U is %t, want %t", name, r, !want, want)
			}
		}
	}
	var lower map[string]string
	if err := json.Unmarshal(all["lower"], &lower); err != nil {
		t.Fatal(err)
	}
	for r := rune(0); r < 0x20000; r++ { // what is above are ideographs
		want, ok := lower[string(r)]
		if !ok {
			want = string(r)
		}
		if got := tokenizer.Lower(string(r)); utf8.ValidRune(r) && got != want {
			t.Errorf("lower: %U is %q, want %q", r, got, want)
		}
	}
}

// TestIllFormed has the examples of Unicode 15, tables 3-8 to 3-11.
func TestIllFormed(t *testing.T) {
	const bad = "\ufffd"
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"é", "é"},
		{"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", strings.Repeat(bad, 8) + "A"},
		{"\xed\xa0\x80\xed\xbf\xbf\xed\xafA", strings.Repeat(bad, 8) + "A"},
		{"\xf4\x91\x92\x93\xff\x41\x80\xbfB", strings.Repeat(bad, 5) + "A" + bad + bad + "B"},
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", strings.Repeat(bad, 4) + "A"},
		{"\xf0\x9f\x98", bad}, {"\xc3", bad}, {"\ufffd\x80", bad + bad}, {"\xf4\x8f\xbf", bad},
	} {
		if got := tokenizer.Lossy(c.text); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
	tok := open(t, "testdata/gpt2")
	if got, want := tok.Encode("a\xf0\x9f\x98b"), tok.Encode("a\ufffdb"); len(got) != len(want) {
		t.Errorf("ill-formed text has the ids %v, want %v", got, want)
	}
}
