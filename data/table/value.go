package table

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Value is what a cell holds: nil, bool, [Number], string, []Value or [Object]. Cells of CSV
// and TSV files are strings.
type Value any

// Number is a number as it is written in the file: no digit is lost before it is known what
// it is for.
type Number = json.Number

// Object is named values, in the order of the file.
type Object []Field

// Field is one named value.
type Field struct {
	Name  string
	Value Value
}

// Get returns the value of a name.
func (o Object) Get(name string) (Value, bool) {
	for _, f := range o {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// Kind says in a word for messages what a value is.
func Kind(v Value) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case Number:
		return "the number " + v.String()
	case string:
		return "text"
	case []Value:
		return "a list of " + strconv.Itoa(len(v))
	default:
		return "an object"
	}
}

// Literal writes a value as Python's repr does, which is how data sets of nested values
// become text in published work: {'agg': 0, 'conds': ['a', "it's"], 'sel': None}.
func Literal(v Value) string {
	var b strings.Builder
	literal(&b, v)
	return b.String()
}

func literal(b *strings.Builder, v Value) {
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case Number:
		b.WriteString(v.String())
	case string:
		quote(b, v)
	case []Value:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			literal(b, e)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i, f := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			quote(b, f.Name)
			b.WriteString(": ")
			literal(b, f.Value)
		}
		b.WriteByte('}')
	}
}

// quote writes a string literal: in single quotes, or in double quotes where that saves
// escaping; what is not printable is escaped.
func quote(b *strings.Builder, s string) {
	mark := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = '"'
	}
	b.WriteRune(mark)
	for _, r := range s {
		switch {
		case r == mark || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteRune(mark)
}

func hex(r rune, digits int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", digits-len(s)) + s
}
