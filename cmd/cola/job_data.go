package main

import (
	"errors"
	"path/filepath"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/data/hub"
	"github.com/gradientlearning/cola/data/tokenizer"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// jobData is what whoever runs a job reads beside its model.
type jobData struct {
	tokenizer        string       // where the model's is; "": nobody knows
	fingerprint      string       // of it; "": not known
	context          int          // most tokens of a text; 0: not bounded, or no text
	task             data.Task    // of a model of text
	test, validation data.Dataset // nil: none
}

// resolveModel puts folders for what the job's [model] names on the hub.
func resolveModel(env *cli.Env, job *coordinator.Job) (err error) {
	files := hub.ModelFiles()
	if job.Model.Random {
		files = append([]string{"config.json"}, cli.TokenizerFiles...)
	}
	if job.Model.Path, err = cli.Resolve(env.Context, env.Log, job.Model.Path, files); err != nil {
		return err
	}
	job.Model.Tokenizer, err = cli.Resolve(env.Context, env.Log, job.Model.Tokenizer, cli.TokenizerFiles)
	return err
}

// openJobData opens the data that a job's [eval] names, and looks at the model's tokenizer.
// Flags, where given, go before what [eval] says of texts.
func openJobData(env *cli.Env, job coordinator.Job, flags cli.DataFlags) (d jobData, err error) {
	if job.Model.Path != "" {
		if err := d.readModel(env, job); err != nil {
			return d, err
		}
	}
	flags = jobTextFlags(job, flags)
	open := func(spec string) (data.Dataset, error) {
		if spec == "" {
			return nil, nil
		}
		return flags.Open(env.Context, env.Log, spec, d.tokenizer, d.context)
	}
	if d.test, err = open(job.Eval.Data); err != nil {
		return d, err
	}
	if d.validation, err = open(job.Eval.Validation); err != nil {
		return d, err
	}
	if share := job.Eval.ValidationShare; share > 0 && d.test != nil {
		d.test, d.validation = data.Split(d.test, share, job.Seed)
		if d.test.Len() == 0 || d.validation.Len() == 0 {
			return d, protocol.Faultf(protocol.CodeBadJob, "give another validation_share, or more data", "[eval] validation_share = %g leaves %d examples for the test and %d for the validation",
				share, d.test.Len(), d.validation.Len())
		}
	}
	return d, nil
}

// jobTextFlags are the flags with what they leave open from the job's [eval].
func jobTextFlags(job coordinator.Job, flags cli.DataFlags) cli.DataFlags {
	if flags.MaxLength == 0 {
		flags.MaxLength = job.Eval.MaxLength
	}
	if flags.Rules == "" {
		flags.Rules = job.Eval.Rules
	}
	if flags.Column == nil {
		flags.Column = job.Eval.Columns
	}
	return flags
}

// readModel finds the context and the tokenizer of the job's model.
func (d *jobData) readModel(env *cli.Env, job coordinator.Job) error {
	declared, err := model.Declare(dryrun.New(), job.ModelConfig())
	if err != nil {
		return protocol.Faultf(protocol.CodeJobMismatch, "correct the job's [model]", "the job does not fit the model: %w", err)
	}
	d.context, d.task, d.tokenizer = declared.Config().Context, data.Task(declared.Config().Task), job.Model.Tokenizer
	if d.tokenizer == "" {
		if filepath.Ext(job.Model.Path) == ".bin" {
			return nil // llama2.c keeps it elsewhere
		}
		d.tokenizer = job.Model.Path
	}
	t, err := tokenizer.Open(d.tokenizer)
	if errors.Is(err, tokenizer.ErrNotFound) && job.Model.Tokenizer == "" {
		env.Log.Warn("the model's folder has no tokenizer: nobody can tell whether the participants' is the model's own", "folder", job.Model.Path)
		d.tokenizer = ""
		return nil
	}
	if err != nil {
		return protocol.Faultf(protocol.CodeJobMismatch, "give the folder of the model's tokenizer in the job's [model] tokenizer", "%w", err)
	}
	d.fingerprint = t.Fingerprint()
	return nil
}
