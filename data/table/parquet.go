package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxFooter   = 64 << 20 // bytes of the description of a Parquet file
	maxElements = 1 << 16  // of its schema
)

// parquetFile reads the rows of a Parquet file: a page of each column at a time. Format:
// github.com/apache/parquet-format.
type parquetFile struct {
	r      io.ReaderAt
	root   *schema
	leaves []*schema
	groups []any

	columns []*column // of the row group being read
	left    int64     // rows of the group
	row     int64
}

// newParquet reads the footer: the schema and where the row groups are.
func newParquet(r io.ReaderAt, size int64) (*parquetFile, error) {
	tail := make([]byte, 8)
	if size < 12 {
		return nil, fmt.Errorf("%w: %d bytes are no Parquet file", ErrFormat, size)
	}
	if _, err := r.ReadAt(tail, size-8); err != nil {
		return nil, broken("its end", err)
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	switch {
	case string(tail[4:]) == "PARE":
		return nil, fmt.Errorf("%w: it is encrypted", ErrFormat)
	case string(tail[4:]) != "PAR1":
		return nil, fmt.Errorf("%w: it does not end as a Parquet file does: was it copied whole?", ErrFormat)
	case length > size-12 || length > maxFooter:
		return nil, fmt.Errorf("%w: its description is to have %d bytes", ErrFormat, length)
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-8-length); err != nil {
		return nil, broken("its description", err)
	}
	c := &cursor{b: footer}
	meta, err := c.structure(0)
	if err != nil {
		return nil, broken("its description", err)
	}
	f := &parquetFile{r: r, groups: meta.list(4)}
	if f.root, err = newSchema(meta.list(2)); err != nil {
		return nil, broken("its schema", err)
	}
	f.leaves = f.root.leaves(nil)
	return f, nil
}

func (f *parquetFile) next() (Object, int64, error) {
	for f.left == 0 {
		if len(f.groups) == 0 {
			return nil, 0, io.EOF
		}
		if err := f.open(); err != nil {
			return nil, 0, broken(fmt.Sprintf("the row group after row %d", f.row), err)
		}
	}
	f.left--
	f.row++
	row := &cell{}
	for _, c := range f.columns {
		if err := c.row(row); err != nil {
			return nil, 0, broken(fmt.Sprintf("row %d: column %q", f.row, c.leaf.name), err)
		}
	}
	fields, _ := row.value(f.root).(Object)
	return fields, f.row, nil
}

// open begins the next row group.
func (f *parquetFile) open() error {
	group, _ := f.groups[0].(record)
	f.groups = f.groups[1:]
	chunks := group.list(1)
	if f.left = group.integer(3); f.left < 0 || len(chunks) != len(f.leaves) {
		f.left = 0
		return fmt.Errorf("it has %d rows and %d columns, and the schema %d", group.integer(3), len(chunks), len(f.leaves))
	}
	f.columns = f.columns[:0]
	for i, chunk := range chunks {
		described, _ := chunk.(record)
		if len(described.bytes(1)) > 0 {
			return errors.New("its columns are in other files")
		}
		c, err := newColumn(f.r, f.leaves[i], described.structure(3))
		if err != nil {
			return fmt.Errorf("column %q: %w", f.leaves[i].name, err)
		}
		f.columns = append(f.columns, c)
	}
	return nil
}

// schema is an element of the schema, with what is in it.
type schema struct {
	name     string
	repeated bool
	optional bool
	list     bool // a group that stands for the list in it
	unsigned bool
	kind     int64 // the physical type of a leaf
	width    int   // of a fixed-length array
	children []*schema
	path     []*schema // from the root's child to itself
	maxDef   int       // optional and repeated elements on the path
	maxRep   int       // repeated elements on the path
}

// newSchema builds the tree from its elements, which are in depth-first order.
func newSchema(elements []any) (*schema, error) {
	if len(elements) > maxElements {
		return nil, fmt.Errorf("it has more than %d elements", maxElements)
	}
	root, rest, err := buildSchema(elements, nil)
	if err == nil && (len(rest) > 0 || len(root.children) == 0) {
		err = errors.New("its elements do not add up")
	}
	return root, err
}

func buildSchema(elements []any, parent *schema) (*schema, []any, error) {
	if len(elements) == 0 {
		return nil, nil, errors.New("elements are missing")
	}
	e, _ := elements[0].(record)
	s := &schema{name: string(e.bytes(4)), kind: e.integer(1), width: int(e.integer(2))}
	if parent != nil {
		s.optional, s.repeated = e.integer(3) == 1, e.integer(3) == 2
		s.path = append(parent.path[:len(parent.path):len(parent.path)], s)
		s.maxDef, s.maxRep = parent.maxDef, parent.maxRep
	}
	if s.optional || s.repeated {
		s.maxDef++
	}
	if s.repeated {
		s.maxRep++
	}
	if len(s.path) > maxDepth {
		return nil, nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	converted := e.integer(6)
	s.list = e[6] != nil && converted == 3 || e.structure(10).structure(3) != nil
	s.unsigned = converted >= 11 && converted <= 14
	rest := elements[1:]
	for range min(e.integer(5), int64(len(elements))) {
		child, after, err := buildSchema(rest, s)
		if err != nil {
			return nil, nil, err
		}
		s.children, rest = append(s.children, child), after
	}
	return s, rest, nil
}

// leaves appends the columns of the tree, in their order.
func (s *schema) leaves(to []*schema) []*schema {
	if len(s.children) == 0 {
		return append(to, s)
	}
	for _, child := range s.children {
		to = child.leaves(to)
	}
	return to
}

// cell is a value that columns put together: each column knows its own leaves only.
type cell struct {
	set    bool
	leaf   Value
	list   []*cell          // of a repeated element
	fields map[string]*cell // of a group
}

// field returns the cell of an element of a group.
func (c *cell) field(name string) *cell {
	if c.fields == nil {
		c.fields = map[string]*cell{}
	}
	f, ok := c.fields[name]
	if !ok {
		f = &cell{}
		c.fields[name] = f
	}
	return f
}

// place puts the value of one entry of a column where its levels say: def is how much of
// the path is there, index the place in the list of each repeated element.
func (c *cell) place(leaf *schema, def int, index []int, v Value) error {
	depth := 0
	for _, s := range leaf.path {
		c = c.field(s.name)
		c.set = c.set || !s.optional || def >= s.maxDef
		if def < s.maxDef {
			return nil // nothing, or a list with nothing in it
		}
		if s.repeated {
			i := index[depth]
			if depth++; i > len(c.list) {
				return errors.New("a list begins in its middle")
			}
			if i == len(c.list) {
				c.list = append(c.list, &cell{set: true})
			}
			c = c.list[i]
		}
	}
	c.leaf = v
	return nil
}

// value returns what was put together for an element.
func (c *cell) value(s *schema) Value {
	if s.repeated {
		list := make([]Value, len(c.list))
		for i, e := range c.list {
			list[i] = e.single(s)
		}
		return list
	}
	return c.single(s)
}

// single returns one value of an element, repeated or not.
func (c *cell) single(s *schema) Value {
	switch {
	case len(s.children) == 0:
		return c.leaf
	case s.optional && !c.set:
		return nil
	case s.list && len(s.children) == 1 && s.children[0].repeated:
		return c.field(s.children[0].name).elements(s.children[0])
	}
	object := make(Object, len(s.children))
	for i, child := range s.children {
		object[i] = Field{child.name, c.field(child.name).value(child)}
	}
	return object
}

// elements returns a list's values without the group that is around each.
func (c *cell) elements(s *schema) []Value {
	list := make([]Value, len(c.list))
	for i, e := range c.list {
		if len(s.children) == 1 {
			list[i] = e.field(s.children[0].name).value(s.children[0])
		} else {
			list[i] = e.single(s)
		}
	}
	return list
}
