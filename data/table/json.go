package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const maxDepth = 64 // of lists and objects in each other

// lines reads an object from each line; blank lines are passed over.
type lines struct {
	r    *bufio.Reader
	line int64
}

func (l *lines) next() (Object, int64, error) {
	for {
		text, err := l.readLine()
		if err != nil {
			return nil, 0, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		fields, err := object(d)
		if err == nil {
			if _, after := d.Token(); after != io.EOF {
				err = errors.New("something follows the object")
			}
		}
		if err != nil {
			return nil, 0, broken(fmt.Sprintf("line %d, character %d", l.line, d.InputOffset()+1), err)
		}
		return fields, l.line, nil
	}
}

// readLine returns the next line, which is valid until the next call.
func (l *lines) readLine() ([]byte, error) {
	text, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(text)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > maxRow {
				return nil, fmt.Errorf("line %d: %w: it is longer than %d bytes", l.line+1, ErrFormat, maxRow)
			}
			text, err = l.r.ReadSlice('\n')
			long = append(long, text...)
		}
		text = long
	}
	if err == io.EOF && len(text) > 0 {
		err = nil
	}
	if err != nil && err != io.EOF {
		return nil, broken(fmt.Sprintf("line %d", l.line+1), err)
	}
	l.line++
	return text, err
}

// stream reads objects out of one array, or behind each other.
type stream struct {
	d       *json.Decoder
	at      *lineCounter
	started bool
	array   bool
	begin   int64 // of the object read last
}

func newStream(r io.Reader) *stream {
	at := &lineCounter{r: r}
	s := &stream{d: json.NewDecoder(at), at: at}
	s.d.UseNumber()
	return s
}

func (s *stream) next() (Object, int64, error) {
	s.at.limit = s.d.InputOffset() + maxRow
	fields, err := s.object()
	if err == io.EOF { //nolint:errorlint // object returns it bare
		return nil, 0, err
	}
	if err != nil {
		line, character := s.at.position(s.d.InputOffset())
		return nil, 0, broken(fmt.Sprintf("line %d, character %d", line, character), err)
	}
	line, _ := s.at.position(s.begin)
	return fields, line, nil
}

func (s *stream) object() (Object, error) {
	t, err := s.d.Token()
	if !s.started && t == json.Delim('[') {
		s.array = true
		s.started = true
		t, err = s.d.Token()
	}
	s.started = true
	switch {
	case err == io.EOF && !s.array:
		return nil, io.EOF
	case err != nil:
		return nil, unexpected(err)
	case t == json.Delim(']') && s.array:
		if _, err := s.d.Token(); err != io.EOF {
			return nil, errors.Join(errors.New("something follows the array"), err)
		}
		return nil, io.EOF
	case t != json.Delim('{'):
		return nil, fmt.Errorf("there is %v where an object is to begin", t)
	}
	s.begin = s.d.InputOffset() - 1
	return fieldsOf(s.d, 1)
}

// object reads one object.
func object(d *json.Decoder) (Object, error) {
	t, err := d.Token()
	if err != nil {
		return nil, unexpected(err)
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("there is %v where an object is to begin", t)
	}
	return fieldsOf(d, 1)
}

// fieldsOf reads the rest of an object after its brace.
func fieldsOf(d *json.Decoder, depth int) (Object, error) {
	fields := Object{}
	for {
		t, err := d.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		name, ok := t.(string)
		if !ok {
			return fields, nil // the closing brace
		}
		if _, twice := fields.Get(name); twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		v, err := value(d, depth)
		if err != nil {
			return nil, err
		}
		fields = append(fields, Field{name, v})
	}
}

// value reads any value.
func value(d *json.Decoder, depth int) (Value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, unexpected(err)
	}
	brace, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth++; depth > maxDepth {
		return nil, fmt.Errorf("more than %d lists and objects are in each other", maxDepth)
	}
	if brace == '{' {
		return fieldsOf(d, depth)
	}
	list := []Value{}
	for d.More() {
		v, err := value(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := d.Token(); err != nil {
		return nil, unexpected(err)
	}
	return list, nil
}

// unexpected is an error inside a value: an end is too early there.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // json returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

// broken says where in a file reading failed. What the operating system reports says
// nothing about the format.
func broken(at string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, ErrFormat) {
		return fmt.Errorf("%s: %w", at, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w: it ends too early", at, ErrFormat)
	}
	return fmt.Errorf("%s: %w: %w", at, ErrFormat, err)
}

// lineCounter remembers where lines begin in what was read and not yet asked for, and ends
// where one row is too large.
type lineCounter struct {
	r      io.Reader
	read   int64
	limit  int64
	line   int64 // lines that end before begin
	begin  int64 // where the last line asked for begins
	breaks []int64
}

func (c *lineCounter) Read(p []byte) (int, error) {
	if c.read > c.limit {
		return 0, fmt.Errorf("%w: one row is larger than %d bytes", ErrFormat, maxRow)
	}
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.breaks = append(c.breaks, c.read+int64(i)+1)
		}
	}
	c.read += int64(n)
	return n, err
}

// position returns the line and the character in it, both counted from 1, of an offset that
// is not before the last one asked for.
func (c *lineCounter) position(offset int64) (line, character int64) {
	passed := 0
	for passed < len(c.breaks) && c.breaks[passed] <= offset {
		c.begin = c.breaks[passed]
		passed++
	}
	c.breaks = c.breaks[passed:]
	c.line += int64(passed)
	return c.line + 1, offset - c.begin + 1
}
