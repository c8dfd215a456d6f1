package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Row is one record.
type Row struct {
	file    string
	unit    string // "line", or "row" where a file has no lines
	number  int64
	fields  Object
	columns map[string]string
}

// Where names the file and the line, for messages.
func (r Row) Where() string { return fmt.Sprintf("%s: %s", r.file, r.Place()) }

// Place is where in its file the row is: "line 7", where it begins, or "row 7" of a Parquet
// file.
func (r Row) Place() string { return fmt.Sprintf("%s %d", r.unit, r.number) }

// Column returns what the file calls a column.
func (r Row) Column(name string) string {
	if column, ok := r.columns[name]; ok {
		return column
	}
	return name
}

// Names returns the columns of the row, as the file calls them.
func (r Row) Names() []string {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.Name
	}
	return names
}

// Value returns a cell. Where no column has the name, a name with dots goes into objects:
// "sql.human_readable".
func (r Row) Value(name string) (Value, bool) {
	name = r.Column(name)
	if v, ok := r.fields.Get(name); ok {
		return v, true
	}
	object := r.fields
	for {
		first, rest, more := strings.Cut(name, ".")
		v, ok := object.Get(first)
		if !ok || !more {
			return v, ok
		}
		if object, ok = v.(Object); !ok {
			return nil, false
		}
		name = rest
	}
}

// Has says whether there is a column of the name.
func (r Row) Has(name string) bool {
	_, ok := r.Value(name)
	return ok
}

// Text returns a cell as text: a number as it is written, nothing as "".
func (r Row) Text(name string) (string, error) {
	v, ok := r.Value(name)
	if !ok {
		return "", r.missing(name)
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case Number:
		return v.String(), nil
	}
	return "", r.Errorf(name, "it is %s, not text", Kind(v))
}

// Number returns a cell as a finite number.
func (r Row) Number(name string) (float64, error) {
	text, err := r.Text(name)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return 0, r.Errorf(name, "%s is not a finite number", clip(text))
	}
	return number, nil
}

// List returns a cell that is a list.
func (r Row) List(name string) ([]Value, error) {
	v, ok := r.Value(name)
	if !ok {
		return nil, r.missing(name)
	}
	list, ok := v.([]Value)
	if !ok {
		return nil, r.Errorf(name, "it is %s, not a list", Kind(v))
	}
	return list, nil
}

// Texts returns a cell that is a list of texts.
func (r Row) Texts(name string) ([]string, error) {
	list, err := r.List(name)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, r.Errorf(name, "entry %d is %s, not text", i+1, Kind(v))
		}
		texts[i] = text
	}
	return texts, nil
}

// Errorf returns an error about a cell: with the file, the line and the column.
func (r Row) Errorf(name, format string, args ...any) error {
	return fmt.Errorf("%s: column %q: %w", r.Where(), r.Column(name), fmt.Errorf(format, args...))
}

func (r Row) missing(name string) error {
	return fmt.Errorf("%s: there is no column %q: it has %s; map the column that is meant to the name %q",
		r.Where(), r.Column(name), strings.Join(r.Names(), ", "), name)
}

// clip quotes a text, shortened for messages.
func clip(s string) string {
	if len(s) > 40 {
		s = s[:37] + "..."
	}
	return strconv.Quote(s)
}
