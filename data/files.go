package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/data/table"
)

// parts are the words by which files of a data set say which part they are.
var parts = map[string][]string{
	"train":      {"train", "training"},
	"validation": {"validation", "valid", "val", "dev", "devset"},
	"test":       {"test", "testset"},
}

// cutPart splits PATH:PART.
func cutPart(s string) (path, part string) {
	for part := range parts {
		if path, ok := strings.CutSuffix(s, ":"+part); ok {
			return path, part
		}
	}
	return s, ""
}

// notFound makes a missing file an [ErrNotFound].
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// filesOf returns the files to read: path itself, or of a folder those of a part. Where the
// folder has several data sets, the one whose folder, or else whose files, have one of the
// names.
func filesOf(path, part string, names []string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, notFound(fmt.Errorf("open data: %w", err))
	}
	if !info.IsDir() {
		if part != "" {
			return nil, fmt.Errorf("%s is one file: it has no part %q", path, part)
		}
		return []string{path}, nil
	}
	all, err := tablesIn(path)
	if err != nil {
		return nil, err
	}
	for _, folders := range []bool{true, false} {
		if inSet := matching(all, names, folders); len(inSet) > 0 {
			all = inSet
			break
		}
	}
	if part == "" {
		part = "train"
	}
	found := matching(all, parts[part], false)
	if len(found) == 0 && len(all) == 1 && part == "train" && !namesPart(all[0]) {
		found = all
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s has no table of the part %q: it has %s", ErrNotFound, path, part, listed(all))
	}
	files := make([]string, len(found))
	for i, file := range found {
		if filepath.Dir(file) != filepath.Dir(found[0]) || filepath.Ext(file) != filepath.Ext(found[0]) {
			return nil, fmt.Errorf("%s has several data sets (%s): name the folder or the file of one", path, listed(found))
		}
		files[i] = filepath.Join(path, file)
	}
	return files, nil
}

// tablesIn returns the tables below a folder, sorted.
func tablesIn(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != folder && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if _, ok := table.FormOf(path); !ok || entry.IsDir() {
			return nil
		}
		relative, err := filepath.Rel(folder, path)
		files = append(files, relative)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// words splits a path: train-00000-of-00001.parquet says train.
func words(path string) []string {
	return strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 })
}

// matching returns the files whose path has one of the names: as a folder, or as a word.
func matching(files, names []string, folders bool) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		in := words(file)
		if folders {
			in = strings.Split(filepath.ToSlash(filepath.Dir(file)), "/")
		}
		return !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(in, name) })
	})
}

// namesPart says whether a file says that it is a part.
func namesPart(file string) bool {
	for _, names := range parts {
		if len(matching([]string{file}, names, false)) > 0 {
			return true
		}
	}
	return false
}

// listed returns at most five names, for messages.
func listed(files []string) string {
	switch {
	case len(files) == 0:
		return "none at all"
	case len(files) > 5:
		return strings.Join(files[:5], ", ") + " and others"
	}
	return strings.Join(files, ", ")
}
