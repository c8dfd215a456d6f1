package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data/hub"
	"github.com/gradientlearning/cola/data/tokenizer"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// textModelFlags name a model of text and what belongs to it.
type textModelFlags struct {
	Model     string   `required:"" placeholder:"FOLDER" help:"Base model: a folder in Hugging Face layout, hub:ORG/NAME, or a .bin file of llama2.c."`
	Tokenizer string   `placeholder:"FOLDER" help:"Tokenizer: a folder, a file or hub:ORG/NAME; by default the model's folder."`
	Task      string   `placeholder:"TASK" help:"Task of the base model: seq-cls, causal-lm or seq2seq-lm; by default that of its type, or of the data."`
	Classes   int      `placeholder:"N" help:"Classes of seq-cls; by default as config.json has it."`
	Device    string   `default:"auto" placeholder:"DEVICE" help:"Where to compute: auto (a GPU where there is one, else the CPU), cpu, cuda or cuda:N."`
	Precision string   `default:"f32" enum:"f32,bf16-weights,bf16" help:"How matrices are kept and multiplied: f32, bf16-weights or bf16."`
	Adapter   []string `sep:"none" placeholder:"[NAME=]FILE" help:"An adapter.safetensors or merged.safetensors; may be repeated. The name is the participant's unless given."`
}

// textModel is a model of text, with its tokenizer and adapters.
type textModel struct {
	devices   *devices
	base      *model.Base
	tokenizer *tokenizer.Tokenizer
	names     []string // of the adapters, in their order
	adapters  map[string][]adapter.Adapter
}

// open opens the tokenizer, the model with the sites that the adapters have, and the
// adapters; merged is one more file of adapters, under no name, or "".
func (f *textModelFlags) open(env *cli.Env, task, merged string) (*textModel, error) {
	t, err := f.openTokenizer(env)
	if err != nil {
		return nil, err
	}
	m := &textModel{tokenizer: t, adapters: map[string][]adapter.Adapter{}}
	if f.Task != "" {
		task = f.Task
	}
	c := model.Config{Path: f.Model, Task: task, Classes: f.Classes}
	files, err := f.readAdapters(m, c, merged)
	if err != nil {
		return nil, asTextFault(err)
	}
	for _, file := range files {
		for _, site := range file.Sites {
			if !slices.Contains(c.Targets, site.Name) && !site.Head {
				c.Targets = append(c.Targets, site.Name)
			}
		}
	}
	if c.Precision, err = linalg.ParsePrecision(f.Precision); err != nil {
		return nil, asTextFault(err)
	}
	if m.devices, err = openDevice(env, f.Device); err != nil {
		return nil, err
	}
	if m.base, err = model.New(m.devices.list[0], c); err != nil {
		return nil, errors.Join(asTextFault(err), m.devices.close())
	}
	for name, file := range files {
		if m.adapters[name], err = file.For(m.base.Sites()); err != nil {
			return nil, errors.Join(asTextFault(fmt.Errorf("adapters of %s: %w", name, err)), m.devices.close())
		}
	}
	if drawn := m.base.Loaded().Drawn; len(drawn) > 0 {
		env.Log.Warn("the model's files lack parameters, which were drawn at random", "parameters", strings.Join(drawn, ", "))
	}
	return m, nil
}

// openTokenizer downloads the model if it is on the hub, and opens the tokenizer that is
// named, or the model's.
func (f *textModelFlags) openTokenizer(env *cli.Env) (_ *tokenizer.Tokenizer, err error) {
	if f.Model, err = cli.Resolve(env.Context, env.Log, f.Model, hub.ModelFiles()); err != nil {
		return nil, err
	}
	path := f.Tokenizer
	if path == "" {
		if path = f.Model; filepath.Ext(path) == ".bin" {
			return nil, protocol.Faultf(protocol.CodeUsage, "give --tokenizer, for example tok512.bin", "a llama2.c file comes without its tokenizer")
		}
	}
	return cli.OpenTokenizer(env.Context, env.Log, path)
}

