package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
)

// AllLinear is the target that stands for every linear layer but a language model's head.
const AllLinear = "all-linear"

// defaultTargets are the paper's, by the type of the model.
var defaultTargets = map[string][]string{
	"gpt2": {"c_attn"}, "bert": {"query", "value"}, "roberta": {"query", "value"},
	"bart": {"q_proj", "v_proj"}, "llama": {"q_proj", "v_proj"}, "mistral": {"q_proj", "v_proj"}, "qwen2": {"q_proj", "v_proj"},
}

// wantedSites returns which layers the configuration makes sites: of an image model all,
// of others those that a target names, and classification heads always. A target is the
// last part of a name ("c_attn", "self_attn.q_proj"), [AllLinear], or a regular expression
// that matches whole names, behind "re:".
func wantedSites(layers []*layer, c Config) (func(*layer) bool, error) {
	if c.Path == "" {
		return func(*layer) bool { return true }, nil
	}
	var tests []func(*layer) bool
	for _, target := range c.Targets {
		test, err := named(target)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(layers, test) {
			return nil, fmt.Errorf("target %q is no layer of this %s: it has %s", target, c.Type, strings.Join(lastParts(layers), ", "))
		}
		tests = append(tests, test)
	}
	return func(l *layer) bool {
		return l.site.Head || slices.ContainsFunc(tests, func(test func(*layer) bool) bool { return test(l) })
	}, nil
}

// named returns a test of whether a target means a layer.
func named(target string) (func(*layer) bool, error) {
	if target == AllLinear {
		return func(l *layer) bool { return l.site.Kind == adapter.SiteLinear && !l.output }, nil
	}
	if pattern, ok := strings.CutPrefix(target, "re:"); ok {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return nil, fmt.Errorf("target %q: %w", target, err)
		}
		return func(l *layer) bool { return re.MatchString(l.site.Name) }, nil
	}
	return func(l *layer) bool { return l.site.Name == target || strings.HasSuffix(l.site.Name, "."+target) }, nil
}

// lastParts lists the last parts of the layers' names, each once.
func lastParts(layers []*layer) []string {
	var parts []string
	for _, l := range layers {
		part := l.site.Name[strings.LastIndexByte(l.site.Name, '.')+1:]
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}
