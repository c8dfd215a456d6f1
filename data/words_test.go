package data_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// words is a tokenizer for tests: a word with the space before it is a token, and so is
// everything else one character at a time. Ids are given as words come.
type words struct {
	pieces        []string
	ids           map[string]int32
	before, after string // what EncodeSpecial puts around
	eos           string
}

var pieces = regexp.MustCompile(` ?[\pL\pN_]+|(?s:.)`)

// newWords returns a tokenizer like GPT-2's: nothing is put around a text, and <eos> ends it.
func newWords() *words { return &words{ids: map[string]int32{}, eos: "<eos>"} }

// framed returns a tokenizer like RoBERTa's.
func framed() *words {
	return &words{ids: map[string]int32{}, before: "<s>", after: "</s>", eos: "</s>"}
}

func (w *words) id(piece string) int32 {
	id, ok := w.ids[piece]
	if !ok {
		id = int32(len(w.pieces))
		w.ids[piece] = id
		w.pieces = append(w.pieces, piece)
	}
	return id
}

func (w *words) Encode(text string) []int32 {
	var ids []int32
	for _, piece := range pieces.FindAllString(text, -1) {
		ids = append(ids, w.id(piece))
	}
	return ids
}

func (w *words) EncodeSpecial(text string) []int32 {
	ids := w.Encode(text)
	if w.before != "" {
		ids = slices.Insert(ids, 0, w.id(w.before))
	}
	if w.after != "" {
		ids = append(ids, w.id(w.after))
	}
	return ids
}

func (w *words) Vocabulary() int { return 1 << 16 }

func (w *words) EOS() (int32, bool) { return w.id(w.eos), w.eos != "" }

func (w *words) Fingerprint() string { return "words" }

// text decodes ids.
func (w *words) text(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(w.pieces[id])
	}
	return b.String()
}

// labelled decodes labels: what brings no loss is a dot.
func (w *words) labelled(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		if id == data.Ignored {
			b.WriteByte('.')
		} else {
			b.WriteString(w.pieces[id])
		}
	}
	return b.String()
}

// openText opens a data set of text that is to be well.
func openText(t testing.TB, spec string, o data.TextOptions) *data.Text {
	t.Helper()
	ds, err := data.OpenText(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// written returns a file of the content in a folder of its own.
func written(t testing.TB, name, content string) string {
	t.Helper()
	return folder(t, map[string][]byte{name: []byte(content)}) + "/" + name
}

// row is what an example of text is in words.
type row struct {
	Input, Target string
	Label         int
	References    []string
}

// rows decodes a data set.
func rows(w *words, ds data.Texts) []row {
	var all []row
	for i := range ds.Len() {
		b := ds.Batch([]int{i})
		r := row{Input: w.text(b.Inputs.I32()), Label: ds.Label(i), References: ds.Example(i).References}
		switch ds.Format().Task {
		case data.SequenceToSequence:
			r.Target = w.text(b.Labels.I32())
		case data.CausalLM:
			r.Target = w.labelled(b.Labels.I32())
		}
		all = append(all, r)
	}
	return all
}

func wantRows(t *testing.T, w *words, ds data.Texts, want ...row) {
	t.Helper()
	if diff := cmp.Diff(want, rows(w, ds)); diff != "" {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
}

// wantFault holds an error against what it is to say.
func wantFault(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", says)
		return
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
