package data_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

func TestColumns(t *testing.T) {
	glue := "id\tgold\t\tsaid\n1\tno\t*\tHe \"left.\n2\tyes\t\tShe came.\n"
	tests := []struct {
		name, spec, content string
		o                   data.TextOptions
		task                data.Task
		classes             int
		categories          []string
		want                []row
	}{
		{"classes", "jsonl", `{"text": "a", "label": 0}` + "\n" + `{"text": "b", "label": 4}`, data.TextOptions{}, data.SequenceClassification, 5, nil,
			[]row{{Input: "a"}, {Input: "b", Label: 4}}},
		{"two texts", "csv", "text,text2,label\na,b,1\n", data.TextOptions{}, data.SequenceClassification, 2, nil, []row{{Input: "a b", Label: 1}}},
		{"named classes", "tsv", glue, data.TextOptions{Unquoted: true, Columns: map[string]string{"text": "said", "label": "gold"}, Labels: []string{"no", "yes", "both"}},
			data.SequenceClassification, 3, []string{"no", "yes", "both"}, []row{{Input: `He "left.`}, {Input: "She came.", Label: 1}}},
		{"no header", "csv", "a,1\nb,0\n", data.TextOptions{Header: []string{"text", "label"}}, data.SequenceClassification, 2, nil, []row{{Input: "a", Label: 1}, {Input: "b"}}},
		{"sources", "json", `[{"source": "a", "target": "b", "category": "z"}, {"source": "c", "target": "d", "category": "y"}]`, data.TextOptions{}, data.SequenceToSequence, 0, []string{"y", "z"},
			[]row{{"a", "b<eos>", 1, []string{"b"}}, {"c", "d<eos>", 0, []string{"d"}}}},
		{"prompts", "jsonl", `{"prompt": "a b", "response": " c", "label": 3}`, data.TextOptions{Task: data.CausalLM}, data.CausalLM, 0, nil,
			[]row{{"a b c<eos>", ".. c<eos>", 0, []string{" c"}}}},
		{"passages", "jsonl", `{"text": "a b"}`, data.TextOptions{}, data.CausalLM, 0, nil, []row{{Input: "a b<eos>", Target: "a b<eos>"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWords()
			tt.o.Tokenizer, tt.o.Rules = w, data.DefaultRules(32)
			ds := openText(t, tt.spec+":"+written(t, "rows.txt", tt.content), tt.o)
			wantRows(t, w, ds, tt.want...)
			if f := ds.Format(); f.Task != tt.task || f.Classes != tt.classes {
				t.Errorf("format %+v", f)
			}
			if diff := cmp.Diff(tt.categories, ds.Categories()); diff != "" {
				t.Errorf("categories (-want +got):\n%s", diff)
			}
		})
	}
	scores := openText(t, "jsonl:"+written(t, "a", `{"text": "a", "score": -1.5}`), data.TextOptions{Tokenizer: newWords(), Rules: data.DefaultRules(32)})
	if got := scores.Batch([]int{0}).Labels.F32()[0]; got != -1.5 || scores.Format().Classes != 1 {
		t.Errorf("score %v, format %+v", got, scores.Format())
	}
}

// TestMarkerOfColumns: a marker that is declared is kept.
func TestMarkerOfColumns(t *testing.T) {
	w := newWords()
	path := written(t, "a.jsonl", `{"prompt": "a b c d e f g h i j k answer:", "response": " x"}`)
	ds := openText(t, "jsonl:"+path, data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(8), Marker: " answer:"})
	if got := w.text(ds.Batch([]int{0}).Inputs.I32()); got != "a b c d answer: x<eos>" || ds.Truncated() != 1 {
		t.Errorf("%q, %d truncated", got, ds.Truncated())
	}
}

func TestPlainText(t *testing.T) {
	w := newWords()
	path := written(t, "a.txt", "\ufeffa b c d e f g h i j k l m n o p q")
	ds := openText(t, "text:"+path, data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(8)})
	wantRows(t, w, ds, row{Input: "a b c d e f g h", Target: "a b c d e f g h"}, row{Input: " i j k l m n o p", Target: " i j k l m n o p"})
	if ds.Example(1).Where != path+": example 2" || ds.Format().Longest != 8 || ds.Truncated() != 0 {
		t.Errorf("%+v, longest %d", ds.Example(1), ds.Format().Longest)
	}
	llama := &words{ids: map[string]int32{}, before: "<s>"}
	packed := folder(t, map[string][]byte{"a.txt.gz": gzipped(t, []byte("a b c d e f g h i j"))}) + "/a.txt.gz"
	ds = openText(t, "text:"+packed, data.TextOptions{Tokenizer: llama, Rules: data.DefaultRules(8)})
	wantRows(t, llama, ds, row{Input: "<s>a b c d e f g", Target: "<s>a b c d e f g"}, row{Input: "<s> h i j", Target: "<s> h i j"})
}

