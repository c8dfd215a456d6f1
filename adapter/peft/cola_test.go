package peft_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// everyKind makes a checkpoint with adapters of every kind at every kind of site.
func everyKind(t testing.TB, folder string) (*peft.Checkpoint, []adapter.Site) {
	t.Helper()
	kinds := []adapter.Spec{lowRank(2, 1.5), {Kind: adapter.Linear, Bias: true}, {Kind: adapter.MLP, Hidden: []int{3, 5}}, lowRank(3, 0)}
	sites := base(t, folder)
	c := &peft.Checkpoint{Task: "seq-cls", Base: "models/" + folder}
	for i, site := range sites {
		spec := kinds[i%len(kinds)]
		if site.Kind == adapter.SiteEmbedding && spec.Kind == adapter.MLP {
			continue
		}
		c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, made(t, site, spec))
	}
	return c, sites
}

// TestCola writes and reads every kind: the same to the bit. With COLA_PEFT_FOLDERS set the
// folders are left there, with inputs and outputs, for testdata/check.py.
func TestCola(t *testing.T) {
	out := os.Getenv("COLA_PEFT_FOLDERS")
	if out == "" {
		out = t.TempDir()
	}
	for _, model := range []string{"roberta", "cnn"} {
		c, sites := everyKind(t, model)
		folder := filepath.Join(out, "cola-"+model)
		if err := peft.WriteCola(folder, c); err != nil {
			t.Fatal(err)
		}
		back, err := peft.ReadCola(folder, sites)
		if err != nil {
			t.Fatal(err)
		}
		if adapter.Digest(back.Sites, back.Adapters) != adapter.Digest(c.Sites, c.Adapters) || back.Task != c.Task || back.Base != c.Base {
			t.Errorf("%s: something else comes back", model)
		}
		for i, a := range back.Adapters {
			x := input(c.Sites[i])
			y := output(c.Sites[i], a, x)
			if want := output(c.Sites[i], c.Adapters[i], x); !bytes.Equal(linalg.Bytes(y), linalg.Bytes(want)) {
				t.Errorf("%s: site %s adds something else", model, c.Sites[i].Name)
			}
		}
		leaveOutputs(t, folder, model, c)
	}
}

// input draws what an adapter at a site is applied to, as captured.
func input(site adapter.Site) *linalg.Tensor {
	r := adapter.Rand(7, "x", site.Name)
	switch site.Kind {
	case adapter.SiteEmbedding:
		return linalg.FromI32([]int32{1, 0, int32(site.In) - 1, 1}, 4)
	case adapter.SiteConv2D:
		x := linalg.New(linalg.F32, 2, site.Conv.Height, site.Conv.Width, site.Conv.Channels)
		random(r, x)
		return x
	}
	x := linalg.New(linalg.F32, 4, site.In)
	random(r, x)
	return x
}

func output(site adapter.Site, a adapter.Adapter, x *linalg.Tensor) *linalg.Tensor {
	rows := site.Unfold(linalg.NewCPU(), x)
	y := linalg.New(linalg.F32, rows.Rows(), site.Out)
	a.Apply(linalg.NewCPU(), y, rows)
	return y
}

// channelsFirst turns (n, positions, c) into (n, c, positions).
func channelsFirst(t *linalg.Tensor, n, positions, c int) *linalg.Tensor {
	out := linalg.New(linalg.F32, n, c, positions)
	for i := range n {
		for p := range positions {
			for k := range c {
				out.F32()[(i*c+k)*positions+p] = t.F32()[(i*positions+p)*c+k]
			}
		}
	}
	return out
}

// leaveOutputs writes inputs and outputs as PyTorch lays them out.
func leaveOutputs(t *testing.T, folder, model string, c *peft.Checkpoint) {
	t.Helper()
	var blobs []linalg.Blob
	for i, site := range c.Sites {
		x := input(site)
		y := output(site, c.Adapters[i], x)
		if site.Kind == adapter.SiteConv2D { // Height is Width here, and stays so
			h := site.Conv.Height
			x = channelsFirst(x, 2, h*h, site.Conv.Channels).Reshape(2, site.Conv.Channels, h, h)
			y = channelsFirst(y, 2, h*h, site.Out).Reshape(2, site.Out, h, h)
		}
		blobs = append(blobs, x.Blob("x:"+site.Name), y.Blob("y:"+site.Name))
	}
	if err := safetensors.WriteFile(filepath.Join(folder, "check.safetensors"), blobs, map[string]string{"base": model}); err != nil {
		t.Fatal(err)
	}
}

// TestColaRefuses breaks a folder in each way that is checked.
func TestColaRefuses(t *testing.T) {
	c, sites := everyKind(t, "roberta")
	head := c.Sites[len(c.Sites)-1].Name
	type document = map[string]any
	site := func(d document, i int) document { return d["sites"].([]any)[i].(document) }
	last := len(c.Sites) - 1
	mlp := slices.IndexFunc(c.Adapters, func(a adapter.Adapter) bool { return a.Spec().Kind == adapter.MLP })
	for want, change := range map[string]func(document){
		"format":            func(d document) { d["format"] = "other" },
		"version 2":         func(d document) { d["version"] = 2 },
		"no layer":          func(d document) { site(d, 0)["name"] = "elsewhere" },
		"base model":        func(d document) { site(d, 0)["in"] = 12 },
		"twice":             func(d document) { d["sites"] = append(d["sites"].([]any), site(d, 0)) },
		"unexpected":        func(d document) { d["sites"] = d["sites"].([]any)[:last] },
		"kind":              func(d document) { site(d, 0)["adapter"] = "prefix" },
		"more than":         func(d document) { site(d, 0)["rank"] = 1 << 19 },
		"a head has":        func(d document) { site(d, last)["adapter"], site(d, last)["rank"] = "low-rank", 1 },
		"not in the file":   func(d document) { site(d, mlp)["adapter"] = "linear" },
		"cannot unmarshal":  func(d document) { d["sites"] = 3 },
		"hidden":            func(d document) { site(d, 0)["adapter"], site(d, 0)["hidden"] = "mlp", []int{} },
		"must be at least":  func(d document) { site(d, 0)["rank"] = -1 },
		"more than the":     func(d document) { site(d, 0)["adapter"], site(d, 0)["hidden"] = "mlp", []int{1 << 20, 1 << 20} },
		"tensor \"roberta.": func(d document) { site(d, 0)["rank"] = 1 },
	} {
		dir := t.TempDir()
		if err := peft.WriteCola(dir, c); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, peft.ColaConfigName)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d := document{}
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		change(d)
		if data, err = json.Marshal(d); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := peft.ReadCola(dir, sites); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s (head %s): %v", want, head, err)
		}
	}
	if _, err := peft.ReadCola(t.TempDir(), sites); err == nil {
		t.Error("an empty folder is read")
	}
	c.Full = map[string]*linalg.Tensor{"x": linalg.New(linalg.F32, 1)}
	if err := peft.WriteCola(t.TempDir(), c); err == nil {
		t.Error("a whole tensor is written")
	}
}
