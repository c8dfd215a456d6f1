package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// largestFile bounds what is read of one file, 256 MiB.
const largestFile = 256 << 20

// Open reads the tokenizer of a folder: of tokenizer.json, else of vocab.json and merges.txt,
// vocab.txt, tokenizer.model, or the one tok*.bin of llama2.c. A path of one of these files
// will do as well. tokenizer_config.json, special_tokens_map.json and added_tokens.json beside
// them have their say. A folder that has none gives an error that wraps ErrNotFound, and what
// this package does not have one that wraps ErrUnsupported.
func Open(folder string) (*Tokenizer, error) {
	t, err := open(folder)
	if err != nil {
		return nil, fmt.Errorf("tokenizer %s: %w", folder, err)
	}
	return t, nil
}

func open(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	folder, only := path, ""
	if !info.IsDir() {
		folder, only = filepath.Split(path)
	}
	s, err := readSettings(folder)
	if err != nil {
		return nil, err
	}
	for _, form := range forms {
		names, err := filepath.Glob(filepath.Join(escape(folder), form.name))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if only != "" && filepath.Base(name) != only {
				continue
			}
			return form.read(folder, filepath.Base(name), s)
		}
	}
	if only != "" {
		return nil, fmt.Errorf("%w: its name is none of %s", ErrNotFound, formNames())
	}
	return nil, fmt.Errorf("%w: it has none of %s", ErrNotFound, formNames())
}

// form is a kind of file that has a tokenizer.
type form struct {
	name string // as filepath.Glob takes it
	read func(folder, name string, s *settings) (*Tokenizer, error)
}

// forms is in the order in which they are looked for.
var forms = []form{
	{"tokenizer.json", openJSON},
	{"vocab.json", openVocab},
	{"vocab.txt", openWordPiece},
	{"tokenizer.model", openSentencePiece},
	{"tok*.bin", openLlama2c},
}

func formNames() string {
	names := ""
	for i, form := range forms {
		if i > 0 {
			names += ", "
		}
		names += form.name
	}
	return names
}

// escape writes a path for filepath.Glob.
func escape(path string) string {
	var out []rune
	for _, r := range path {
		switch r {
		case '*', '?', '[', '\\':
			if filepath.Separator != r {
				out = append(out, '[', r, ']')
				continue
			}
		}
		out = append(out, r)
	}
	return string(out)
}

// readFile reads a file of at most largestFile bytes.
func readFile(folder, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	data, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err == nil && len(data) > largestFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, largestFile)
	}
	return data, err
}

// readOptional is readFile; it returns nil for a file that is not there.
func readOptional(folder, name string) ([]byte, error) {
	data, err := readFile(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
