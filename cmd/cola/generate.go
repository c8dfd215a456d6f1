package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// generateVerb is cola generate.
type generateVerb struct {
	textModelFlags
	generationFlags
	Prompt []string `sep:"none" placeholder:"TEXT" help:"A text to go on from; may be repeated. Without one: the lines of standard input."`
	Base   bool     `help:"Where there are adapters, let the base model write too."`
	JSON   bool     `help:"Print one JSON object a continuation."`
}

// Help is the text of cola generate --help.
func (*generateVerb) Help() string {
	return `Lets a language model go on from prompts, or an encoder-decoder answer them. With several adapters every prompt gets a continuation of each, all in the same passes. docs/generation.md says what the settings mean; they are transformers'.

Example: cola generate --model gpt2 --adapter ada=adapter.safetensors --prompt "The sea is" --max-new 20`
}

// defaultNew is how many tokens are written unless something else says so.
const defaultNew = 128

// written is one continuation, as it is printed.
type written struct {
	Prompt  string  `json:"prompt"`
	Adapter string  `json:"adapter"` // "" of the base model
	Text    string  `json:"text"`
	IDs     []int32 `json:"ids"`
	Ended   bool    `json:"ended"`
	Score   float64 `json:"score,omitempty"`
}

// Run writes continuations, in the order of the prompts.
func (v *generateVerb) Run(env *cli.Env) (err error) {
	m, err := v.open(env, "", "")
	if err != nil {
		return err
	}
	defer closeDevices(m.devices, &err)
	if v.MaxNew == 0 {
		v.MaxNew = defaultNew
	}
	g, err := v.settings(m)
	if err != nil {
		return err
	}
	prompts := v.Prompt
	if len(prompts) == 0 {
		if prompts, err = lines(os.Stdin); err != nil {
			return err
		}
	}
	writers := m.names
	if v.Base || len(writers) == 0 {
		writers = append([]string{""}, writers...)
	}
	room := max(1, v.Together/len(writers))
	number := 0
	for part := range slices.Chunk(prompts, room) {
		list, err := v.generate(env, m, g, writers, part, number)
		if err != nil {
			return err
		}
		if err := v.print(env.Stdout, list, len(writers), len(prompts)); err != nil {
			return err
		}
		number += len(part)
	}
	return nil
}

// lines reads prompts, one a line.
func lines(r io.Reader) ([]string, error) {
	var list []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		list = append(list, s.Text())
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read prompts: %w", err)
	}
	if len(list) == 0 {
		return nil, protocol.Faultf(protocol.CodeUsage, "give --prompt, or prompts on standard input", "there is nothing to go on from")
	}
	return list, nil
}

// generate returns the continuations of some prompts by each writer; first is the number of
// the first prompt.
func (v *generateVerb) generate(env *cli.Env, m *textModel, g model.Generation, writers, prompts []string, first int) ([]written, error) {
	ids := make([][]int32, len(prompts))
	for i, text := range prompts {
		if ids[i] = m.tokenizer.EncodeSpecial(text); len(ids[i]) == 0 {
			if bos, ok := m.tokenizer.BOS(); ok {
				ids[i] = []int32{bos}
			}
		}
		if c := m.base.Config().Context; c > 0 && len(ids[i]) > c {
			return nil, protocol.Faultf(protocol.CodeBadData, "shorten it", "prompt %d has %d tokens, and the model's context is %d", first+i+1, len(ids[i]), c)
		}
	}
	p := &model.Prompts{}
	var all []int32
	for _, name := range writers {
		p.Owners = append(p.Owners, model.Owner{Participant: name, Lo: len(p.Starts), Hi: len(p.Starts) + len(ids), Adapters: m.adapters[name]})
		for i := range ids {
			p.Starts, p.Numbers = append(p.Starts, int32(len(all))), append(p.Numbers, first+i)
			all = append(all, ids[i]...)
		}
	}
	p.Inputs = linalg.FromI32(all, len(all))
	continuations, err := m.base.Generate(env.Context, p, model.Unmerged, g)
	if err != nil {
		return nil, asTextFault(err)
	}
	var list []written
	for i, prompt := range prompts {
		for k, name := range writers {
			c := continuations[k*len(prompts)+i]
			list = append(list, written{
				Prompt: prompt, Adapter: name, Text: m.text(ids[i], c.IDs), IDs: c.IDs, Ended: c.Ended, Score: c.Score,
			})
		}
	}
	return list, nil
}

// text makes text of a continuation: where it goes on from a prompt, a space between the two
// belongs to it.
func (m *textModel) text(prompt, ids []int32) string {
	if m.base.Config().Task == "causal-lm" {
		before := m.tokenizer.Decode(prompt, true)
		if after, ok := strings.CutPrefix(m.tokenizer.Decode(slices.Concat(prompt, ids), true), before); ok {
			return after
		}
	}
	return m.tokenizer.Decode(ids, true)
}

// print writes continuations; where there are several each has a line with its prompt and
// adapter before it.
func (v *generateVerb) print(w io.Writer, list []written, writers, prompts int) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i, c := range list {
		var err error
		switch {
		case v.JSON:
			err = enc.Encode(c)
		case writers == 1 && prompts == 1:
			_, err = fmt.Fprintln(w, c.Text)
		case writers == 1:
			_, err = fmt.Fprintf(w, "> %s\n%s\n", c.Prompt, c.Text)
		case i%writers == 0:
			_, err = fmt.Fprintf(w, "> %s\n%s: %s\n", c.Prompt, whose(c.Adapter), c.Text)
		default:
			_, err = fmt.Fprintf(w, "%s: %s\n", whose(c.Adapter), c.Text)
		}
		if err != nil {
			return fmt.Errorf("print a continuation: %w", err)
		}
	}
	return nil
}

// whose names a writer for people.
func whose(name string) string {
	if name == "" {
		return "base model"
	}
	return name
}