func TestOpenTextFaults(t *testing.T) {
	with := func(content string) string { return written(t, "rows.jsonl", content) }
	o := data.TextOptions{Tokenizer: newWords(), Rules: data.DefaultRules(16)}
	tests := []struct {
		spec string
		o    data.TextOptions
		says string
	}{
		{"nothing:x", o, `"nothing:x" is no data set of text: use cola, dart, dolly`},
		{"dolly", o, `names no file: write dolly:PATH`},
		{"dolly::test", o, `names no file`},
		{"dolly:x", data.TextOptions{Rules: o.Rules}, `needs a tokenizer`},
		{"dolly:hub:a/b", o, `is on the hub, which is not reached from here`},
		{"jsonl:" + with(""), o, `there is not one row`},
		{"jsonl:" + with("{"), o, `line 1`},
		{"jsonl:" + with(`{"text": "a", "label": -1}`), o, `column "label": -1 is not a class`},
		{"jsonl:" + with(`{"text": "a", "label": 1.5}`), o, `1.5 is not a class`},
		{"jsonl:" + with(`{"text": "a", "label": 65536}`), o, `65536 is not a class`},
		{"jsonl:" + with(`{"text": "a", "label": "yes"}`), o, `where labels have names, list the names`},
		{"jsonl:" + with(`{"text": "a", "label": "yes"}`), data.TextOptions{Tokenizer: o.Tokenizer, Rules: o.Rules, Labels: []string{"no"}}, `"yes" is none of no`},
		{"jsonl:" + with(`{"text": "a"}`), data.TextOptions{Tokenizer: o.Tokenizer, Rules: o.Rules, Task: data.SequenceClassification}, `no column "label"`},
		{"jsonl:" + with(`{"text": "a"}`), data.TextOptions{Tokenizer: o.Tokenizer, Rules: o.Rules, Task: data.ImageClassification}, `"image-cls" is not a task of text`},
		{"jsonl:" + with(`{"said": "a"}`), o, `no column "prompt": it has said; map the column`},
		{"jsonl:" + with(`{"source": "a"}`), o, `no column "target"`},
		{"jsonl:" + with(`{"text": 1, "text2": [], "label": 0}`), o, `column "text2": it is a list of 0`},
		{"jsonl:" + with(`{"label": 0}`), o, `no column "text"`},
		{"jsonl:" + with(`{"text": "a b", "category": "x"}`+"\n"+`{"text": "a b"}`), o, `line 2: there is no column "category"`},
		{"jsonl:" + with(`{"text": "a b", "category": []}`), o, `column "category": it is a list of 0`},
		{"jsonl:" + with(`{"text": ""}`), o, `line 1: there is no text`},
		{"jsonl:" + with(`{"text": "a"}`), data.TextOptions{Tokenizer: o.Tokenizer, Rules: data.Rules{Longest: 8}}, `not one token is left to be learnt`},
		{"jsonl:" + with(`{"text": "a"}`) + ":test", o, `is one file: it has no part "test"`},
		{"text:" + with(""), o, `there is not one example`},
		{"text:" + with("a"), o, `there is not one example`},
		{"text:" + with("a b") + ":train", o, `is one file: it has no part "train"`},
		{"text:" + t.TempDir(), o, `is a directory`},
	}
	for _, tt := range tests {
		_, err := data.OpenText(tt.spec, tt.o)
		wantFault(t, err, tt.says)
	}
	for _, spec := range []string{"dolly:" + t.TempDir() + "/none.jsonl", "text:" + t.TempDir() + "/none.txt", "cola:" + t.TempDir()} {
		if _, err := data.OpenText(spec, o); !errors.Is(err, data.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", spec, err)
		}
	}
	if _, err := data.OpenText("dolly:"+with("{"), o); !errors.Is(err, data.ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
}

// tree writes files below a folder; what each holds is its own name, as a row.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		content := `{"sentence": "` + name + `", "label": 1}`
		if strings.HasSuffix(name, ".csv") {
			content = "sentence,label\n" + name + ",1\n"
		}
		if err := errors.Join(err, os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolders(t *testing.T) {
	published := []string{"README.json.md", ".cache/train.jsonl", "cola/train-00001-of-00002.jsonl", "cola/train-00000-of-00002.jsonl", "cola/validation.jsonl", "cola/test.jsonl", "sst2/train.jsonl", "sst2/test.jsonl"}
	tests := []struct {
		files []string
		spec  string
		want  []string
		says  string
	}{
		{published, "cola:DIR", []string{"cola/train-00000-of-00002.jsonl", "cola/train-00001-of-00002.jsonl"}, ""},
		{published, "cola:DIR:train", []string{"cola/train-00000-of-00002.jsonl", "cola/train-00001-of-00002.jsonl"}, ""},
		{published, "cola:DIR:validation", []string{"cola/validation.jsonl"}, ""},
		{published, "sst2:DIR:test", []string{"sst2/test.jsonl"}, ""},
		{published, "sst2:DIR:validation", nil, `no table of the part "validation": it has sst2/test.jsonl, sst2/train.jsonl`},
		{[]string{"everything.jsonl", "notes.txt"}, "cola:DIR", []string{"everything.jsonl"}, ""},
		{[]string{"everything.jsonl", "notes.txt"}, "cola:DIR:test", nil, `no table of the part "test"`},
		{[]string{"dev.csv"}, "cola:DIR:validation", []string{"dev.csv"}, ""},
		{[]string{"dev.csv"}, "cola:DIR", nil, `no table of the part "train": it has dev.csv`},
		{[]string{"data/train/0000.jsonl", "data/test/0000.jsonl"}, "cola:DIR:test", []string{"data/test/0000.jsonl"}, ""},
		{[]string{"a/train.jsonl", "b/train.jsonl"}, "cola:DIR", nil, "has several data sets (a/train.jsonl, b/train.jsonl)"},
		{[]string{"train.jsonl", "train.csv"}, "cola:DIR", nil, "has several data sets"},
		{[]string{"1.csv", "2.csv", "3.csv", "4.csv", "5.csv", "6.csv"}, "cola:DIR", nil, "1.csv, 2.csv, 3.csv, 4.csv, 5.csv and others"},
		{nil, "cola:DIR", nil, "it has none at all"},
	}
	for _, tt := range tests {
		dir := tree(t, tt.files...)
		w := newWords()
		rules := data.DefaultRules(64)
		ds, err := data.OpenText(strings.ReplaceAll(tt.spec, "DIR", dir), data.TextOptions{Tokenizer: w, Rules: rules})
		if tt.says != "" {
			wantFault(t, err, tt.says)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.spec, err)
			continue
		}
		var got []string
		for _, r := range rows(w, ds) {
			got = append(got, strings.TrimPrefix(r.Input, "sentence: "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s of %v (-want +got):\n%s", tt.spec, tt.files, diff)
		}
	}
	generic := tree(t, "train.csv")
	openText(t, "jsonl:"+generic, data.TextOptions{Tokenizer: newWords(), Rules: data.DefaultRules(64), Columns: map[string]string{"text": "sentence"}})
}

func TestHub(t *testing.T) {
	dir := tree(t, "cola/train.jsonl", "cola/test.jsonl")
	asked := ""
	o := data.TextOptions{Tokenizer: newWords(), Rules: data.DefaultRules(64), Fetch: func(repository string) (string, error) {
		asked = repository
		return dir, nil
	}}
	if ds := openText(t, "cola:hub:owner/glue:test", o); asked != "owner/glue" || !strings.HasPrefix(ds.Example(0).Where, filepath.Join(dir, "cola", "test.jsonl")) {
		t.Errorf("%q was asked for, and %s read", asked, ds.Example(0).Where)
	}
	o.Fetch = func(string) (string, error) { return "", fs.ErrPermission }
	if _, err := data.OpenText("cola:hub:owner/glue", o); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v, want what the hub says", err)
	}
}

func TestIsText(t *testing.T) {
	for spec, want := range map[string]bool{"dolly:x": true, "jsonl:x": true, "text:x": true, "mnist": false, "idx:x": false, "cifar10:x": false, "dolly": false, "": false} {
		if got := data.IsText(spec); got != want {
			t.Errorf("%q: %v, want %v", spec, got, want)
		}
	}
	_, err := data.Open("dolly:x")
	wantFault(t, err, "is text: it needs a tokenizer")
	if len(data.Presets()) != 15 {
		t.Errorf("presets %v", data.Presets())
	}
}
