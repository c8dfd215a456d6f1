package main

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/mini"
	"github.com/gradientlearning/cola/protocol"
)

// mini reports whether --task names what comes with cola, and not what a model does.
func (f *jobFlags) mini() bool { return f.Task != nil && *f.Task == mini.Name }

// miniFolder is where a user's programs keep what they can make again.
func miniFolder() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "cola", mini.Name), err
}

// miniJob unpacks the base model and the texts that come with cola, and returns their job. The
// folder stays, so that other verbs can be pointed at it.
func miniJob(env *cli.Env) (coordinator.Job, error) {
	folder, err := miniFolder()
	if err == nil {
		err = mini.Unpack(folder)
	}
	if err != nil {
		return coordinator.Job{}, protocol.Faultf(protocol.CodeUsage, "set XDG_CACHE_HOME, or HOME, to a folder that can be written to", "--task %s has nowhere to put its files: %w", mini.Name, err)
	}
	env.Log.Info("base model, instructions and job are in a folder of their own", "folder", folder)
	job, err := coordinator.ParseJob(mini.Job())
	job.Model.Path, job.Eval.Data = folder, miniData(folder, mini.HeldOut)
	return job, err
}

// miniData names a file of the folder as data.
func miniData(folder, file string) string { return "dolly:" + filepath.Join(folder, file) }

// data returns the data that are given, or those of the task, or what is used otherwise.
func (f *jobFlags) data(given, otherwise string) string {
	if given != "" || !f.mini() {
		return cmp.Or(given, otherwise)
	}
	folder, err := miniFolder()
	if err != nil {
		return otherwise // the job has said so
	}
	return miniData(folder, mini.Train)
}
