package dl

import "unsafe"

// longest bounds what is read of a string in C's memory: a paragraph, not a library.
const longest = 4096

// String copies a C string, to its NUL; "" for nil.
func String(s *byte) string {
	if s == nil {
		return ""
	}
	n := 0
	for n < longest && *(*byte)(unsafe.Add(unsafe.Pointer(s), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(s, n))
}

// CString returns s as C wants it, with a NUL behind it.
func CString(s string) []byte { return append([]byte(s), 0) }
