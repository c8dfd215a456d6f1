// Package safetensors reads and writes the safetensors file format.
//
//	+--------+------------------------+----------------------------+
//	| u64 LE | header: JSON, N bytes  | tensor data, little-endian |
//	|   N    | name → dtype, shape,   | without holes, in the      |
//	|        | data_offsets           | order of the offsets       |
//	+--------+------------------------+----------------------------+
//
// A file is opened by its header alone; a tensor is read when it is asked for. A header
// is refused where a key occurs twice, offsets leave holes, overlap or run out of the
// file, or a shape does not fit its bytes. Types that cola does not compute with are
// refused when such a tensor is asked for, not before.
//
// Errors say which file, which tensor, what is wrong and what to do; those about the
// file's content wrap [ErrFormat].
package safetensors
