package data_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// TestPresets reads rows written for this test in every layout that each task is published
// in. What the texts become is what the code of the ColA paper makes of such rows.
func TestPresets(t *testing.T) {
	ok := func(input string, label int) row { return row{Input: "<s>" + input + "</s>", Label: label} }
	pair := func(input, target string, label int, references ...string) row {
		if references == nil {
			references = []string{target}
		}
		return row{Input: "<s>" + input + "</s>", Target: "<s>" + target + "</s>", Label: label, References: references}
	}
	tests := []struct {
		name, file, content string
		want                []row
	}{
		{"cola", "dev.jsonl", `{"sentence": "Who sang it?", "label": "1"}` + "\n" + `{"sentence": "Sang who it.", "label": 0, "idx": 1}`, []row{ok("sentence: Who sang it?", 1), ok("sentence: Sang who it.", 0)}},
		{"mnli", "a.jsonl", `{"premise": "It rained.", "hypothesis": "It was dry.", "label": 2}`, []row{ok("premise: It rained. hypothesis: It was dry.", 2)}},
		{"mnli", "a.csv", "sentence1,sentence2,label\nIt rained.,It was wet.,entailment\n", []row{ok("premise: It rained. hypothesis: It was wet.", 0)}},
		{"mrpc", "a.tsv", "sentence1\tsentence2\tlabel\nOne.\tTwo.\t0\n", []row{ok("sentence1: One. sentence2: Two.", 0)}},
		{"qnli", "a.jsonl", `{"question": "Who?", "sentence": "Ann did.", "label": "not_entailment"}`, []row{ok("question: Who? sentence: Ann did.", 1)}},
		{"qnli", "b.jsonl", `{"sentence1": "Who?", "sentence2": "Ann did.", "label": "entailment"}`, []row{ok("question: Who? sentence: Ann did.", 0)}},
		{"qqp", "a.jsonl", `{"question1": "Why?", "question2": "How so?", "label": 1}`, []row{ok("question1: Why? question2: How so?", 1)}},
		{"rte", "a.jsonl", `{"sentence1": "One.", "sentence2": "Two.", "label": "not_entailment"}`, []row{ok("sentence1: One. sentence2: Two.", 1)}},
		{"sst2", "a.jsonl", `{"sentence": "a warm film", "label": "positive"}`, []row{ok("sentence: a warm film", 1)}},
		{"fpb", "a.jsonl", `{"sentence": "Sales rose.", "label": "positive"}` + "\n" + `{"sentence": "Sales stood.", "label": 1}`, []row{pair("Sales rose.", "positive", 2), pair("Sales stood.", "neutral", 1)}},
		{"wikisql", "a.jsonl", `{"question": "Who?", "table": {"header": ["A", "B's"], "rows": []}, "sql": {"human_readable": "SELECT A", "sel": 0, "agg": 0, "conds": {"column_index": [1], "condition": ["x"]}}}`, []row{
			pair(`question: Who? table: {'header': ['A', "B's"], 'rows': []}`, `{'human_readable': 'SELECT A', 'sel': 0, 'agg': 0, 'conds': {'column_index': [1], 'condition': ['x']}}`, 0),
		}},
		{"wikisql", "b.jsonl", `{"question": "Who?", "sql": {"sel": "A", "conds": [["B", "=", "x"]], "agg": ""}}`, []row{pair(`question: Who?`, `{'sel': 'A', 'conds': [['B', '=', 'x']], 'agg': ''}`, 0)}},
		{"samsum", "a.json", `[{"id": "1", "summary": "Bo is late.", "dialogue": "Bo: Late!\r\nCy: Fine."}]`, []row{pair("Bo: Late!\r\nCy: Fine.", "Bo is late.", 0)}},
		{"samsum", "b.jsonl", `{"dialogue": "#1#: Hi.", "summary1": "A greets.", "summary2": "Hello.", "topic1": "t"}`, []row{pair("#1#: Hi.", "A greets.", 0, "A greets.", "Hello.")}},
		{"e2e", "a.csv", "mr,ref\n\"name[Bo], area[city]\",Bo is in town.\nname[Cy],Cy.\n\"name[Bo], area[city]\",\"In town, Bo.\"\n", []row{
			pair("name[Bo], area[city]", "Bo is in town.", 0, "Bo is in town.", "In town, Bo."), pair("name[Cy]", "Cy.", 0), pair("name[Bo], area[city]", "In town, Bo.", 0, "Bo is in town.", "In town, Bo."),
		}},
		{"e2e", "b.jsonl", `{"meaning_representation": "name[Bo]", "human_reference": "Bo."}`, []row{pair("name[Bo]", "Bo.", 0)}},
		{"webnlg", "a.jsonl", `{"category": "City", "triples": ["A | in | B", "B | in | C"], "refs": ["A is in B.", "B has A."]}` + "\n" + `{"category": "Food", "triples": ["x"], "refs": []}`, []row{
			pair("category: City, mtriple_set: A | in | B - B | in | C", "A is in B.", 3, "A is in B.", "B has A."), pair("category: City, mtriple_set: A | in | B - B | in | C", "B has A.", 3, "A is in B.", "B has A."),
		}},
		{"webnlg", "b.jsonl", `{"category": "Athlete", "modified_triple_sets": {"mtriple_set": [["A | in | B"], ["B | in | C"]]}, "lex": {"comment": ["bad", "good"], "lid": ["1", "2"], "text": ["No.", "A is in B."]}}`, []row{
			pair("category: Athlete, mtriple_set: A | in | B ; B | in | C", "A is in B.", 11),
		}},
		{"dart", "a.jsonl", `{"triples": [["A", "IN", "B"], ["B", "IN", "C"]], "refs": [{"source": "mine", "text": "A is in B."}, {"source": "other", "text": "B has A."}]}`, []row{
			pair("source: mine, tripleset: A - IN - B ; B - IN - C", "A is in B.", 0, "A is in B.", "B has A."),
		}},
		{"dart", "b.json", `[{"subtree_was_extended": false, "tripleset": [["A", "IN", "B"]], "annotations": {"source": ["mine"], "text": ["A is in B."]}}]`, []row{pair("source: mine, tripleset: A - IN - B", "A is in B.", 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.file, func(t *testing.T) {
			w := framed()
			ds := openText(t, tt.name+":"+written(t, tt.file, tt.content), data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(512)})
			wantRows(t, w, ds, tt.want...)
			if f := ds.Format(); f.Tokenizer != "words" || f.Vocabulary != 1<<16 || f.Shape != nil || ds.Truncated() != 0 {
				t.Errorf("format %+v, %d truncated", f, ds.Truncated())
			}
		})
	}
}

func TestPresetScores(t *testing.T) {
	w := framed()
	for column, cell := range map[string]string{"label": "3.25", "score": `"3.250"`} {
		path := written(t, "a.jsonl", `{"sentence1": "One.", "sentence2": "Two.", "`+column+`": `+cell+`}`)
		ds := openText(t, "stsb:"+path, data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(64)})
		if f := ds.Format(); f.Task != data.SequenceClassification || f.Classes != 1 || ds.Categories() != nil || ds.Label(0) != 0 {
			t.Errorf("format %+v, categories %v", f, ds.Categories())
		}
		if got := ds.Batch([]int{0, 0}).Labels.F32(); got[0] != 3.25 || got[1] != 3.25 {
			t.Errorf("scores %v, want 3.25", got)
		}
	}
}

