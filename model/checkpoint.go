package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// load fills parameters from a safetensors file, f32, f16 or bf16. What is missing, not
// used or of another shape is named, all in one error.
func load(path string, list []Parameter) (err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var missing, shaped []string
	unused := map[string]bool{}
	for _, name := range f.Names() {
		unused[name] = true
	}
	for _, p := range list {
		info, ok := f.Info(p.Name)
		delete(unused, p.Name)
		if !ok {
			missing = append(missing, p.Name)
			continue
		}
		if !slices.Equal(info.Shape, p.Value.Shape()) {
			shaped = append(shaped, fmt.Sprintf("%s %v, expected %v", p.Name, info.Shape, p.Value.Shape()))
			continue
		}
		if err := fill(p.Value, f, p.Name); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	var wrong []string
	for what, names := range map[string][]string{"missing": missing, "mis-shaped": shaped, "not used": keys(unused)} {
		if len(names) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %s", what, strings.Join(names, ", ")))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("%s does not hold this model: tensors %s", path, strings.Join(wrong, "; "))
}

func fill(dst *linalg.Tensor, f *safetensors.File, name string) error {
	blob, err := f.Tensor(name)
	if err != nil {
		return err
	}
	t, err := blob.Tensor()
	if err != nil {
		return err
	}
	if t.DType() == linalg.I32 {
		return fmt.Errorf("tensor %q holds integers", name)
	}
	copy(dst.F32(), t.Convert(linalg.F32).F32())
	return nil
}

func keys(m map[string]bool) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// Save writes the pristine parameters as a safetensors file that Config.Weights can name.
func (b *Base) Save(path string) error {
	var blobs []linalg.Blob
	for _, p := range b.parameters {
		blobs = append(blobs, p.Value.Blob(p.Name))
	}
	return safetensors.WriteFile(path, blobs, map[string]string{"format": "cola-model", "type": b.config.Type})
}
