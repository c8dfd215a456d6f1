package data_test

import (
	"hash/fnv"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// hashes is a fast tokenizer for tests: a word is its hash.
type hashes struct{}

func (hashes) Encode(text string) []int32 {
	var ids []int32
	for word := range strings.FieldsSeq(text) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(word)) // a hash takes everything
		ids = append(ids, int32(h.Sum32()%0xffff)+1)
	}
	return ids
}

func (h hashes) EncodeSpecial(text string) []int32 { return h.Encode(text) }
func (hashes) Vocabulary() int                     { return 1 << 16 }
func (hashes) EOS() (int32, bool)                  { return 0, true }
func (hashes) Fingerprint() string                 { return "hashes" }

// TestRealText reads the real files, where they are, and holds how many examples each class
// or category has against what is known of them.
func TestRealText(t *testing.T) {
	tests := []struct {
		spec, file string
		examples   int
		labels     []int
	}{
		{"cola", "glue/cola_train.jsonl", 8551, []int{2528, 6023}},
		{"mnli", "glue/mnli_train_subset.jsonl", 8999, []int{3061, 2980, 2958}},
		{"mrpc", "glue/mrpc_train.jsonl", 4076, []int{1323, 2753}},
		{"qnli", "glue/qnli_train_subset.jsonl", 8999, []int{4523, 4476}},
		{"qnli", "glue/qnli_dev_subset.jsonl", 1000, []int{504, 496}},
		{"rte", "glue/rte_train.jsonl", 2490, []int{1249, 1241}},
		{"sst2", "glue/sst2_train.jsonl", 67349, []int{29780, 37569}},
		{"stsb", "glue/stsb_train.jsonl", 5749, []int{5749}},
		{"stsb", "glue/stsb_dev.jsonl", 1500, []int{1500}},
		{"fpb", "fpb/allagree_train.jsonl", 1808, []int{243, 1109, 456}},
		{"wikisql", "wikisql/dev.jsonl", 8467, []int{8467}},
		{"samsum", "dialogsum/dev.jsonl", 500, []int{500}},
		{"e2e", "e2e/devset.csv", 4672, []int{4672}},
		{"webnlg", "webnlg/train.jsonl", 18102, nil},
		{"webnlg", "webnlg/dev.jsonl", 2262, nil},
		{"dart", "dart/dev.jsonl", 2768, []int{2768}},
		{"dolly", "dolly/dolly15k.jsonl", 14203, []int{2036, 1406, 1088, 1666, 609, 3639, 1669, 2090}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			path := filepath.Join(shared(t, ""), tt.file)
			ds := openText(t, tt.spec+":"+path, data.TextOptions{Tokenizer: hashes{}, Rules: data.DefaultRules(128)})
			if ds.Len() != tt.examples {
				t.Errorf("%d examples, want %d", ds.Len(), tt.examples)
			}
			var labels []int
			for i := range ds.Len() {
				for len(labels) <= ds.Label(i) {
					labels = append(labels, 0)
				}
				labels[ds.Label(i)]++
			}
			if diff := cmp.Diff(tt.labels, labels); diff != "" && tt.labels != nil {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			t.Logf("%s: %d examples, %d words, %d truncated, labels %v", tt.spec, ds.Len(), ds.Tokens(), ds.Truncated(), labels)
		})
	}
	o := data.TextOptions{Tokenizer: hashes{}, Rules: data.DefaultRules(128)}
	for spec, want := range map[string]int{"cola:DIR": 8551, "qnli:DIR:validation": 1000, "stsb:DIR:train": 5749} {
		if ds := openText(t, strings.ReplaceAll(spec, "DIR", shared(t, "glue")), o); ds.Len() != want {
			t.Errorf("%s has %d examples, want %d", spec, ds.Len(), want)
		}
	}
	for _, file := range []string{"tinyshakespeare_first90.txt", "tinystories_sample.txt"} {
		ds := openText(t, "text:"+filepath.Join(shared(t, "text"), file), data.TextOptions{Tokenizer: hashes{}, Rules: data.DefaultRules(128)})
		t.Logf("%s: %d examples, %d words", file, ds.Len(), ds.Tokens())
	}
}