// readAdapters reads the files of adapters by name, and notes their names' order. Of the
// model its configuration is enough.
func (f *textModelFlags) readAdapters(m *textModel, c model.Config, merged string) (map[string]*adapter.File, error) {
	files := map[string]*adapter.File{}
	if len(f.Adapter) == 0 && merged == "" {
		return files, nil
	}
	c.Targets = []string{model.AllLinear}
	declared, err := model.Declare(dryrun.New(), c)
	if err != nil {
		return nil, err
	}
	layers := declared.Layers()
	for _, given := range f.Adapter {
		name, path, named := strings.Cut(given, "=")
		if !named {
			path = given
		}
		file, err := adapter.ReadFile(path, layers)
		if err != nil {
			return nil, err
		}
		if !named {
			name = nameOf(file, path)
		}
		if files[name] != nil || name == "" {
			return nil, fmt.Errorf("--adapter %s: give each a name of its own, as in ada=FILE: %q is taken", given, name)
		}
		files[name], m.names = file, append(m.names, name)
	}
	if merged != "" {
		if files[mergedName], err = adapter.ReadFile(merged, layers); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// mergedName is that of the merged update among files that have names.
const mergedName = ""

// nameOf returns the participant of an adapter file, or its name without its ending.
func nameOf(file *adapter.File, path string) string {
	if name := file.Metadata["participant"]; name != "" {
		return name
	}
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// asTextFault says that a model and what came with it do not go together, unless the fault
// is another.
func asTextFault(err error) error {
	if f, ok := errors.AsType[*protocol.Fault](err); ok {
		return f
	}
	if errors.Is(err, linalg.ErrOutOfMemory) {
		return protocol.Faultf(protocol.CodeOutOfMemory, "lower --together, use --precision bf16, or compute with --device cpu", "%w", err)
	}
	if diverged, ok := errors.AsType[*model.DivergedError](err); ok {
		return protocol.Faultf(protocol.CodeDiverged, "the adapters are not to be used: fit them again at a lower learning rate", "%w", diverged)
	}
	return protocol.Faultf(protocol.CodeBadData, "give a model, its own tokenizer, and adapters that were fitted to it: see docs/generation.md", "%w", err)
}

// generationFlags say how text is written.
type generationFlags struct {
	MaxNew            int     `placeholder:"N" help:"Most tokens of a continuation."`
	MinNew            int     `placeholder:"N" help:"Least tokens of a continuation."`
	Temperature       float64 `default:"0" placeholder:"T" help:"Draw tokens, with logits over T; 0 takes the likeliest."`
	TopK              int     `placeholder:"K" help:"Draw from the K likeliest tokens only."`
	TopP              float64 `placeholder:"P" help:"Draw from the fewest tokens that together have probability P only."`
	Seed              uint64  `default:"0" help:"Seed of what is drawn."`
	Beams             int     `default:"1" placeholder:"N" help:"Beams of a beam search; 1 is none."`
	LengthPenalty     float64 `default:"1" placeholder:"P" help:"Divide a beam's log-probability by its tokens to the power P."`
	EarlyStopping     bool    `help:"End a beam search when it has as many finished texts as beams."`
	NoRepeatNgram     int     `placeholder:"N" help:"Write no N tokens in a row a second time."`
	RepetitionPenalty float64 `default:"1" placeholder:"P" help:"Make tokens that the text has less likely; 1 does not."`
	Together          int     `default:"32" placeholder:"N" help:"Texts in a pass."`
}

// settings are the flags over what the model's files say.
func (f *generationFlags) settings(m *textModel) (model.Generation, error) {
	g, err := m.base.Generation()
	if err != nil {
		return g, asTextFault(err)
	}
	if len(g.EOS) == 0 {
		if id, ok := m.tokenizer.EOS(); ok && int(id) < m.base.Config().Vocabulary {
			g.EOS = []int32{id}
		}
	}
	g.MaxNew, g.MinNew, g.Temperature, g.TopK, g.TopP, g.Seed = f.MaxNew, f.MinNew, f.Temperature, f.TopK, f.TopP, f.Seed
	g.Beams, g.LengthPenalty, g.EarlyStopping = f.Beams, f.LengthPenalty, f.EarlyStopping
	g.NoRepeat, g.RepetitionPenalty = f.NoRepeatNgram, f.RepetitionPenalty
	return g, nil
}