const dollyRows = `{"instruction": "Say it.", "context": "", "response": "It is said.", "category": "general_qa"}
{"instruction": "Which?", "context": "Bo or Cy.", "response": "Bo.", "category": "classification"}
`

func TestDolly(t *testing.T) {
	w := newWords()
	ds := openText(t, "dolly:"+written(t, "dolly.jsonl", dollyRows), data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(64)})
	wantRows(t, w, ds,
		row{"instruction: Say it. context:  response: It is said.<eos>", "...........It is said.<eos>", 7, []string{"It is said."}},
		row{"instruction: Which? context: Bo or Cy. response: Bo.<eos>", ".............Bo.<eos>", 0, []string{"Bo."}})
	want := []string{"classification", "information_extraction", "summarization", "brainstorming", "creative_writing", "open_qa", "closed_qa", "general_qa"}
	if diff := cmp.Diff(want, ds.Categories()); diff != "" {
		t.Errorf("categories (-want +got):\n%s", diff)
	}
	e := ds.Example(1)
	if got := w.text(e.Prompt); got != "instruction: Which? context: Bo or Cy. response: " || e.NewTokens != 40 {
		t.Errorf("prompt %q, %d new tokens", got, e.NewTokens)
	}
	wantFault(t, errString(e.Where), "dolly.jsonl: line 2")
	one := data.ByCategory(ds, 7, 8).(data.Texts)
	if one.Len() != 1 || one.Example(0).Where != ds.Example(0).Where || one.Label(0) != 7 {
		t.Errorf("category 7 has %d examples, the first %+v", one.Len(), one.Example(0))
	}
}

