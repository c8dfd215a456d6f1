package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/data/tokenizer"
	"github.com/gradientlearning/cola/protocol"
)

// DataFlags say how a data set of text is read; of images they are all nothing.
type DataFlags struct {
	Tokenizer string            `placeholder:"FOLDER" help:"Of text: tokenizer of the base model, a folder, one of its files, or hub:ORG/NAME."`
	MaxLength int               `placeholder:"N" help:"Of text: most tokens of an example; by default 512, with the paper's rules 128."`
	Rules     string            `default:"" enum:",default,paper" help:"Of text: how examples are cut and what is learnt: default or paper."`
	Column    map[string]string `aliases:"columns" placeholder:"NAME=COLUMN" help:"Of text: column of the file for a name that is asked for, as in text=sentence; may be repeated."`
	Labels    []string          `aliases:"label" placeholder:"NAME" help:"Of text: names of the classes of a file that is no preset, in the model's order."`
}

// Open opens a data set that a flag or a job names; what is wrong with it is a bad-data
// fault. Of text, fallback is where the tokenizer is if no flag says so, and context bounds
// the tokens of an example beside the flags; "" and 0 where they are not known.
func (f DataFlags) Open(ctx context.Context, log *slog.Logger, spec, fallback string, context int) (data.Dataset, error) {
	if !data.IsText(spec) {
		ds, err := data.Open(spec)
		return ds, badData(spec, err)
	}
	if f.Tokenizer == "" {
		f.Tokenizer = fallback
	}
	if f.Tokenizer == "" {
		return nil, protocol.Faultf(protocol.CodeUsage, "give the tokenizer of the job's base model: --tokenizer FOLDER", "data %q is text, and no tokenizer is named", spec)
	}
	t, err := OpenTokenizer(ctx, log, f.Tokenizer)
	if err != nil {
		return nil, err
	}
	rules := f.rules(context)
	ds, err := data.OpenText(spec, data.TextOptions{
		Tokenizer: t, Rules: rules, Columns: f.Column, Labels: f.Labels,
		Fetch: FetchData(ctx, log),
	})
	if err != nil {
		if f, ok := errors.AsType[*protocol.Fault](err); ok {
			return nil, f
		}
		return nil, badData(spec, err)
	}
	if n := ds.Truncated(); n > 0 {
		log.Warn("examples were cut", "data", spec, "examples", n, "of", ds.Len(), "tokens", rules.Longest)
	}
	return ds, nil
}

// rules are what the flags choose, within the context of the model where it is known.
func (f DataFlags) rules(context int) data.Rules {
	rules := data.DefaultRules(512)
	if f.Rules == "paper" {
		rules = data.PaperRules()
	}
	if f.MaxLength > 0 {
		rules.Longest = f.MaxLength
	} else if context > 0 {
		rules.Longest = min(rules.Longest, context)
	}
	return rules
}

// badData is the fault of a data set that cannot be opened; of no error none.
func badData(spec string, err error) error {
	if err == nil {
		return nil
	}
	return protocol.Faultf(protocol.CodeBadData, "give data that can be read: mnist, mnist:test, idx:FOLDER, cifar10:PATH, synthetic:EXAMPLES:HxWxC:CLASSES:SEED; or text: "+
		strings.Join(data.Presets(), ", ")+", jsonl, json, csv, tsv or parquet with :PATH, or text:FILE", "data %q: %w", spec, err)
}

// OpenTokenizer opens the tokenizer of a folder, a file or a repository on the hub; what is
// wrong with it is a fault.
func OpenTokenizer(ctx context.Context, log *slog.Logger, path string) (*tokenizer.Tokenizer, error) {
	folder, err := Resolve(ctx, log, path, TokenizerFiles)
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Open(folder)
	if err != nil {
		return nil, protocol.Faultf(protocol.CodeBadData, "give the folder of the base model's tokenizer: tokenizer.json, vocab.json and merges.txt, vocab.txt, tokenizer.model or tok*.bin", "%w", err)
	}
	return t, nil
}

// PartFlags say which part of a data set is a participant's.
type PartFlags struct {
	Shard    string `placeholder:"I/N" help:"Use part I (from 0) of N of the data."`
	Split    string `default:"label" enum:"label,shuffled,category" help:"How parts are made: sorted by label or category (label), at random (shuffled), or whole labels or categories (category)."`
	Category string `placeholder:"NAME" help:"Of text: use the examples of one category, or class, only."`
}

// Part returns the part of a data set that the flags ask for.
func (f PartFlags) Part(ds data.Dataset) (data.Dataset, error) {
	if f.Category != "" {
		named, ok := ds.(interface{ Categories() []string })
		if !ok || named.Categories() == nil {
			return nil, protocol.Faultf(protocol.CodeUsage, "leave --category out, or use --shard", "--category %q: the data have no categories", f.Category)
		}
		names := named.Categories()
		i := slices.Index(names, f.Category)
		if i < 0 {
			return nil, protocol.Faultf(protocol.CodeUsage, "use one of "+strings.Join(names, ", "), "--category %q is none of the data", f.Category)
		}
		ds = data.ByCategory(ds, i, len(names))
	}
	if f.Shard != "" {
		i, n, ok := strings.Cut(f.Shard, "/")
		part, errI := strconv.Atoi(i)
		parts, errN := strconv.Atoi(n)
		if !ok || errI != nil || errN != nil || part < 0 || part >= parts || parts > ds.Len() {
			return nil, protocol.Faultf(protocol.CodeUsage, "write it like --shard 3/8, counted from 0",
				"--shard %q is not a part of the %d examples", f.Shard, ds.Len())
		}
		ds = Split(f.Split)(ds, part, parts)
	}
	if ds.Len() == 0 {
		return nil, protocol.Faultf(protocol.CodeUsage, "use another part of the data", "not one example is in the part that --category, --shard and --split ask for")
	}
	return ds, nil
}

// Split returns the way to split data that a name stands for: label, shuffled or category.
func Split(name string) func(ds data.Dataset, part, parts int) data.Dataset {
	switch name {
	case "shuffled":
		return func(ds data.Dataset, part, parts int) data.Dataset { return data.Shuffled(ds, part, parts, 0) }
	case "category":
		return data.ByCategory
	case "label":
		return data.ByLabel
	}
	panic(fmt.Sprintf("cli: %q is no split", name))
}
