package table

import (
	"fmt"
	"io"
	"iter"
	"os"
)

// The forms of a file.
const (
	JSONL   = "jsonl"   // an object a line
	JSON    = "json"    // an array of objects, or objects behind each other
	CSV     = "csv"     // RFC 4180, with commas
	TSV     = "tsv"     // RFC 4180, with tabs
	Parquet = "parquet" // Apache Parquet
)

// Options say how a file is to be read. The zero value reads by the ending of the name.
type Options struct {
	// Form is the form of the file; "" takes it from the ending of its name.
	Form string
	// Columns maps the names that a reader asks for to the columns of the file, as in
	// {"text": "sentence", "label": "gold"}. Other names are asked for as they are.
	Columns map[string]string
	// Header names the columns of a CSV or TSV file whose first line is data already.
	Header []string
	// Unquoted says that quotes in a CSV or TSV file are ordinary characters, as in GLUE's
	// own TSV files.
	Unquoted bool
}

// source gives one row after the other: its fields and its line or row; io.EOF after the
// last.
type source interface {
	next() (fields Object, number int64, err error)
}

// Rows reads the rows of a file. The last pair has the error that ended it, if one did:
// [ErrFormat] where the file is broken.
func Rows(path string, o Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		src, unit, done, err := open(path, o)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer done()
		for {
			fields, number, err := src.next()
			if err == io.EOF { //nolint:errorlint // sources return it bare
				return
			}
			if err != nil {
				yield(Row{}, fmt.Errorf("%s: %w", path, err))
				return
			}
			if !yield(Row{file: path, unit: unit, number: number, fields: fields, columns: o.Columns}, nil) {
				return
			}
		}
	}
}

// open returns the rows of a file, what their numbers count, and how to let go of it.
func open(path string, o Options) (src source, unit string, done func(), err error) {
	form, ok := o.Form, true
	if form == "" {
		form, ok = FormOf(path)
	}
	if !ok {
		return nil, "", nil, fmt.Errorf("%s: its name does not say what it is: .jsonl, .json, .csv or .tsv (with .gz or .zst behind it or not), or .parquet", path)
	}
	if form == Parquet {
		return openParquetFile(path)
	}
	f, err := Open(path)
	if err != nil {
		return nil, "", nil, err
	}
	done = func() { _ = f.Close() } // it was only read
	src, err = newSource(f, form, o)
	if err != nil {
		done()
		return nil, "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, "line", done, nil
}

// newSource returns the rows of a text file.
func newSource(r io.Reader, form string, o Options) (source, error) {
	switch b := skipBOM(r); form {
	case JSONL:
		return &lines{r: b}, nil
	case JSON:
		return newStream(b), nil
	case CSV:
		return newCells(b, ',', o)
	case TSV:
		return newCells(b, '\t', o)
	}
	return nil, fmt.Errorf("%q is not a form of table: use jsonl, json, csv, tsv or parquet", form)
}

// openParquetFile returns the rows of a Parquet file, which is read at many places.
func openParquetFile(path string) (src source, unit string, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", nil, fmt.Errorf("open data: %w", err)
	}
	done = func() { _ = f.Close() } // it was only read
	info, err := f.Stat()
	if err == nil {
		src, err = newParquet(f, info.Size())
	}
	if err != nil {
		done()
		return nil, "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, "row", done, nil
}