// errString makes a text an error, to be held against what it is to say.
type errString string

func (e errString) Error() string { return string(e) }

func TestPresetFaults(t *testing.T) {
	tests := []struct{ name, content, says string }{
		{"cola", `{"sentence": "x", "label": 2}`, `line 1: column "label": the label is 2 and there are 0 to 1 (unacceptable, acceptable)`},
		{"cola", `{"sentence": "x", "label": -1}`, `the label is -1`},
		{"cola", `{"sentence": "x", "label": 0.5}`, `the label is 0.5`},
		{"cola", `{"sentence": "x", "label": "maybe"}`, `"maybe" is none of unacceptable, acceptable`},
		{"cola", `{"sentence": "x", "label": [1]}`, `column "label": it is a list of 1, not text`},
		{"cola", `{"sentence": " ", "label": 1}`, `column "sentence": there is no text`},
		{"cola", `{"text": "x", "label": 1}`, `there is no column "sentence": it has text, label`},
		{"cola", ``, `there is not one example`},
		{"stsb", `{"sentence1": "x", "sentence2": "y", "score": 6}`, `column "score": the score is 6`},
		{"stsb", `{"sentence1": "x", "sentence2": "y", "score": "high"}`, `column "score": "high" is not a finite number`},
		{"fpb", `{"sentence": "", "label": 1}`, `line 1: there is no text`},
		{"fpb", `{"sentence": "x", "label": 3}`, `the label is 3`},
		{"fpb", `{"label": 3}`, `no column "sentence"`},
		{"wikisql", `{"question": "x"}`, `no column "sql"`},
		{"wikisql", `{"sql": "x"}`, `no column "question"`},
		{"samsum", `{"dialogue": "x"}`, `no column "summary"`},
		{"samsum", `{"summary": "x"}`, `no column "dialogue"`},
		{"samsum", `{"dialogue": "x", "summary": "  "}`, `there is no text to be learnt`},
		{"samsum", `{"dialogue": "x", "summary1": []}`, `column "summary1": it is a list of 0`},
		{"e2e", `{"mr": "x"}`, `no column "human_reference"`},
		{"webnlg", `{"category": "Song", "triples": [], "refs": []}`, `"Song" is none of Airport`},
		{"webnlg", `{"refs": []}`, `no column "category"`},
		{"webnlg", `{"category": "City", "refs": []}`, `no column "modified_triple_sets.mtriple_set"`},
		{"webnlg", `{"category": "City", "mtriple_set": ["x"], "refs": []}`, `entry 1 is not a list of texts`},
		{"webnlg", `{"category": "City", "triples": ["x"], "lex": {"text": ["a"], "comment": []}}`, `there are 0 comments on 1 texts`},
		{"webnlg", `{"category": "City", "triples": ["x"], "lex": {"comment": []}}`, `it has no "text"`},
		{"webnlg", `{"category": "City", "triples": ["x"], "refs": [1]}`, `entry 1 is the number 1, not text`},
		{"dart", `{"triples": [["a", 1]], "refs": []}`, `entry 1 is not a list of texts`},
		{"dart", `{"triples": [], "refs": []}`, `column "refs": there is no text`},
		{"dart", `{"triples": [], "refs": "x"}`, `column "refs": it is text, not a list`},
		{"dart", `{"triples": [], "refs": [{"text": "a"}]}`, `entry 1 is nothing, not text`},
		{"dart", `{"refs": "x"}`, `no column "tripleset"`},
		{"dolly", `{"instruction": "x", "context": "", "response": "", "category": "open_qa"}`, `line 1: there is no text to be learnt`},
		{"dolly", `{"instruction": "x", "context": "", "response": "y", "category": "chat"}`, `"chat" is none of classification`},
		{"dolly", `{"instruction": "x", "response": "y", "category": "chat"}`, `no column "context"`},
		{"dolly", `{"instruction": `, `line 1, character`},
	}
	for _, tt := range tests {
		path := written(t, "rows.jsonl", tt.content)
		_, err := data.OpenText(tt.name+":"+path, data.TextOptions{Tokenizer: framed(), Rules: data.DefaultRules(64)})
		wantFault(t, err, tt.says, path)
	}
}
