package golden

import "github.com/gradientlearning/cola/model"

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
	return list
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
