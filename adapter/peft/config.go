package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// config is what adapter_config.json says, as far as it decides about numbers.
type config struct {
	task, base       string
	rank             int
	alpha            float64
	rankPattern      numbers
	alphaPattern     numbers
	rsLoRA           bool
	fanInFanOut      bool
	targets, exclude names
	layers           integers
	layersPattern    names
	modulesToSave    []string
	bias             string // "none", "all" or "lora_only"
	loraBias         bool
}

// names is a regular expression or a list of names, as PEFT has either in one field.
type names struct {
	pattern string
	list    []string
}

func (n names) empty() bool { return n.pattern == "" && len(n.list) == 0 }

// UnmarshalJSON takes a string or a list of strings.
func (n *names) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &n.pattern)
	}
	return json.Unmarshal(data, &n.list)
}

// integers is one number or a list of them.
type integers []int

// UnmarshalJSON takes an integer or a list of integers.
func (n *integers) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]int)(n))
	}
	var one int
	err := json.Unmarshal(data, &one)
	*n = integers{one}
	return err
}

// numbers is a JSON object of numbers in the order of the file: of keys that match, the
// first counts.
type numbers []number

type number struct {
	key   string
	value float64
	match *regexp.Regexp // of names that end in what key means
}

// UnmarshalJSON takes an object.
func (n *numbers) UnmarshalJSON(data []byte) error {
	values := map[string]float64{}
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end of what is known to be an object of numbers
		}
		if key, ok := token.(string); ok && !slices.ContainsFunc(*n, func(have number) bool { return have.key == key }) {
			*n = append(*n, number{key: key, value: values[key]})
		}
	}
}

// harmless are keys that change nothing of what an adapter computes.
var harmless = []string{
	"auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout", "runtime_config", "init_lora_weights",
	"eva_config", "corda_config", "loftq_config", "lora_ga_config", "megatron_core", "qalora_group_size", "peft_type",
}

// refused says of keys why a value that is neither null nor false nor empty cannot be taken.
var refused = map[string]string{
	"use_dora":                "DoRA scales the merged weight by a learned magnitude, which no sum of base and adapter is",
	"use_qalora":              "QALoRA pools the input for a quantised base model",
	"use_bdlora":              "its factors are block-diagonal",
	"alora_invocation_tokens": "the adapter acts behind its invocation tokens only",
	"layer_replication":       "the base model's layers are repeated",
	"trainable_token_indices": "single rows of the embedding were trained; train the embedding itself, or with LoRA",
	"target_parameters":       "it adapts parameters that are no layers",
	"ensure_weight_tying":     "the adapters of tied layers are one; save it with ensure_weight_tying=False",
	"target_modules_to_tie":   "the adapters of tied layers are one; save it with ensure_weight_tying=False",
	"arrow_config":            "several adapters are mixed by a router",
	"kasa_config":             "KaSA changes the base model's weights",
	"megatron_config":         "it belongs to Megatron's parallel layers",
	"monteclora_config":       "MonteCLoRA draws its factors",
	"velora_config":           "VeLoRA is not implemented",
}

// classifierHeads are what PEFT adds to modules_to_save of classifiers by itself.
var classifierHeads = []string{"classifier", "score"}

// parseConfig reads adapter_config.json. A field that changes what is computed and is not
// implemented is an error that says why.
func parseConfig(data []byte) (*config, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	c := &config{rank: 8, alpha: 8, bias: "none"}
	known := map[string]any{
		"task_type": &c.task, "base_model_name_or_path": &c.base, "r": &c.rank, "lora_alpha": &c.alpha,
		"rank_pattern": &c.rankPattern, "alpha_pattern": &c.alphaPattern, "use_rslora": &c.rsLoRA, "fan_in_fan_out": &c.fanInFanOut,
		"target_modules": &c.targets, "exclude_modules": &c.exclude, "layers_to_transform": &c.layers, "layers_pattern": &c.layersPattern,
		"modules_to_save": &c.modulesToSave, "bias": &c.bias, "lora_bias": &c.loraBias,
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		raw := fields[key]
		if string(raw) == "null" {
			continue
		}
		if target, ok := known[key]; ok {
			if err := json.Unmarshal(raw, target); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			continue
		}
		if slices.Contains(harmless, key) || slices.Contains([]string{"false", "{}", "[]", `""`}, string(raw)) {
			continue
		}
		if why, ok := refused[key]; ok {
			return nil, fmt.Errorf("%s is set: %s", key, why)
		}
		return nil, fmt.Errorf("%s = %s: this field is not known, and may change what the adapter computes; remove it if it does not", key, shorten(string(raw)))
	}
	if err := errors.Join(checkType(fields["peft_type"]), checkInitialisation(fields["init_lora_weights"]), c.check()); err != nil {
		return nil, err
	}
	if c.task == "SEQ_CLS" || c.task == "TOKEN_CLS" {
		c.modulesToSave = append(c.modulesToSave, classifierHeads...)
	}
	return c, nil
}

// check looks at values that PEFT would not have written.
func (c *config) check() error {
	switch {
	case c.rank < 1:
		return fmt.Errorf("r = %d must be at least 1", c.rank)
	case c.bias != "none" && c.bias != "all" && c.bias != "lora_only":
		return fmt.Errorf("bias = %q: PEFT knows none, all and lora_only", c.bias)
	case math.Abs(c.alpha) > math.MaxFloat32:
		return fmt.Errorf("lora_alpha = %g is too large", c.alpha)
	case c.targets.empty():
		return errors.New("target_modules is not there: name the layers that are adapted")
	}
	for _, p := range c.rankPattern {
		if p.value < 1 || p.value != math.Trunc(p.value) || p.value > math.MaxInt32 {
			return fmt.Errorf("rank_pattern: %q: %g is no rank", p.key, p.value)
		}
	}
	for _, p := range c.alphaPattern {
		if math.Abs(p.value) > math.MaxFloat32 {
			return fmt.Errorf("alpha_pattern: %q: %g is too large", p.key, p.value)
		}
	}
	if err := c.rankPattern.compile(); err != nil {
		return fmt.Errorf("rank_pattern: %w", err)
	}
	if err := c.alphaPattern.compile(); err != nil {
		return fmt.Errorf("alpha_pattern: %w", err)
	}
	return nil
}

// checkType refuses what is not LoRA.
func checkType(raw json.RawMessage) error {
	var kind string
	if err := json.Unmarshal(raw, &kind); err != nil || kind == "" {
		return errors.New("peft_type is not there: this is not PEFT's configuration")
	}
	if kind != "LORA" {
		return fmt.Errorf("peft_type = %s: only LORA is a low-rank adapter as cola has them", kind)
	}
	return nil
}

// checkInitialisation refuses initialisations that took something out of the base model's
// weights, so that the adapter is not one of the original base model.
func checkInitialisation(raw json.RawMessage) error {
	var name string
	if len(raw) == 0 || json.Unmarshal(raw, &name) != nil {
		return nil // true or false
	}
	name = strings.ToLower(name)
	if slices.Contains([]string{"gaussian", "eva", "orthogonal", "mica"}, name) {
		return nil
	}
	return fmt.Errorf("init_lora_weights = %s changes the base model's weights: save the adapter with path_initial_model_for_weight_conversion", name)
}

// shorten cuts what stands in a message.
func shorten(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
