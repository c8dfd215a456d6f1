// Package safetensors reads and writes the safetensors file format.
//
//	+--------+------------------------+---------------------------+
//	| u64 LE | header: JSON, N bytes  | tensor data, little-endian |
//	|   N    | name → dtype, shape,   | without holes, in the      |
//	|        | data_offsets           | order of the offsets       |
//	+--------+------------------------+---------------------------+
//
// A header is refused where a name occurs twice, offsets leave holes, overlap or run
// out of the file, or a shape does not fit its bytes. Types that cola does not compute
// with are refused when such a tensor is asked for, not before.
package safetensors
