package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// Loaded says what was noteworthy about the files that a model came from.
type Loaded struct {
	// Drawn are parameters of heads that the files lack, drawn at random from the seed.
	Drawn []string
	// Left are tensors of other heads than the task's, and buffers, that were not used.
	Left []string
}

// checkpoint is a model's tensors in one or several files.
type checkpoint struct {
	where string
	files map[string]*safetensors.File // by tensor
	used  map[string]bool
}

// openCheckpoint maps model.safetensors, or the shards that its index names.
func openCheckpoint(folder string) (*checkpoint, error) {
	c := &checkpoint{where: folder, files: map[string]*safetensors.File{}, used: map[string]bool{}}
	single := filepath.Join(folder, "model.safetensors")
	if _, err := os.Stat(single); err == nil {
		f, err := safetensors.Map(single)
		if err != nil {
			return nil, fmt.Errorf("the base model's weights: %w", err)
		}
		for _, name := range f.Names() {
			c.files[name] = f
		}
		return c, nil
	}
	shards, err := readIndex(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds neither model.safetensors nor model.safetensors.index.json: %w: save the model again as safetensors (save_pretrained), or draw weights with random = true", folder, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return c, c.mapShards(folder, shards)
}

// readIndex returns the shard of every tensor.
func readIndex(folder string) (map[string]string, error) {
	path := filepath.Join(folder, "model.safetensors.index.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var index struct {
		Shards map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil || len(index.Shards) == 0 {
		return nil, fmt.Errorf("%s names no shards: %w", path, errors.Join(errors.New("download it again"), err))
	}
	return index.Shards, nil
}

// mapShards maps the shards of an index.
func (c *checkpoint) mapShards(folder string, shards map[string]string) error {
	open := map[string]*safetensors.File{}
	var missing []string
	for name, shard := range shards {
		if !filepath.IsLocal(shard) {
			return fmt.Errorf("%s: the index names the shard %q, which is not a file of the folder", folder, shard)
		}
		f, ok := open[shard]
		if !ok {
			var err error
			f, err = safetensors.Map(filepath.Join(folder, shard))
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					if !slices.Contains(missing, shard) {
						missing = append(missing, shard)
					}
					continue
				}
				return fmt.Errorf("the base model's weights: %w", err)
			}
			open[shard] = f
		}
		if _, ok := f.Info(name); !ok {
			return fmt.Errorf("%s: the index places tensor %q in %s, which lacks it: download both again", folder, name, shard)
		}
		c.files[name] = f
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("%s lacks the shards %s of its index: download them", folder, strings.Join(missing, ", "))
	}
	return nil
}

// loadFolder fills the parameters from a folder in Hugging Face layout or from a llama2.c
// file.
func loadFolder(n network, list []parameter, c Config) (Loaded, error) {
	if filepath.Ext(c.Path) == ".bin" {
		return Loaded{}, loadLlama2c(n, list, c.Path)
	}
	ck, err := openCheckpoint(c.Path)
	if err != nil {
		return Loaded{}, err
	}
	l := loading{checkpoint: ck, network: n, config: c}
	for i := range list {
		l.fill(&list[i])
	}
	return l.end()
}

// loading collects what is wrong with a checkpoint, to say all of it at once.
type loading struct {
	*checkpoint
	network  network
	config   Config
	loaded   Loaded
	problems map[string][]string // by what they are
}

// problem notes what is wrong with a tensor.
func (l *loading) problem(what, tensor string) {
	if l.problems == nil {
		l.problems = map[string][]string{}
	}
	l.problems[what] = append(l.problems[what], tensor)
}

