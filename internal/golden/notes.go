package golden

import (
	"maps"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/model"
)

// notes says what in a folder may keep everybody who computes no padding from meeting its
// numbers. None of it is an error: whoever made the folder may have taken care of it.
func (f *Folder) notes() []string {
	var list []string
	if f.paddedBefore() {
		list = append(list, "padding stands before tokens: positions must be those without it (pass position_ids), and a head that reads a text's first place reads padding")
	}
	if f.labelledPadding() {
		list = append(list, "labels at padding are ignored here, and transformers counts them in the loss: set them to -100")
	}
	if site := f.withoutGradient(); site != "" {
		list = append(list, "the gradient of lora_B."+site+" is all zeros: where another's is a rounding error instead, Adam makes full steps of it, and trained tensors cannot agree")
	}
	return list
}

// withoutGradient returns a site that was trained, and whose gradient is zero in all numbers, or
// "". A's gradient is zero wherever B is, which is how training begins; B's is not.
func (f *Folder) withoutGradient() string {
	for _, name := range slices.Sorted(maps.Keys(f.tensors)) {
		site, ok := strings.CutPrefix(name, "grad_lora_B.")
		if ok && f.tensors["trained_lora_B."+site] != nil && !slices.ContainsFunc(f.tensors[name].F32(), func(v float32) bool { return v != 0 }) {
			return site
		}
	}
	return ""
}

// paddedBefore reports whether padding stands before a text's token.
func (f *Folder) paddedBefore() bool {
	cols := f.tensors["input_ids"].Cols()
	for i, wanted := range f.mask {
		if wanted && i%cols != 0 && !f.mask[i-1] {
			return true
		}
	}
	return false
}

// labelledPadding reports whether padding has labels, where each token has one.
func (f *Folder) labelledPadding() bool {
	if f.Task != "causal-lm" && f.Task != "masked-lm" {
		return false
	}
	for i, label := range f.tensors["labels"].I32() {
		if !f.mask[i] && label != model.Ignored {
			return true
		}
	}
	return false
}
