package table

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// cells reads CSV and TSV.
type cells struct {
	header []string
	read   func() (record []string, line int64, err error)
}

// newCells reads the header.
func newCells(r *bufio.Reader, comma rune, o Options) (*cells, error) {
	c := &cells{header: o.Header}
	if o.Unquoted {
		c.read = unquoted(&lines{r: r}, string(comma))
	} else {
		c.read = quoted(r, comma)
	}
	if c.header != nil {
		return c, nil
	}
	header, _, err := c.read()
	if err == io.EOF { //nolint:errorlint // it is returned bare
		return nil, fmt.Errorf("%w: it is empty: its first line is to name the columns", ErrFormat)
	}
	if err != nil {
		return nil, err
	}
	for i, name := range header {
		for _, other := range header[:i] {
			if name == other {
				return nil, fmt.Errorf("line 1: %w: two columns are named %s", ErrFormat, clip(name))
			}
		}
	}
	c.header = header
	return c, nil
}

func (c *cells) next() (Object, int64, error) {
	record, line, err := c.read()
	if err != nil {
		return nil, 0, err
	}
	if len(record) != len(c.header) {
		return nil, 0, fmt.Errorf("line %d: %w: it has %d fields, and there are %d columns (%s)",
			line, ErrFormat, len(record), len(c.header), strings.Join(c.header, ", "))
	}
	fields := make(Object, len(record))
	for i, text := range record {
		fields[i] = Field{c.header[i], text}
	}
	return fields, line, nil
}

// quoted reads records by RFC 4180.
func quoted(r io.Reader, comma rune) func() ([]string, int64, error) {
	limited := &rowLimit{r: r}
	d := csv.NewReader(limited)
	d.Comma = comma
	d.FieldsPerRecord = -1
	line := 0
	return func() ([]string, int64, error) {
		limited.left = maxRow
		record, err := d.Read()
		if err == io.EOF {
			return nil, 0, err
		}
		if fault, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, 0, fmt.Errorf("line %d, character %d: %w: %w: quotes in a field are written twice and the field in quotes; where quotes mean nothing say so",
				fault.Line, fault.Column, ErrFormat, fault.Err)
		}
		if err != nil {
			return nil, 0, broken(fmt.Sprintf("after line %d", line), err)
		}
		line, _ = d.FieldPos(0)
		return record, int64(line), nil
	}
}

// unquoted reads records whose fields have neither the separator nor a line's end in them.
func unquoted(l *lines, comma string) func() ([]string, int64, error) {
	return func() ([]string, int64, error) {
		for {
			text, err := l.readLine()
			if err != nil {
				return nil, 0, err
			}
			if s := strings.TrimRight(string(text), "\r\n"); s != "" {
				return strings.Split(s, comma), l.line, nil
			}
		}
	}
}

// rowLimit ends a reader that goes on for too long without a row.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, fmt.Errorf("%w: one row is larger than %d bytes", ErrFormat, maxRow)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