// fill gives one parameter its numbers.
func (l *loading) fill(p *parameter) {
	p.held = held{}
	name, ok := l.find(p.name)
	if !ok {
		if optional(p.name) {
			draw(*p, l.config.Seed)
			l.loaded.Drawn = append(l.loaded.Drawn, p.name)
			return
		}
		l.problem("missing", p.name)
		return
	}
	t, err := l.tensor(name)
	if err != nil {
		l.problem("unusable", err.Error())
		return
	}
	if want := p.shape(); !slices.Equal(t.Shape(), want) {
		l.problem("mis-shaped", fmt.Sprintf("%s %v instead of %v", name, t.Shape(), want))
		return
	}
	*p.value, p.held = t, held{turned: p.transposed, mapped: p.onHost, release: func() { l.files[name].Release(name) }}
	p.done()
}

// tensor returns a mapped tensor all of whose numbers are finite.
func (l *loading) tensor(name string) (*linalg.Tensor, error) {
	blob, err := l.files[name].Tensor(name)
	if err != nil {
		return nil, err
	}
	t, err := blob.View()
	if err != nil {
		return nil, err
	}
	return t, checkFinite(name, t)
}

// find returns the name under which the checkpoint holds a parameter: the task model's, the
// body's own, which lacks the prefix, or an old spelling of either.
func (l *loading) find(name string) (string, bool) {
	names := []string{name}
	if a, ok := l.network.(interface{ aliases(name string) []string }); ok {
		names = a.aliases(name)
	}
	prefix := architectures[l.config.Type].prefix
	for _, n := range slices.Clone(names) {
		if body, ok := strings.CutPrefix(n, prefix); ok {
			names = append(names, body)
		}
	}
	old := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta")
	for _, n := range slices.Clone(names) {
		names = append(names, old.Replace(n))
	}
	found, ok := "", false
	for _, n := range names {
		if _, has := l.files[n]; has {
			l.used[n] = true
			if !ok {
				found, ok = n, true
			}
		}
	}
	return found, ok
}

// optionalParameters are of heads that a body's checkpoint lacks.
var optionalParameters = regexp.MustCompile(`^(score|classifier(\.dense|\.out_proj)?|bert\.pooler\.dense)\.(weight|bias)$|^final_logits_bias$`)

func optional(name string) bool { return optionalParameters.MatchString(name) }

// leftTensors are of heads for other tasks, and buffers that are computed here.
var leftTensors = regexp.MustCompile(`(^|\.)(lm_head|cls|classifier|score|pooler|qa_outputs|classification_head|final_logits_bias)(\.|$)` +
	`|(^|\.)(attn\.bias|attn\.masked_bias|rotary_emb\.inv_freq|position_ids|token_type_ids)$`)

// end says what is wrong, and what was noteworthy.
func (l *loading) end() (Loaded, error) {
	for name := range l.files {
		switch {
		case l.used[name]:
		case leftTensors.MatchString(name):
			l.loaded.Left = append(l.loaded.Left, name)
		default:
			l.problem("unused", name)
		}
	}
	slices.Sort(l.loaded.Left)
	var wrong []string
	for _, what := range []string{"missing", "mis-shaped", "unusable", "unused"} {
		if names := l.problems[what]; len(names) > 0 {
			slices.Sort(names)
			wrong = append(wrong, what+": "+strings.Join(names, ", "))
		}
	}
	if len(wrong) > 0 {
		return l.loaded, fmt.Errorf("%s does not hold this %s: tensors %s", l.where, l.config.Type, strings.Join(wrong, "; "))
	}
	return l.loaded, nil
}

// checkFinite says whether a tensor is of floating-point numbers, all of them finite.
func checkFinite(name string, t *linalg.Tensor) error {
	finite := true
	switch t.DType() {
	case linalg.F32:
		for _, v := range t.F32() {
			finite = finite && v-v == 0
		}
	case linalg.BF16:
		for _, b := range t.Bits() {
			finite = finite && b&0x7F80 != 0x7F80
		}
	case linalg.F16:
		for _, b := range t.Bits() {
			finite = finite && b&0x7C00 != 0x7C00
		}
	default:
		return fmt.Errorf("tensor %q is of type %v: convert it to F32, F16 or BF16", name, t.DType())
	}
	if !finite {
		return fmt.Errorf("tensor %q holds a number that is not finite", name)
	}
	return nil
}
