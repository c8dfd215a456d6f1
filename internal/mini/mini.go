// Package mini holds what cola simulate --task dolly-mini runs on, so that it runs without any
// other file: a GPT-2 of 1.6 million parameters that cola itself trained from scratch
// (examples/dolly has the recipe), and 256 instructions in Dolly's eight categories that were
// written for it. The folder's LICENCE.md says on what terms.
package mini

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Name is the task's.
const Name = "dolly-mini"

//go:embed dolly-mini
var files embed.FS

// Names of files in the folder; config.json, model.safetensors and the tokenizer are beside them.
const (
	// Train are the instructions that participants share: JSONL, with the columns of Dolly.
	Train = "train.jsonl"
	// HeldOut are those that nobody has.
	HeldOut = "held-out.jsonl"
	jobFile = "job.toml"
)

// Job returns the job file. Its paths are those of a job that runs in the folder.
func Job() []byte {
	text, err := files.ReadFile(Name + "/" + jobFile)
	if err != nil {
		panic("mini: " + err.Error()) // it was there when the binary was built
	}
	return text
}

// Unpack writes the files to a folder, which it makes; models are mapped from files. What is
// there already as it should be stays; everything else appears whole or not at all, so that
// several processes may unpack at once.
func Unpack(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("unpack %s: %w", Name, err)
	}
	list, err := files.ReadDir(Name)
	if err != nil {
		return err
	}
	for _, entry := range list {
		content, err := files.ReadFile(Name + "/" + entry.Name())
		if err != nil {
			return err
		}
		if err := put(filepath.Join(folder, entry.Name()), content); err != nil {
			return fmt.Errorf("unpack %s: %w", Name, err)
		}
	}
	return nil
}

// put makes a file have the content.
func put(path string, content []byte) error {
	had, err := os.ReadFile(path)
	if err == nil && bytes.Equal(had, content) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
