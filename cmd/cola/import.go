package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/model"
)

// importVerb is cola import.
type importVerb struct {
	Adapter string `required:"" placeholder:"FOLDER" help:"Folder that PEFT, or cola export --format cola, wrote."`
	Model   string `required:"" placeholder:"FOLDER" help:"The base model: a folder in Hugging Face layout, or hub:ORG/NAME."`
	Task    string `placeholder:"TASK" help:"Task of the base model: seq-cls, causal-lm or seq2seq-lm; by default the adapter's."`
	Classes int    `placeholder:"N" help:"Classes of seq-cls; by default as config.json has it."`
	Out     string `required:"" placeholder:"FILE" help:"The adapter.safetensors to write."`
}

// Help is the text of cola import --help.
func (*importVerb) Help() string {
	return `Reads a LoRA adapter that PEFT wrote, or a folder in cola's own format, for a base model, and writes it as an adapter.safetensors, which cola generate, cola eval and cola export read.

Example: cola import --adapter my-lora --model gpt2 --out adapter.safetensors`
}

// Run reads the folder and writes the file.
func (v *importVerb) Run(env *cli.Env) error {
	base, err := openBase(env, v.Model, v.Task, v.Classes)
	if err != nil {
		return asExchangeFault(err)
	}
	c, err := readCheckpoint(v.Adapter, base.Layers())
	if err == nil && c.Task != "" && c.Task != base.Config().Task {
		if base, err = openBase(env, v.Model, c.Task, v.Classes); err == nil {
			c, err = readCheckpoint(v.Adapter, base.Layers())
		}
	}
	if err == nil {
		err = addFull(c, base)
	}
	if err == nil {
		err = adapter.WriteFile(v.Out, c.Sites, c.Adapters, map[string]string{"imported_from": filepath.Base(v.Adapter)})
	}
	if err != nil {
		return asExchangeFault(err)
	}
	env.Log.Info("imported", "adapters", len(c.Adapters), "to", v.Out)
	return nil
}

// readCheckpoint reads a folder of PEFT's or of cola's own format.
func readCheckpoint(folder string, layers []adapter.Site) (*peft.Checkpoint, error) {
	if _, err := os.Stat(filepath.Join(folder, peft.ColaConfigName)); !errors.Is(err, fs.ErrNotExist) {
		return peft.ReadCola(folder, layers)
	}
	return peft.Read(folder, layers)
}

// addFull turns tensors that stand in the place of the base model's into linear adapters.
func addFull(c *peft.Checkpoint, base *model.Base) error {
	weight := base.Parameter
	for _, site := range base.Layers() {
		if c.Full[site.Name+".weight"] == nil || slices.ContainsFunc(c.Sites, func(s adapter.Site) bool { return s.Name == site.Name }) {
			continue
		}
		a, err := c.Linear(site, weight(site.Name+".weight"), weight(site.Name+".bias"))
		if err != nil {
			return err
		}
		c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, a)
		delete(c.Full, site.Name+".weight")
		delete(c.Full, site.Name+".bias")
	}
	var left []string
	for name := range c.Full {
		left = append(left, name)
	}
	if len(left) > 0 {
		slices.Sort(left)
		return errors.New("full tensors beside an adapter of the same layer cannot be held: " + strings.Join(left, ", "))
	}
	return nil
}
