package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// Write writes a folder that PEFT loads, and makes the folder if need be. The adapters are
// low-rank ([Truncate] makes linear ones so); those of classification heads belong into
// Full ([Checkpoint.AddFull]). A trained bias in Full goes out as PEFT's "lora_only". All are
// the sites that the base model could have, by which target_modules is kept short; without
// them it names each layer in full.
func Write(folder string, c *Checkpoint, all []adapter.Site) error {
	blobs, err := c.blobs()
	if err != nil {
		return err
	}
	config, err := c.configuration(all)
	if err != nil {
		return err
	}
	return writeFolder(folder, ConfigName, config, WeightsName, blobs, map[string]string{"format": "pt"})
}

// writeFolder writes a configuration and weights, each as a whole or not at all.
func writeFolder(folder, configName string, config []byte, weightsName string, blobs []linalg.Blob, metadata map[string]string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := safetensors.WriteFile(filepath.Join(folder, weightsName), blobs, metadata); err != nil {
		return err
	}
	path := filepath.Join(folder, configName)
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, config, 0o644); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return os.Rename(temporary, path)
}

// blobs returns the tensors by PEFT's names, sorted.
func (c *Checkpoint) blobs() ([]linalg.Blob, error) {
	var blobs []linalg.Blob
	if len(c.Sites) != len(c.Adapters) {
		return nil, fmt.Errorf("%d sites have %d adapters", len(c.Sites), len(c.Adapters))
	}
	for i, site := range c.Sites {
		spec := c.Adapters[i].Spec()
		switch {
		case site.Head:
			return nil, fmt.Errorf("site %s is a classification head: PEFT stores it whole (AddFull)", site.Name)
		case spec.Kind == adapter.Linear:
			return nil, fmt.Errorf("the adapter at site %s is linear: bring it to a low rank first, or merge it", site.Name)
		case spec.Kind != adapter.LowRank:
			return nil, fmt.Errorf("the adapter at site %s is of kind %s, which PEFT has none of: use cola's own format", site.Name, spec.Kind)
		}
		params := c.Adapters[i].Params()
		a, b := params[0].Value, params[1].Value
		nameA, nameB := ".lora_A.weight", ".lora_B.weight"
		if site.Kind == adapter.SiteEmbedding {
			nameA, nameB = ".lora_embedding_A", ".lora_embedding_B"
		}
		blobs = append(blobs,
			a.Reshape(shapeA(site, spec.Rank)...).Blob(prefix+site.Name+nameA),
			b.Reshape(shapeB(site, spec.Rank)...).Blob(prefix+site.Name+nameB))
	}
	for name, t := range c.Full {
		if layer, isBias := strings.CutSuffix(name, ".bias"); isBias && c.adapted(layer) {
			name = layer + ".base_layer.bias"
		}
		blobs = append(blobs, t.Blob(prefix+name))
	}
	slices.SortFunc(blobs, func(a, b linalg.Blob) int { return strings.Compare(a.Name, b.Name) })
	return blobs, nil
}

// adapted says whether the layer is one of the sites.
func (c *Checkpoint) adapted(layer string) bool {
	return slices.ContainsFunc(c.Sites, func(s adapter.Site) bool { return s.Name == layer })
}

// configuration returns adapter_config.json.
func (c *Checkpoint) configuration(all []adapter.Site) ([]byte, error) {
	if len(c.Sites) == 0 {
		return nil, errors.New("nothing is adapted: PEFT has no adapter without layers")
	}
	saved, bias, err := c.saved(all)
	if err != nil {
		return nil, err
	}
	ranks, alphas := map[string]float64{}, map[string]float64{}
	for i, site := range c.Sites {
		spec := c.Adapters[i].Spec()
		if spec.Scale == 0 {
			spec.Scale = 1
		}
		ranks[site.Name], alphas[site.Name] = float64(spec.Rank), spec.Scale*float64(spec.Rank)
	}
	rank, rankPattern := pattern(ranks)
	alpha, alphaPattern := pattern(alphas)
	fields := map[string]any{
		"alpha_pattern": alphaPattern, "auto_mapping": nil, "base_model_name_or_path": nil, "bias": bias, "fan_in_fan_out": c.Conv1D,
		"inference_mode": true, "init_lora_weights": true, "layers_pattern": nil, "layers_to_transform": nil, "lora_alpha": alpha,
		"lora_dropout": json.RawMessage("0.0"), "modules_to_save": nil, "peft_type": "LORA", "r": rank, "rank_pattern": rankPattern,
		"revision": nil, "target_modules": c.targetModules(all), "task_type": nil, "use_dora": false, "use_rslora": false,
	}
	if c.Base != "" {
		fields["base_model_name_or_path"] = c.Base
	}
	if task, ok := tasks[c.Task]; ok {
		fields["task_type"] = task
	}
	if len(saved) > 0 {
		fields["modules_to_save"] = saved
	}
	return indented(fields)
}

