package bench

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// Folder returns a folder with the config.json of an architecture: of a published model a
// new one, which remove takes away again, else the folder that arch is.
func Folder(arch string) (folder string, remove func(), err error) {
	config, err := published.ReadFile("architectures/" + arch + ".json")
	if err != nil {
		if _, err := os.Stat(filepath.Join(arch, "config.json")); err != nil {
			return "", nil, fmt.Errorf("arch %q is no folder with a config.json, and none of %s", arch, strings.Join(Architectures(), ", "))
		}
		return arch, func() {}, nil
	}
	folder, err = os.MkdirTemp("", "cola-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(folder) } //nolint:errcheck // a temporary file of a kilobyte
	if err := os.WriteFile(filepath.Join(folder, "config.json"), config, 0o600); err != nil {
		remove()
		return "", nil, errors.Join(errors.New("the configuration could not be written"), err)
	}
	return folder, remove, nil
}
