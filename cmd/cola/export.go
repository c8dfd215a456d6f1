package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/gguf"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/data/hub"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// exportVerb is cola export.
type exportVerb struct {
	Adapter string `required:"" placeholder:"FILE" help:"An adapter.safetensors or merged.safetensors."`
	Model   string `required:"" placeholder:"FOLDER" help:"The base model: a folder in Hugging Face layout, or hub:ORG/NAME."`
	Task    string `placeholder:"TASK" help:"Task of the base model: seq-cls, causal-lm or seq2seq-lm; by default what its type does."`
	Classes int    `placeholder:"N" help:"Classes of seq-cls; by default as config.json has it."`
	Format  string `default:"peft" enum:"peft,merged,gguf,cola" help:"What to write: peft, merged, gguf or cola."`
	Out     string `required:"" placeholder:"FOLDER" help:"Folder to write to; of gguf the file."`
	Rank    int    `placeholder:"N" help:"Rank that linear adapters are brought to; 0 keeps them exact."`
}

// Help is the text of cola export --help.
func (*exportVerb) Help() string {
	return `Writes a participant's adapters, or a merged update, in a form that others read: peft for PEFT, vLLM and whatever loads LoRA; merged for a base model's folder with the adapters in its weights; gguf for llama.cpp; cola for every kind of adapter, exactly. docs/adapters.md has the details.

Example: cola export --adapter cola-p0/adapter.safetensors --model gpt2 --format peft --out p0-lora`
}

// Run writes the adapters.
func (v *exportVerb) Run(env *cli.Env) error {
	e, err := v.open(env)
	if err != nil {
		return asExchangeFault(err)
	}
	switch v.Format {
	case "merged":
		err = e.merged(v.Out)
	case "gguf":
		err = e.gguf(v.Out)
	case "cola":
		err = peft.WriteCola(v.Out, e.checkpoint(e.file.Sites, e.file.Adapters))
	default:
		err = e.peft(env, v.Out, v.Rank)
	}
	if err != nil {
		return asExchangeFault(err)
	}
	env.Log.Info("exported", "adapters", len(e.file.Adapters), "as", v.Format, "to", v.Out)
	return nil
}

// asExchangeFault says that files do not go together, unless the fault is another.
func asExchangeFault(err error) error {
	if f, ok := errors.AsType[*protocol.Fault](err); ok {
		return f
	}
	return protocol.Faultf(protocol.CodeBadData, "give the adapter's own base model, task and classes, and a format that can hold it: see docs/adapters.md", "%w", err)
}

// export is an adapter file beside its base model.
type export struct {
	base *model.Base
	file *adapter.File
}

// openBase maps a base model: its weights can be read, and nothing is computed.
func openBase(env *cli.Env, path, task string, classes int) (*model.Base, error) {
	path, err := cli.Resolve(env.Context, env.Log, path, hub.ModelFiles())
	if err != nil {
		return nil, err
	}
	return model.New(dryrun.New(), model.Config{Path: path, Task: task, Classes: classes, Targets: []string{model.AllLinear}})
}

func (v *exportVerb) open(env *cli.Env) (*export, error) {
	base, err := openBase(env, v.Model, v.Task, v.Classes)
	if err != nil {
		return nil, err
	}
	file, err := adapter.ReadFile(v.Adapter, base.Layers())
	if err != nil {
		return nil, err
	}
	return &export{base, file}, nil
}

// checkpoint describes adapters as PEFT's and cola's own formats do.
func (e *export) checkpoint(sites []adapter.Site, adapters []adapter.Adapter) *peft.Checkpoint {
	c := e.base.Config()
	return &peft.Checkpoint{Task: c.Task, Base: c.Path, Conv1D: c.Type == "gpt2", Sites: sites, Adapters: adapters}
}

// peft writes a PEFT folder, and says what bringing linear adapters to a rank has lost.
func (e *export) peft(env *cli.Env, out string, rank int) error {
	c := e.checkpoint(nil, nil)
	weight := e.base.Parameter
	worst, at := 0.0, ""
	for i, site := range e.file.Sites {
		a := e.file.Adapters[i]
		if site.Head {
			if err := c.AddFull(site, a, weight(site.Name+".weight"), weight(site.Name+".bias")); err != nil {
				return err
			}
			continue
		}
		t, err := peft.Truncate(site, a, rank)
		if err != nil {
			return err
		}
		if t.Bias != nil {
			c.AddBias(site, weight(site.Name+".bias"), t.Bias)
		}
		if t.Error >= worst {
			worst, at = t.Error, site.Name
		}
		c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, t.Adapter)
		env.Log.Debug("layer", "name", site.Name, "error", t.Error, "energy", t.Energy)
	}
	if worst > 0 {
		env.Log.Warn("linear adapters were brought to a lower rank", "rank", rank, "worst relative error", worst, "at", at)
	}
	return peft.Write(out, c, e.base.Layers())
}

// gguf writes a file for llama.cpp.
func (e *export) gguf(out string) error {
	c := e.base.Config()
	architecture := c.Type
	if architecture == "mistral" {
		architecture = "llama"
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return gguf.WriteFile(out, gguf.Model{Architecture: architecture, Heads: c.Heads, KVHeads: c.KeyHeads}, e.file.Sites, e.file.Adapters)
}

// merged writes the base model's folder with the adapters in its weights.
func (e *export) merged(out string) error {
	var names []string
	for _, s := range e.file.Sites {
		names = append(names, s.Name)
	}
	c := e.base.Config()
	base, err := model.New(dryrun.New(), model.Config{Path: c.Path, Task: c.Task, Classes: c.Classes, Targets: names})
	if err != nil {
		return err
	}
	adapters, err := e.file.For(base.Sites())
	if err != nil {
		return err
	}
	deltas := make([]model.Delta, len(adapters))
	for i, a := range adapters {
		if deltas[i].Weight, deltas[i].Bias, err = a.Delta(linalg.NewCPU()); err != nil {
			return fmt.Errorf("site %s: %w", base.Sites()[i].Name, err)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := base.SaveMerged(filepath.Join(out, "model.safetensors"), deltas); err != nil {
		return err
	}
	config, err := base.ConfigFile()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "config.json"), config, 0o644); err != nil {
		return err
	}
	return copyBeside(out, c.Path)
}

// copyBeside copies what belongs to a model in a folder beside its weights and its
// configuration: its tokenizer.
func copyBeside(out, folder string) error {
	if filepath.Ext(folder) == ".bin" {
		return nil // llama2.c keeps it elsewhere
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		text := strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".index.json") || strings.HasSuffix(name, ".txt") || name == "tokenizer.model"
		if entry.IsDir() || !text || name == "config.json" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
