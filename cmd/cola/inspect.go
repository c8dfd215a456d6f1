package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/protocol"
)

// inspectVerb is cola inspect.
type inspectVerb struct {
	Paths []string `arg:"" name:"path" help:"Files of frames, safetensors files, adapters, records; or folders of state."`
	JSON  bool     `help:"Print one JSON array, an object a file."`
}

// Help is the text under the usage line.
func (*inspectVerb) Help() string {
	return `Show what is in a file, whatever its name: frames as they travel, safetensors files, adapters, and the records of a state folder. Everything is checked against its checksums and declared lengths; a corrupt file ends in exit status 31.`
}

// finding is what was found in one file.
type finding struct {
	Path     string            `json:"path"`
	Kind     string            `json:"kind,omitempty"`
	Bytes    int64             `json:"bytes"`
	SHA256   string            `json:"sha256"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Tensors  []tensorInfo      `json:"tensors,omitempty"`
	Frames   []frameInfo       `json:"frames,omitempty"`
	Error    string            `json:"error,omitempty"` // what is corrupt, and where
	brief    bool              // one of many in a folder
}

// tensorInfo is one tensor of a file.
type tensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
}

// The kinds of file.
const (
	kindFrames      = "frames"
	kindSafetensors = "safetensors"
	kindAdapter     = "adapter"
	kindMerged      = "merged update"
	kindCommit      = "commit record"
	kindState       = "participant state"
	kindUpdate      = "kept update"
	kindRecord      = "record"
)

// Run looks into every path, past those that are corrupt, and fails if any was.
func (v *inspectVerb) Run(env *cli.Env) error {
	var findings []*finding
	for _, path := range v.Paths {
		found, err := inspectPath(path)
		if err != nil {
			return err
		}
		findings = append(findings, found...)
	}
	if err := v.print(env.Stdout, findings); err != nil {
		return err
	}
	return corruption(findings)
}

func (v *inspectVerb) print(w io.Writer, findings []*finding) error {
	if v.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(findings)
	}
	var b strings.Builder
	for i, f := range findings {
		if i > 0 && !f.brief {
			b.WriteByte('\n')
		}
		f.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// corruption is the fault of the files that cannot be used, nil if there are none.
func corruption(findings []*finding) error {
	var corrupt []string
	for _, f := range findings {
		if f.Error != "" {
			corrupt = append(corrupt, f.Path+": "+f.Error)
		}
	}
	if len(corrupt) == 0 {
		return nil
	}
	return protocol.Faultf(protocol.CodeStateCorrupt, "restore the file from a copy, or move it away to go on from the one before it",
		"%s", strings.Join(corrupt, "\n"))
}

// inspectPath looks into a file, or into all that a folder holds.
func inspectPath(path string) ([]*finding, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := inspectFile(path)
		return []*finding{f}, err
	}
	var files []string
	for _, pattern := range []string{"*.cola", "*.safetensors", "updates/*.cola"} {
		matches, err := filepath.Glob(filepath.Join(escapeGlob(path), pattern))
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", path, err)
		}
		slices.SortFunc(matches, compareVersions)
		files = append(files, matches...)
	}
	if len(files) == 0 {
		return nil, protocol.Faultf(protocol.CodeUsage, "give the folder that --state or --out named",
			"%s holds no record and no safetensors file", path)
	}
	var findings []*finding
	for _, file := range files {
		f, err := inspectFile(file)
		if err != nil {
			return nil, err
		}
		f.brief = true
		findings = append(findings, f)
	}
	return findings, nil
}

// escapeGlob makes a folder's name mean itself in a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// compareVersions puts commit-9.cola before commit-10.cola.
func compareVersions(a, b string) int {
	if c := len(a) - len(b); c != 0 && strings.TrimRight(stem(a), "0123456789") == strings.TrimRight(stem(b), "0123456789") {
		return c
	}
	return strings.Compare(a, b)
}

func stem(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// inspectFile looks into a file. What is wrong with its content goes into the finding;
// the error is for a file that cannot be read, or is nothing that cola knows.
func inspectFile(path string) (*finding, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	f := &finding{Path: path, Bytes: size, SHA256: hex.EncodeToString(hash.Sum(nil))}
	prefix := make([]byte, 16)
	n, err := file.ReadAt(prefix, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	prefix = prefix[:n]

	switch ext := filepath.Ext(path); {
	case protocol.IsFrame(prefix):
		f.Kind = kindFrames
		err = f.readFrames(file)
	case durable.IsRecord(prefix) || ext == ".cola":
		f.Kind = kindRecord
		err = f.readRecord()
	case looksLikeSafetensors(prefix) || ext == ".safetensors":
		f.Kind = kindSafetensors
		err = f.readSafetensors(file)
	default:
		return nil, protocol.Faultf(protocol.CodeUsage, "give a file that cola wrote, or a safetensors file",
			"%s is neither frames nor a record nor safetensors", path)
	}
	if err != nil {
		f.Error = strings.TrimPrefix(err.Error(), path+": ")
	}
	return f, nil
}

// looksLikeSafetensors says whether a file can be safetensors: a header length, then JSON.
func looksLikeSafetensors(prefix []byte) bool {
	return len(prefix) > 8 && bytes.HasPrefix(prefix[8:], []byte("{"))
}

// readSafetensors lists tensors and metadata.
func (f *finding) readSafetensors(r io.ReaderAt) error {
	file, err := safetensors.Read(r, f.Bytes)
	if err != nil {
		return err
	}
	f.Metadata = file.Metadata()
	switch f.Metadata["format"] {
	case "cola":
		f.Kind = kindAdapter
	case "cola-merged":
		f.Kind = kindMerged
	}
	for _, name := range file.Names() {
		info, _ := file.Info(name) // it has one: its name is the file's own
		f.Tensors = append(f.Tensors, tensorInfo{Name: name, DType: strings.ToLower(info.DType), Shape: info.Shape, Bytes: info.Bytes})
	}
	return nil
}

// readRecord lists a record whose checksum holds.
func (f *finding) readRecord() error {
	record, err := durable.ReadRecord(f.Path)
	if err != nil {
		return err
	}
	f.Metadata = record.Metadata
	switch record.Metadata["kind"] {
	case "coordinator":
		f.Kind = kindCommit
	case "participant":
		f.Kind = kindState
	case "update":
		f.Kind = kindUpdate
	}
	for _, blob := range record.Tensors {
		f.Tensors = append(f.Tensors, tensorInfo{Name: blob.Name, DType: blob.DType.String(), Shape: blob.Shape, Bytes: int64(len(blob.Data))})
	}
	return nil
}