// indented is Python's json.dumps(indent=2, sort_keys=True).
func indented(fields any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(fields); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// saved returns modules_to_save and bias as Full makes them. A classifier without its heads
// would not load.
func (c *Checkpoint) saved(all []adapter.Site) (modules []string, bias string, err error) {
	bias = "none"
	heads := map[string]bool{} // by the part of the name that PEFT looks for
	if c.Task == "seq-cls" {
		for _, name := range classifierHeads {
			heads[name] = true
		}
		for _, site := range all {
			if site.Head && c.Full[site.Name+".weight"] == nil {
				return nil, "", fmt.Errorf("tensor %q is missing: PEFT loads a classifier's adapter with its head only (AddFull)", site.Name+".weight")
			}
		}
	}
	for name := range c.Full {
		layer, isBias := strings.CutSuffix(name, ".bias")
		if isBias && c.adapted(layer) {
			bias = "lora_only"
			continue
		}
		if layer = strings.TrimSuffix(layer, ".weight"); c.adapted(layer) {
			return nil, "", fmt.Errorf("tensor %q is both adapted and given whole", name)
		}
		module, _, _ := strings.Cut(layer, ".")
		if !slices.ContainsFunc(all, func(s adapter.Site) bool { return s.Name == layer && s.Head }) && len(all) > 0 {
			module = layer
		}
		heads[module] = true
	}
	return slices.Sorted(maps.Keys(heads)), bias, nil
}

// pattern returns the value that most sites have (of equals the smallest), and the others'
// by name. Whole numbers are written without a point: some readers take no others.
func pattern(values map[string]float64) (common any, others map[string]any) {
	count := map[float64]int{}
	for _, v := range values {
		count[v]++
	}
	best := math.Inf(1)
	for v, n := range count {
		if n > count[best] || n == count[best] && v < best {
			best = v
		}
	}
	others = map[string]any{}
	for name, v := range values {
		if v != best {
			others["^"+regexp.QuoteMeta(name)] = whole(v)
		}
	}
	return whole(best), others
}

// whole returns a number as an integer where it is one, but for rounding.
func whole(v float64) any {
	if r := math.Round(v); math.Abs(v-r) <= 1e-12*math.Abs(v) && math.Abs(r) < 1<<53 {
		return int64(r)
	}
	return v
}

// digits are parts of names that number layers.
var digits = regexp.MustCompile(`(^|\.)\d+(\.|$)`)

// targetModules returns for each site the shortest end of its name that no layer has which is
// not adapted. Ends with numbers in them say no more than full names do.
func (c *Checkpoint) targetModules(all []adapter.Site) []string {
	modules := map[string]bool{}
	for _, site := range c.Sites {
		end := site.Name
		for at := strings.LastIndexByte(site.Name, '.'); at >= 0 && len(all) > 0; at = strings.LastIndexByte(site.Name[:at], '.') {
			short := site.Name[at+1:]
			if digits.MatchString(short) {
				break
			}
			if !slices.ContainsFunc(all, func(s adapter.Site) bool {
				whole := s.Head && (c.Task == "seq-cls" || c.Full[s.Name+".weight"] != nil) // in modules_to_save
				return !whole && !c.adapted(s.Name) && suffixOf(s.Name, []string{short})
			}) {
				end = short
				break
			}
		}
		modules[end] = true
	}
	return slices.Sorted(maps.Keys(modules))
}
