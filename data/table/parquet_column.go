package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	maxPage    = 256 << 20 // bytes of one page
	maxEntries = 1 << 20   // values of one row in one column
	pageStart  = 64 << 10  // bytes that are looked at for the description of a page
)

// The kinds of page.
const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

// column reads the entries of one column of a row group.
type column struct {
	leaf       *schema
	r          io.ReaderAt
	at, end    int64 // of what is left of the chunk in the file
	left       int64 // entries of the chunk that are in later pages
	codec      int64
	dictionary []Value

	entries  int64 // left in the page
	rep, def *levels
	values   func() (Value, error)
	nextRep  int
	peeked   bool
	index    []int // the place in the list of each repeated element
}

func newColumn(r io.ReaderAt, leaf *schema, meta record) (*column, error) {
	if meta == nil || meta.integer(1) != leaf.kind {
		return nil, errors.New("its description does not fit the schema")
	}
	c := &column{leaf: leaf, r: r, left: meta.integer(5), codec: meta.integer(4), at: meta.integer(9), index: make([]int, leaf.maxRep)}
	if at := meta.integer(11); at > 0 && at < c.at {
		c.at = at
	}
	if c.at < 4 || meta.integer(7) < 0 {
		return nil, fmt.Errorf("it begins at byte %d", c.at)
	}
	c.end = c.at + meta.integer(7)
	return c, nil
}

// row puts the column's part of the next row into it.
func (c *column) row(row *cell) error {
	clear(c.index)
	for n := 0; ; n++ {
		rep, err := c.peek()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return unexpected(err)
		}
		switch {
		case rep > 0 && n == 0:
			return errors.New("the row does not begin where it should")
		case rep == 0 && n > 0:
			return nil
		case n == maxEntries:
			return fmt.Errorf("it has more than %d values", maxEntries)
		case rep > 0:
			c.index[rep-1]++
			clear(c.index[rep:])
		}
		if err := c.entry(row); err != nil {
			return unexpected(err)
		}
	}
}

// peek returns the repetition level of the next entry, or io.EOF.
func (c *column) peek() (int, error) {
	if c.peeked {
		return c.nextRep, nil
	}
	for c.entries == 0 {
		if err := c.page(); err != nil {
			return 0, err
		}
	}
	rep, err := c.rep.next()
	if err == nil && rep > c.leaf.maxRep {
		err = fmt.Errorf("a repetition level is %d of %d", rep, c.leaf.maxRep)
	}
	c.nextRep, c.peeked = rep, err == nil
	return rep, err
}

// entry takes the entry that was peeked at.
func (c *column) entry(row *cell) error {
	c.peeked = false
	c.entries--
	def, err := c.def.next()
	if err != nil {
		return err
	}
	var v Value
	switch {
	case def > c.leaf.maxDef:
		return fmt.Errorf("a definition level is %d of %d", def, c.leaf.maxDef)
	case def == c.leaf.maxDef:
		if v, err = c.values(); err != nil {
			return err
		}
	}
	return row.place(c.leaf, def, c.index, v)
}

// page reads the next page.
func (c *column) page() error {
	if c.left <= 0 {
		return io.EOF
	}
	header, err := c.header()
	if err != nil {
		return err
	}
	size, packed := header.integer(2), header.integer(3)
	if size < 0 || size > maxPage || packed < 0 || packed > c.end-c.at {
		return fmt.Errorf("a page has %d bytes, %d packed", size, packed)
	}
	body, err := readAt(c.r, c.at, packed)
	if err != nil {
		return err
	}
	c.at += packed
	switch header.integer(1) {
	case pageData:
		return c.data(header.structure(5), body, int(size))
	case pageDataV2:
		return c.dataV2(header.structure(8), body, int(size))
	case pageDictionary:
		return c.readDictionary(header.structure(7), body, int(size))
	case pageIndex:
		return nil
	}
	return fmt.Errorf("a page is of kind %d", header.integer(1))
}

// header reads the description of a page.
func (c *column) header() (record, error) {
	for _, most := range []int64{pageStart, maxFooter} {
		b, err := readAt(c.r, c.at, min(most, c.end-c.at))
		if err != nil {
			return nil, err
		}
		d := &cursor{b: b}
		header, err := d.structure(0)
		if err == nil {
			c.at += int64(d.at)
			return header, nil
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(b)) < most {
			return nil, err
		}
	}
	return nil, io.ErrUnexpectedEOF
}

// readAt reads n bytes; memory is taken for what the file has, not for what it declares.
func readAt(r io.ReaderAt, at, n int64) ([]byte, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, at, n))
	if err != nil {
		return nil, fmt.Errorf("read at byte %d: %w", at, err)
	}
	if int64(len(b)) < n {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// data opens a page of the first kind: levels behind their lengths, then values, all packed
// together.
func (c *column) data(head record, body []byte, size int) error {
	body, err := unpack(c.codec, body, size)
	if err != nil {
		return err
	}
	d := &cursor{b: body}
	if c.rep, err = levelsWithLength(d, c.leaf.maxRep); err == nil {
		c.def, err = levelsWithLength(d, c.leaf.maxDef)
	}
	if err != nil {
		return err
	}
	return c.begin(head.integer(1), head.integer(2), body[d.at:])
}

// dataV2 opens a page of the second kind: the levels are never packed.
func (c *column) dataV2(head record, body []byte, size int) error {
	d := &cursor{b: body}
	rep, err := d.take(int(head.integer(6)))
	if err != nil {
		return err
	}
	def, err := d.take(int(head.integer(5)))
	if err != nil {
		return err
	}
	c.rep, c.def = newLevels(rep, c.leaf.maxRep), newLevels(def, c.leaf.maxDef)
	values := body[d.at:]
	if packed, ok := head[7].(bool); (packed || !ok) && len(values) > 0 {
		if values, err = unpack(c.codec, values, size-d.at); err != nil {
			return err
		}
	}
	return c.begin(head.integer(1), head.integer(4), values)
}

// begin makes a page the one that entries come from.
func (c *column) begin(entries, encoding int64, body []byte) error {
	if entries < 0 || entries > c.left {
		return fmt.Errorf("a page has %d values of %d", entries, c.left)
	}
	var err error
	if c.values, err = c.decoder(encoding, body); err != nil {
		return err
	}
	c.left -= entries
	c.entries = entries
	return nil
}

// readDictionary keeps the values that later pages number.
func (c *column) readDictionary(head record, body []byte, size int) error {
	body, err := unpack(c.codec, body, size)
	if err != nil {
		return err
	}
	next, err := plain(c.leaf, body)
	if err != nil {
		return err
	}
	c.dictionary = nil
	for range head.integer(1) {
		v, err := next()
		if err != nil {
			return err
		}
		c.dictionary = append(c.dictionary, v)
	}
	return nil
}

// levelsWithLength reads levels behind the number of their bytes; where only one level is
// possible there are none.
func levelsWithLength(d *cursor, most int) (*levels, error) {
	if most == 0 {
		return newLevels(nil, 0), nil
	}
	length, err := d.take(4)
	if err != nil {
		return nil, err
	}
	b, err := d.take(int(binary.LittleEndian.Uint32(length)))
	return newLevels(b, most), err
}
