package data

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// TextOptions say how text becomes a data set.
type TextOptions struct {
	// Tokenizer makes the ids. It is required.
	Tokenizer Tokenizer
	// Rules say what is cut, and what is learnt.
	Rules Rules
	// Columns maps the names that are asked for to the columns of the file, as in
	// {"text": "sentence", "label": "gold"}.
	Columns map[string]string
	// Header names the columns of a CSV or TSV file without a header.
	Header []string
	// Unquoted says that quotes in a CSV or TSV file are ordinary characters.
	Unquoted bool
	// Task is what is asked of a file that is no preset; "" takes it from the columns.
	Task Task
	// Labels are the names of the classes of a file that is no preset, in the order of the
	// model's classes. Without them labels are numbers.
	Labels []string
	// Marker is what each prompt of a file that is no preset ends with, with the space
	// before it: see [Rules].
	Marker string
	// Fetch returns the folder of a data set on the hub; nil where there is no network.
	Fetch func(repository string) (folder string, err error)
}

// The prefixes of data sets that are no presets.
const (
	specText = "text"
	specHub  = "hub:"
)

// IsText says whether a data set is for [OpenText], and needs a tokenizer.
func IsText(spec string) bool {
	name, _, ok := strings.Cut(spec, ":")
	_, isPreset := presets[name]
	return ok && (isPreset || name == specText || isForm(name))
}

// isForm says whether a name is a form of table.
func isForm(name string) bool {
	switch name {
	case table.JSONL, table.JSON, table.CSV, table.TSV, table.Parquet:
		return true
	}
	return false
}

// OpenText opens a data set of text by name:
//
//	PRESET:PATH[:PART]   a task of the ColA paper: cola, mnli, mrpc, qnli, qqp, rte, sst2,
//	                     stsb (seq-cls), fpb, wikisql, samsum, e2e, webnlg, dart
//	                     (seq2seq-lm), dolly (causal-lm); samsum reads DialogSum too
//	FORM:PATH[:PART]     rows of a jsonl, json, csv, tsv or parquet file
//	text:FILE            plain text, cut into examples of the maximum length
//
// PATH is a file, plain or packed (.gz, .zst), whose form its name says; or a folder with
// files of a data set, as published, of which PART (train, validation or test; train where
// there is none) is read; or hub:OWNER/NAME, such a folder on the hub.
//
// The columns of FORM, after mapping, say what is asked:
//
//	text, label          seq-cls: a class, as a number or one of Labels; text2 follows text
//	text, score          seq-cls: a regression
//	source, target       seq2seq-lm
//	prompt, response     causal-lm: the response is learnt
//	text                 causal-lm: all of it is learnt
//	category             beside any but seq-cls: what a split by label goes by
//
// Everything is tokenised at once and kept as ids. Errors wrap [ErrNotFound] where files are
// missing and [ErrFormat] where they are broken; all name the file, and the line and
// column where there is one.
func OpenText(spec string, o TextOptions) (*Text, error) {
	if err := o.Rules.Validate(); err != nil {
		return nil, err
	}
	if o.Tokenizer == nil {
		return nil, fmt.Errorf("%q is text: it needs a tokenizer, that of the model", spec)
	}
	name, rest, _ := strings.Cut(spec, ":")
	p, isPreset := presets[name]
	if !isPreset && name != specText && !isForm(name) {
		return nil, fmt.Errorf("%q is no data set of text: use %s, jsonl, json, csv, tsv, parquet or text with :PATH behind it", spec, strings.Join(Presets(), ", "))
	}
	path, part := cutPart(rest)
	if path == "" {
		return nil, fmt.Errorf("%q names no file: write %s:PATH", spec, name)
	}
	if repository, ok := strings.CutPrefix(path, specHub); ok {
		var err error
		if path, err = fetch(spec, repository, o); err != nil {
			return nil, err
		}
	}
	if name == specText {
		return openPlain(path, part, o)
	}
	rows := table.Options{Columns: o.Columns, Header: o.Header, Unquoted: o.Unquoted}
	files, err := filesOf(path, part, append(p.folders[:len(p.folders):len(p.folders)], name))
	if err != nil {
		return nil, err
	}
	if !isPreset {
		if path == files[0] {
			rows.Form = name
		}
		return openColumns(files, rows, o)
	}
	b := newBuilder(p, o.Tokenizer, o.Rules)
	if err := b.read(files, rows); err != nil {
		return nil, err
	}
	t, err := b.finish()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// fetch returns the folder of a data set on the hub.
func fetch(spec, repository string, o TextOptions) (string, error) {
	if o.Fetch == nil {
		return "", fmt.Errorf("%q is on the hub, which is not reached from here: give a file or a folder", spec)
	}
	folder, err := o.Fetch(repository)
	if err != nil {
		return "", fmt.Errorf("data set %s: %w", repository, err)
	}
	return folder, nil
}

// maxPlain is the most bytes of a file of plain text.
const maxPlain = 1 << 30

// openPlain cuts plain text into examples of the maximum length; one token alone at its end
// is left out, because nothing predicts it.
func openPlain(path, part string, o TextOptions) (*Text, error) {
	if part != "" {
		return nil, fmt.Errorf("%s is one file: it has no part %q", path, part)
	}
	f, err := table.Open(path)
	if err != nil {
		return nil, notFound(err)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxPlain+1))
	err = errors.Join(err, f.Close())
	if err == nil && len(content) > maxPlain {
		err = fmt.Errorf("it has more than %d bytes of text: cut it into several files", maxPlain)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rules := o.Rules
	rules.EndOfText = false
	b := newBuilder(preset{task: CausalLM, newTokens: 128}, o.Tokenizer, rules)
	ids := o.Tokenizer.Encode(strings.TrimPrefix(string(content), "\ufeff"))
	room := rules.Longest - len(b.frame.before) - len(b.frame.after)
	if room < 2 {
		return nil, fmt.Errorf("examples of %d tokens have no room for text: use a larger maximum length", rules.Longest)
	}
	for n := 1; len(ids) > 1; n++ {
		size := min(room, len(ids))
		if _, err := b.passage(ids[:size]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		b.text.places = append(b.text.places, fmt.Sprintf("%s: example %d", path, n))
		ids = ids[size:]
	}
	t, err := b.finish()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
