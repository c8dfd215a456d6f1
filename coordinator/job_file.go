package coordinator

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/gradientlearning/cola/protocol"
)

// ReadJob reads and validates a job file. What the file leaves out keeps the value of
// [DefaultJob], or of [DefaultTextJob] if its model has a path.
func ReadJob(path string) (Job, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Job{}, protocol.Faultf(protocol.CodeBadJob, "give the path of a job file; examples/mnist/job.toml is one",
			"cannot read the job file: %w", err)
	}
	job, err := ParseJob(text)
	if err != nil {
		f := protocol.AsFault(err)
		f.Cause = path + ": " + f.Cause
		return Job{}, f
	}
	return job, nil
}

// ParseJob reads and validates the text of a job file. An unknown key is an error that
// names the nearest known one.
func ParseJob(text []byte) (Job, error) {
	job := DefaultJob()
	var probe struct{ Model struct{ Path string } }
	if err := toml.Unmarshal(text, &probe); err == nil && probe.Model.Path != "" { // what is wrong shows below
		job = DefaultTextJob()
	}
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&job); err != nil {
		return Job{}, explainTOML(err)
	}
	return job, job.Validate()
}

// explainTOML says in which line a job file is wrong and, of an unknown key, which
// known one is meant.
func explainTOML(err error) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		row, _ := first.Position()
		key := strings.Join(first.Key(), ".")
		known := jobKeys(reflect.TypeFor[Job](), "")
		return &protocol.Fault{
			Code:  protocol.CodeBadJob,
			Cause: fmt.Sprintf("line %d: unknown key %q; the nearest known key is %q", row, key, nearest(key, known)),
			Fix:   "correct the key or remove it",
			Err:   err,
		}
	}
	if syntax, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := syntax.Position()
		return protocol.Faultf(protocol.CodeBadJob, "correct the line", "line %d, column %d: %w", row, column, err)
	}
	return protocol.Faultf(protocol.CodeBadJob, "correct the value", "%w", err)
}

// jobKeys lists the dotted keys of a job file.
func jobKeys(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		field := t.Field(i)
		key := prefix + field.Tag.Get("toml")
		keys = append(keys, key)
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			keys = append(keys, jobKeys(inner, key+".")...)
		}
	}
	return keys
}

// nearest returns the candidate with the smallest edit distance to word, comparing the
// last part of dotted keys first.
func nearest(word string, candidates []string) string {
	last := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	return slices.MinFunc(candidates, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(editDistance(last(word), last(a)), editDistance(last(word), last(b))),
			cmp.Compare(editDistance(word, a), editDistance(word, b)))
	})
}

// editDistance is the Levenshtein distance between two short strings.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// sortedKeys returns the keys of m in ascending order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
