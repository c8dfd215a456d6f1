package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

func TestConfigValidate(t *testing.T) {
	good := model.Config{Type: "cnn", Input: []int{28, 28, 1}, Classes: 10}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(c *model.Config){
		`type = "resnet": use linear, mlp or cnn`: func(c *model.Config) { c.Type = "resnet" },
		"no hidden layers":                        func(c *model.Config) { c.Type, c.Hidden = "linear", []int{3} },
		"input = [28 28]":                         func(c *model.Config) { c.Input = []int{28, 28} },
		"input = [28 0 1]":                        func(c *model.Config) { c.Input = []int{28, 0, 1} },
		"input = [65536 65536 1]":                 func(c *model.Config) { c.Input = []int{1 << 16, 1 << 16, 1} },
		"classes = 1:":                            func(c *model.Config) { c.Classes = 1 },
		"hidden = [3 0]":                          func(c *model.Config) { c.Hidden = []int{3, 0} },
		"at most 1024 widths":                     func(c *model.Config) { c.Hidden = slices.Repeat([]int{1}, 1025) },
		"too small for the 5 max-pools":           func(c *model.Config) { c.Hidden = slices.Repeat([]int{4}, 6) },
		"too small for the 99 max-pools":          func(c *model.Config) { c.Hidden = slices.Repeat([]int{4}, 100) },
		"too small for the 3 max-pools":           func(c *model.Config) { c.Input = []int{28, 7, 1} },
		"a layer of 65536 × 9 inputs":             func(c *model.Config) { c.Hidden = []int{65536, 65536} },
		"a layer of 784 × 1 inputs":               func(c *model.Config) { c.Type, c.Hidden = "mlp", []int{1 << 28} },
		"inputs and 200000000 classes":            func(c *model.Config) { c.Type, c.Classes = "linear", 200000000 },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := model.New(linalg.NewCPU(), c); err == nil {
			t.Errorf("New made a model that does not validate: %q", want)
		}
	}
	all := model.Config{Type: "x", Input: nil, Hidden: []int{-1}}
	for _, want := range []string{"type", "input", "classes", "hidden"} {
		if err := all.Validate(); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}

// The paper's widths, the checkpoint names and the sites are part of what others rely on.
func TestDeclaredModels(t *testing.T) {
	for _, c := range []struct {
		kind       string
		hidden     []int
		parameters string
		sites      string
		count      int
	}{
		{"linear", nil, "linear.weight linear.bias", "linear", 7850},
		{"mlp", []int{128, 256}, "layers.0.weight layers.0.bias layers.1.weight layers.1.bias head.weight head.bias",
			"layers.0 layers.1 head", 784*128 + 128 + 128*256 + 256 + 2570},
		{"cnn", []int{64, 128, 256, 512}, "convs.0.weight convs.0.bias convs.1.weight convs.1.bias convs.2.weight convs.2.bias " +
			"convs.3.weight convs.3.bias head.weight head.bias", "convs.0 convs.1 convs.2 convs.3 head",
			64*9 + 64 + 128*64*9 + 128 + 256*128*9 + 256 + 512*256*9 + 512 + 5130},
	} {
		b := newBase(t, model.Config{Type: c.kind, Input: []int{28, 28, 1}, Classes: 10})
		if got := b.Config().Hidden; !slices.Equal(got, c.hidden) {
			t.Errorf("%s: hidden %v, want %v", c.kind, got, c.hidden)
		}
		var names, sites []string
		count := 0
		for _, p := range b.Parameters() {
			names = append(names, p.Name)
			count += p.Value.Len()
		}
		for i, s := range b.Sites() {
			sites = append(sites, s.Name)
			if s.Group != i || !s.Bias || s.Head {
				t.Errorf("%s: site %+v", c.kind, s)
			}
		}
		if got := strings.Join(names, " "); got != c.parameters || count != c.count {
			t.Errorf("%s: parameters %s, %d numbers; want %s, %d", c.kind, got, count, c.parameters, c.count)
		}
		if got := strings.Join(sites, " "); got != c.sites {
			t.Errorf("%s: sites %s, want %s", c.kind, got, c.sites)
		}
		if least := int64(count) * 8; b.Bytes() < least {
			t.Errorf("%s: %d bytes for two copies of %d numbers", c.kind, b.Bytes(), count)
		}
	}
}

func TestConfigIsACopy(t *testing.T) {
	b := newBase(t, small[1])
	b.Config().Hidden[0] = 1
	b.Config().Input[0] = 1
	if got := b.Config(); got.Hidden[0] != 11 || got.Input[0] != 4 {
		t.Errorf("the configuration was changed from outside: %+v", got)
	}
}
