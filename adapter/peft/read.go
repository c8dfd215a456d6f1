package peft

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// prefix stands before the base model's names in PEFT's.
const prefix = "base_model.model."

// maxConfig bounds configurations: a rank for each of a thousand layers is still far below.
const maxConfig = 16 << 20

// Read reads a folder that PEFT's save_pretrained wrote with a LoRA adapter. Sites are all
// layers of the base model that could be adapted. Tensors that are missing or unexpected,
// layers that the base model does not have and fields that change what the adapter computes
// in ways that cola does not know are errors that name them.
func Read(folder string, sites []adapter.Site) (*Checkpoint, error) {
	config, err := readSmall(filepath.Join(folder, ConfigName))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, WeightsName)
	weights, err := safetensors.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, pickled := os.Stat(filepath.Join(folder, "adapter_model.bin")); pickled == nil {
			return nil, fmt.Errorf("%s holds adapter_model.bin, a pickle, which can run programs: save the adapter again, as safetensors", folder)
		}
	}
	if err != nil {
		return nil, err
	}
	c, err := Decode(config, weights, sites)
	if err = errors.Join(err, weights.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return c, nil
}

// readSmall reads a file of at most maxConfig bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is longer than %d bytes: it is no configuration", path, maxConfig)
	}
	return data, nil
}

// Decode is [Read] of an adapter_config.json and an open file of weights.
func Decode(configuration []byte, weights *safetensors.File, sites []adapter.Site) (*Checkpoint, error) {
	config, err := parseConfig(configuration)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	r := &reader{config: config, selector: newSelector(config), weights: weights, found: map[string]factors{}}
	c := &Checkpoint{Base: config.base, Conv1D: config.fanInFanOut, Full: map[string]*linalg.Tensor{}}
	for task, name := range tasks {
		if name == config.task {
			c.Task = task
		}
	}
	if err := r.sort(sites); err != nil {
		return nil, err
	}
	if err := r.compare(sites); err != nil {
		return nil, err
	}
	for _, site := range sites {
		f, ok := r.found[site.Name]
		if !ok {
			continue
		}
		a, err := r.adapter(site, f)
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", site.Name, err)
		}
		c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, a)
	}
	return c, r.full(c, sites)
}

// reader puts a file's tensors where they belong.
type reader struct {
	config   *config
	selector *selector
	weights  *safetensors.File
	found    map[string]factors // by the adapted layer
	rest     []named            // whole tensors
}

// factors are the file's names of a layer's tensors, empty where there is none.
type factors struct {
	a, b, bias string
	embedding  bool
}

// named is a tensor by the base model's name and the file's.
type named struct{ name, key string }

// factorKey matches what PEFT names factors: with or without the adapter's name in it.
var factorKey = regexp.MustCompile(`^(.+)\.lora_(?:(A|B)(?:\.[^.]+)?\.(weight|bias)|embedding_(A|B)(?:\.[^.]+)?)$`)

// savedKey matches whole tensors of modules_to_save, as older releases name them.
var savedKey = regexp.MustCompile(`^(.+)\.modules_to_save\.[^.]+\.(.+)$`)

// sort looks at each name in the file.
func (r *reader) sort(sites []adapter.Site) error {
	var unexpected []string
	for _, key := range r.weights.Names() {
		name, ok := strings.CutPrefix(key, prefix)
		switch m := factorKey.FindStringSubmatch(name); {
		case !ok:
			unexpected = append(unexpected, key)
		case m != nil:
			if err := r.factor(m, key); err != nil {
				return err
			}
		case strings.HasSuffix(name, ".lora_magnitude_vector"):
			return fmt.Errorf("tensor %q: %s", key, refused["use_dora"])
		case strings.Contains(name, ".lora_"):
			unexpected = append(unexpected, key)
		default:
			name, ok := r.whole(name, sites)
			if !ok {
				unexpected = append(unexpected, key)
				continue
			}
			r.rest = append(r.rest, named{name, key})
		}
	}
	if len(unexpected) > 0 {
		return fmt.Errorf("unexpected %s: they belong to no adapter of this configuration", list("tensor", unexpected))
	}
	return nil
}

// factor notes one of a layer's tensors.
func (r *reader) factor(m []string, key string) error {
	f := r.found[m[1]]
	place := &f.a
	switch {
	case m[2] == "A" && m[3] == "bias":
		return fmt.Errorf("tensor %q: the first factor has no bias", key)
	case m[3] == "bias":
		place = &f.bias
	case m[2] == "B" || m[4] == "B":
		place = &f.b
	}
	if *place != "" {
		return fmt.Errorf("tensors %q and %q are the same of two adapters: save one adapter in a folder", *place, key)
	}
	*place = key
	f.embedding = f.embedding || m[4] != ""
	r.found[m[1]] = f
	return nil
}

// whole returns the base model's name of a whole tensor, if the configuration has a place
// for it.
func (r *reader) whole(name string, sites []adapter.Site) (string, bool) {
	if m := savedKey.FindStringSubmatch(name); m != nil {
		name = m[1] + "." + m[2]
	}
	layer, wrapped := name, false
	for _, suffix := range []string{".weight", ".bias"} {
		if cut, ok := strings.CutSuffix(name, ".base_layer"+suffix); ok {
			layer, wrapped = cut, true
			name = cut + suffix
		} else if cut, ok := strings.CutSuffix(name, suffix); ok && !wrapped {
			layer = cut
		}
	}
	isBias := strings.HasSuffix(name, ".bias")
	table := slices.ContainsFunc(sites, func(s adapter.Site) bool {
		return s.Name == layer && (s.Kind == adapter.SiteEmbedding || outputs.MatchString(s.Name))
	})
	return name, r.selector.saves(name) || isBias && r.config.bias != "none" || !isBias && table
}

// compare holds the layers of the file against those that the configuration means and that
// the base model has.
func (r *reader) compare(sites []adapter.Site) error {
	var missing, unexpected, unknown []string
	known := map[string]bool{}
	for _, site := range sites {
		known[site.Name] = true
		f, found := r.found[site.Name]
		meant := found
		if !r.selector.undecided {
			meant = r.selector.adapts(site)
		}
		switch {
		case found && !meant:
			unexpected = append(unexpected, site.Name)
		case meant && f.a == "":
			missing = append(missing, site.Name+".lora_A")
		case meant && f.b == "":
			missing = append(missing, site.Name+".lora_B")
		case meant && r.config.loraBias && !f.embedding && f.bias == "":
			missing = append(missing, site.Name+".lora_B.bias")
		case f.bias != "" && !r.config.loraBias:
			unexpected = append(unexpected, site.Name+".lora_B.bias")
		}
	}
	for name := range r.found {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("the base model has no %s that can be adapted: check that the adapter was made for it", list("layer", unknown))
	case len(missing) > 0:
		return fmt.Errorf("%s missing: %s adapts more than the file holds", list("tensor", missing), ConfigName)
	case len(unexpected) > 0:
		return fmt.Errorf("unexpected %s: %s does not adapt what the file holds", list("layer", unexpected), ConfigName)
	case len(r.found) == 0:
		return errors.New("nothing is adapted: target_modules names no layer of the base model")
	}
	return nil
}

// list names a few of many, in order.
func list(what string, names []string) string {
	const most = 6
	slices.Sort(names)
	if len(names) > 1 {
		what += "s"
	}
	text := what + " " + strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" (and %d more)", len(names)-most)
	}
	return text
}
