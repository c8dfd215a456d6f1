package bench

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// published are the config.json files of published models, by name.
//
//go:embed architectures
var published embed.FS

// Architectures lists the names of the published models whose shapes are known here.
func Architectures() []string {
	entries, err := fs.ReadDir(published, "architectures")
	if err != nil {
		panic("bench: " + err.Error()) // they are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Folder returns a new folder with the config.json of an architecture, a published model's or
// that of the folder that arch is. Remove takes it away again.
func Folder(arch string) (folder string, remove func(), err error) {
	config, err := published.ReadFile("architectures/" + arch + ".json")
	if err != nil {
		if config, err = os.ReadFile(filepath.Join(arch, "config.json")); err != nil {
			return "", nil, fmt.Errorf("arch %q is no folder with a config.json, and none of %s", arch, strings.Join(Architectures(), ", "))
		}
	}
	folder, err = os.MkdirTemp("", "cola-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(folder) } //nolint:errcheck // temporary files, and nobody to tell
	if err := os.WriteFile(filepath.Join(folder, "config.json"), config, 0o600); err != nil {
		remove()
		return "", nil, errors.Join(errors.New("the configuration could not be written"), err)
	}
	return folder, remove, nil
}

// Draw writes random weights beside the config.json that c names, in bfloat16 where frozen
// matrices are kept in it: what is measured loads and holds its weights as any user's model.
func Draw(c model.Config) error {
	dtype := linalg.F32
	if c.Precision != linalg.F32Products {
		dtype = linalg.BF16
	}
	f, err := os.Create(weights(c))
	if err != nil {
		return err
	}
	if err := errors.Join(model.Draw(f, c, dtype), f.Close()); err != nil {
		return fmt.Errorf("random weights, in a temporary folder (TMPDIR says where): %w", err)
	}
	return nil
}

func weights(c model.Config) string { return filepath.Join(c.Path, "model.safetensors") }

// load draws a model's weights and loads them. The file is removed: what is mapped of it stays
// until the program ends, however it ends.
func load(dev linalg.Device, c model.Config) (*model.Base, error) {
	if err := Draw(c); err != nil {
		return nil, err
	}
	base, err := model.New(dev, c)
	return base, errors.Join(err, os.Remove(weights(c)))
}
