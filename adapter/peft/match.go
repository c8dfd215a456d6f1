package peft

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/adapter"
)

// selector says which sites a configuration adapts, as PEFT decides.
type selector struct {
	config *config
	// undecided: an expression is one that Go's regexp does not know (lookaheads), so that
	// the tensors in the file decide.
	undecided      bool
	target, except *regexp.Regexp // or nil
	saved          []*regexp.Regexp
	layer          []*regexp.Regexp
}

var errNotPortable = errors.New("the expression is not one that this program can match")

// compile returns Python's expression as Go's, wrapped in what must stand around it. All of
// Python's syntax is either the same in Go or an error there, but for {,n}.
func compile(before, pattern, behind string) (*regexp.Regexp, error) {
	if strings.Contains(pattern, "{,") {
		return nil, errNotPortable
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotPortable, err)
	}
	re, err := regexp.Compile(before + "(?:" + pattern + ")" + behind)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotPortable, err)
	}
	return re, nil
}

// newSelector prepares a configuration's rules.
func newSelector(c *config) *selector {
	s := &selector{config: c}
	use := func(before, pattern, behind string) *regexp.Regexp {
		re, err := compile(before, pattern, behind)
		s.undecided = s.undecided || err != nil
		return re
	}
	if p := c.targets.pattern; p != "" && !strings.EqualFold(p, allLinear) {
		s.target = use("^", p, "$")
	}
	if c.exclude.pattern != "" {
		s.except = use("^", c.exclude.pattern, "$")
	}
	for _, m := range c.modulesToSave {
		s.saved = append(s.saved, use(`(^|^.*\.)`, m, `($|\.)`))
	}
	patterns := c.layersPattern.list
	if c.layersPattern.pattern != "" {
		patterns = []string{c.layersPattern.pattern}
	}
	for _, p := range patterns {
		s.layer = append(s.layer, use(`^(?:|.*?\.)`, p, `\.(\d+)\.`))
	}
	if len(patterns) == 0 {
		s.layer = []*regexp.Regexp{anyLayer}
	}
	return s
}

// allLinear is PEFT's word for every linear layer but the output.
const allLinear = "all-linear"

var (
	anyLayer = regexp.MustCompile(`^.*?\.[^.]*\.(\d+)\.`)
	// outputs are the language models' heads, which all-linear leaves out.
	outputs = regexp.MustCompile(`^(lm_head(\.decoder)?|cls\.predictions\.decoder)$`)
)

// adapts says whether the site is adapted.
func (s *selector) adapts(site adapter.Site) bool {
	c := s.config
	switch {
	case s.except != nil && s.except.MatchString(site.Name), suffixOf(site.Name, c.exclude.list), s.saves(site.Name):
		return false
	case s.target != nil:
		return s.target.MatchString(site.Name)
	case c.targets.pattern != "":
		return site.Kind == adapter.SiteLinear && !site.Head && !outputs.MatchString(site.Name)
	case slices.Contains(c.targets.list, site.Name):
		return true
	}
	return suffixOf(site.Name, c.targets.list) && s.wantedLayer(site.Name)
}

// saves says whether a module, or a tensor, is part of modules_to_save.
func (s *selector) saves(name string) bool {
	return slices.ContainsFunc(s.saved, func(re *regexp.Regexp) bool { return re != nil && re.MatchString(name) })
}

// wantedLayer says whether layers_to_transform has the layer's number in it.
func (s *selector) wantedLayer(name string) bool {
	if len(s.config.layers) == 0 {
		return true
	}
	for _, re := range s.layer {
		if m := re.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[len(m)-1])
			return err == nil && slices.Contains(s.config.layers, n)
		}
	}
	return false
}

// suffixOf says whether one of the list is the name or its end behind a dot.
func suffixOf(name string, list []string) bool {
	return slices.ContainsFunc(list, func(end string) bool { return name == end || strings.HasSuffix(name, "."+end) })
}

// compile prepares the keys.
func (n numbers) compile() (err error) {
	for i := range n {
		if n[i].match, err = compile(`^(?:|.*\.)`, n[i].key, "$"); err != nil {
			return fmt.Errorf("%q: %w", n[i].key, err)
		}
	}
	return nil
}

// lookup returns the value of the first key that matches the end of the name, or fallback.
func (n numbers) lookup(name string, fallback float64) float64 {
	for _, p := range n {
		if p.match.MatchString(name) {
			return p.value
		}
	}
	return fallback
}

// spec returns rank and scale at a site: s = α/r, or α/√r with use_rslora.
func (c *config) spec(name string) adapter.Spec {
	rank, alpha := c.rankPattern.lookup(name, float64(c.rank)), c.alphaPattern.lookup(name, c.alpha)
	scale := alpha / rank
	if c.rsLoRA {
		scale = alpha / math.Sqrt(rank)
	}
	return adapter.Spec{Kind: adapter.LowRank, Rank: int(rank), Scale: scale}
}
