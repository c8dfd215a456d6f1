package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/model"
)

// Folder is a folder of reference numbers: a batch, padded, and what became of it.
type Folder struct {
	Path      string
	Task      string     `json:"task"`
	Rank      int        `json:"rank"`
	Alpha     float64    `json:"alpha"`
	Optimizer *Optimizer `json:"optimizer"` // of the trained adapters; nil: there are none

	// Precision is how cola multiplies; it is no part of the folder.
	Precision linalg.Precision `json:"-"`

	tensors map[string]*linalg.Tensor
	mask    []bool // by place of (texts, length)
	texts   int
	targets []bool // by place of (texts, target length), of seq2seq-lm
}

// Optimizer says how the adapters were trained.
type Optimizer struct {
	Name         string     `json:"name"`
	LearningRate float64    `json:"lr"`
	Betas        [2]float64 `json:"betas"`
	Epsilon      float64    `json:"eps"`
	WeightDecay  float64    `json:"weight_decay"`
	Steps        int        `json:"steps"`
}

// Read reads a folder and checks that its tensors fit each other.
func Read(path string) (*Folder, error) {
	f := &Folder{Path: path, tensors: map[string]*linalg.Tensor{}}
	name := filepath.Join(path, "golden.json")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("golden numbers: %w", err)
	}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	name = filepath.Join(path, "golden.safetensors")
	if err := f.readTensors(name); err != nil {
		return nil, fmt.Errorf("golden numbers: %w", err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *Folder) readTensors(name string) (err error) {
	file, err := safetensors.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, tensor := range file.Names() {
		blob, err := file.Tensor(tensor)
		if err != nil {
			return err
		}
		t, err := blob.Tensor()
		if err != nil {
			return err
		}
		if t.Len() == 0 {
			return fmt.Errorf("%s: tensor %q is %v: it holds nothing", name, tensor, t.Shape())
		}
		if t.DType() != linalg.I32 {
			t = t.Convert(linalg.F32)
		}
		f.tensors[tensor] = t
	}
	return nil
}

// check says what does not fit, and finds out which places are padding.
func (f *Folder) check() error {
	if !slices.Contains([]string{"causal-lm", "masked-lm", "seq-cls", "seq2seq-lm"}, f.Task) {
		return fmt.Errorf("task %q in golden.json: use causal-lm, masked-lm, seq-cls or seq2seq-lm", f.Task)
	}
	ids, err := f.integers("input_ids", nil)
	if err != nil {
		return err
	}
	f.texts = ids.Rows()
	mask, err := f.integers("attention_mask", ids.Shape())
	if err != nil {
		return err
	}
	f.mask = places(mask, func(v int32) bool { return v != 0 })
	for i := range f.texts {
		if !slices.Contains(f.mask[i*ids.Cols():(i+1)*ids.Cols()], true) {
			return fmt.Errorf("attention_mask: text %d has no token", i)
		}
	}
	for _, name := range []string{"logits", "loss"} {
		if t := f.tensors[name]; t == nil || t.DType() != linalg.F32 {
			return fmt.Errorf("tensor %q of floating-point numbers is missing", name)
		}
	}
	if loss := f.tensors["loss"]; loss.Len() != 1 {
		return fmt.Errorf("tensor \"loss\" is %v: give one number, the mean over the batch", loss.Shape())
	}
	labels := f.tensors["labels"]
	if labels == nil {
		return errors.New("tensor \"labels\" is missing")
	}
	if err := f.checkAdapters(); err != nil {
		return err
	}
	return f.checkLabels(labels, ids)
}

// checkAdapters says which LoRA matrices lack what they need.
func (f *Folder) checkAdapters() error {
	for _, site := range f.layers("lora_A.", "lora_B.") {
		if f.Rank < 1 || !(f.Alpha > 0) {
			return fmt.Errorf("rank = %d, alpha = %g in golden.json: give both to the tensors lora_A and lora_B, from 1 and above 0", f.Rank, f.Alpha)
		}
		for _, name := range []string{"lora_A." + site, "lora_B." + site} {
			t := f.tensors[name]
			if t == nil {
				return fmt.Errorf("tensor %q is missing: A and B belong together", name)
			}
			if t.DType() != linalg.F32 || len(t.Shape()) != 2 {
				return fmt.Errorf("tensor %q is %v %v: give floating-point numbers, (rank, in) or (out, rank)", name, t.DType(), t.Shape())
			}
		}
		a, b := f.tensors["lora_A."+site], f.tensors["lora_B."+site]
		if a.Rows() != f.Rank || b.Cols() != f.Rank {
			return fmt.Errorf("tensors lora_A and lora_B of %q are %v and %v, the rank in golden.json is %d", site, a.Shape(), b.Shape(), f.Rank)
		}
	}
	if o := f.Optimizer; o != nil && o.Steps < 1 {
		return fmt.Errorf("optimizer in golden.json has steps = %d: give how many made trained_lora_A and trained_lora_B", o.Steps)
	}
	return nil
}

func (f *Folder) checkLabels(labels, ids *linalg.Tensor) error {
	switch f.Task {
	case "seq-cls":
		if slices.Equal(labels.Shape(), []int{f.texts, 1}) {
			labels = labels.Reshape(f.texts)
			f.tensors["labels"] = labels
		}
		if !slices.Equal(labels.Shape(), []int{f.texts}) {
			return fmt.Errorf("labels %v: give one to each of the %d texts", labels.Shape(), f.texts)
		}
	case "seq2seq-lm":
		if _, err := f.integers("labels", nil); err != nil {
			return err
		}
		if f.tensors["decoder_input_ids"] != nil {
			if _, err := f.integers("decoder_input_ids", labels.Shape()); err != nil {
				return err
			}
		}
		if labels.Rows() != f.texts {
			return fmt.Errorf("labels %v: give a target to each of the %d texts", labels.Shape(), f.texts)
		}
		f.targets = make([]bool, labels.Len())
		n := labels.Cols()
		for i := range f.texts { // padding is what follows a target's last label
			last := -1
			for j := range n {
				if labels.I32()[i*n+j] != model.Ignored {
					last = j
				}
			}
			for j := range last + 1 {
				f.targets[i*n+j] = true
			}
			if last < 0 {
				return fmt.Errorf("labels: target %d has no label", i)
			}
		}
	default:
		if _, err := f.integers("labels", ids.Shape()); err != nil {
			return err
		}
		return f.checkLeft(labels)
	}
	return nil
}

// checkLeft says whether a text's first token has a label and padding stands before it:
// transformers then has padding predict it, which nothing without padding can repeat.
func (f *Folder) checkLeft(labels *linalg.Tensor) error {
	if f.Task != "causal-lm" {
		return nil
	}
	for i := 1; i < labels.Len(); i++ {
		if f.mask[i] && !f.mask[i-1] && i%labels.Cols() != 0 && labels.I32()[i] != model.Ignored {
			return fmt.Errorf("labels: text %d is padded on the left and its first token has a label, which transformers predicts from padding: set that label to -100", i/labels.Cols())
		}
	}
	return nil
}

// integers returns a matrix of integers, of a shape if one is given.
func (f *Folder) integers(name string, shape []int) (*linalg.Tensor, error) {
	t := f.tensors[name]
	switch {
	case t == nil:
		return nil, fmt.Errorf("tensor %q is missing", name)
	case t.DType() != linalg.I32 || len(t.Shape()) != 2:
		return nil, fmt.Errorf("tensor %q is %v %v: give integers (texts, length)", name, t.DType(), t.Shape())
	case shape != nil && !slices.Equal(t.Shape(), shape):
		return nil, fmt.Errorf("tensor %q is %v, the texts are %v", name, t.Shape(), shape)
	}
	return t, nil
}

// places says of every element whether it is one that is wanted.
func places(t *linalg.Tensor, wanted func(int32) bool) []bool {
	list := make([]bool, t.Len())
	for i, v := range t.I32() {
		list[i] = wanted(v)
	}
	return list
}

// layers lists the layers that the folder has tensors of, by the prefixes of their names,
// sorted and each once.
func (f *Folder) layers(prefixes ...string) []string {
	var list []string
	for name := range f.tensors {
		for _, prefix := range prefixes {
			if layer, ok := strings.CutPrefix(name, prefix); ok {
				list = append(list, layer)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Batch packs the texts, with no padding, as one owner's.
func (f *Folder) Batch() *model.Batch {
	ids, labels := f.tensors["input_ids"], f.tensors["labels"]
	b := &model.Batch{Owners: []model.Owner{{Participant: "golden", Hi: f.texts, Scale: 1}}}
	b.Inputs, b.Starts = packed(ids, f.mask)
	switch f.Task {
	case "seq-cls":
		b.Labels = labels
	case "seq2seq-lm":
		b.Labels, b.LabelStarts = packed(labels, f.targets)
		if ids := f.tensors["decoder_input_ids"]; ids != nil {
			b.Decoder, _ = packed(ids, f.targets)
		}
	default:
		b.Labels, _ = packed(labels, f.mask)
	}
	return b
}

// packed takes the wanted places of each row of a matrix, one row behind the other.
func packed(t *linalg.Tensor, wanted []bool) (values *linalg.Tensor, starts []int32) {
	var list []int32
	for i := range t.Rows() {
		starts = append(starts, int32(len(list)))
		for j := range t.Cols() {
			if at := i*t.Cols() + j; wanted[at] {
				list = append(list, t.I32()[at])
			}
		}
	}
	return linalg.FromI32(list, len(list)), starts
}

// rows returns the rows of a layer's tensor, (texts, length, width), that a packed pass has,
// n of them: those that are not padding or, where there is one a text, the last of each. Of
// (texts, width) it returns all; of ids (texts, length), an embedding's x, those that are
// not padding. False says that the tensor has another shape.
func (f *Folder) rows(layer string, t *linalg.Tensor, n int) (*linalg.Tensor, bool) {
	wanted := f.mask
	if f.targets != nil && readsTargets(layer) {
		wanted = f.targets
	}
	shape := t.Shape()
	switch {
	case t.DType() == linalg.I32:
		if len(shape) != 2 || shape[0] != f.texts || len(wanted) != t.Len() {
			return nil, false
		}
		ids, _ := packed(t, wanted)
		return ids, true
	case len(shape) == 2 && shape[0] == n:
		return t, true
	case len(shape) != 3 || shape[0] != f.texts || len(wanted) != shape[0]*shape[1]:
		return nil, false
	}
	if n == f.texts && f.Task == "seq-cls" {
		wanted = lasts(wanted, shape[1])
	}
	return pick(t, wanted), true
}

// readsTargets reports whether a layer's rows are the decoder's: those of all its layers
// but the keys and values of what it reads from the encoder.
func readsTargets(layer string) bool {
	source := strings.HasSuffix(layer, "encoder_attn.k_proj") || strings.HasSuffix(layer, "encoder_attn.v_proj")
	return !strings.Contains(layer, "model.encoder.") && !source
}

// lasts keeps the last wanted place of each row of so many.
func lasts(wanted []bool, cols int) []bool {
	list := make([]bool, len(wanted))
	for i := 0; i < len(wanted); i += cols {
		for j := cols - 1; j >= 0; j-- {
			if wanted[i+j] {
				list[i+j] = true
				break
			}
		}
	}
	return list
}

// pick returns the wanted rows of a tensor (texts, length, width).
func pick(t *linalg.Tensor, wanted []bool) *linalg.Tensor {
	width := t.Shape()[2]
	var list []float32
	for i, w := range wanted {
		if w {
			list = append(list, t.F32()[i*width:(i+1)*width]...)
		}
	}
	return linalg.FromF32(list, len(list)/width, width)
}
