// Package durable writes files that survive a kill -9 and a power cut, and notices
// when they did not.
//
// A record is a safetensors file behind a header with its length and SHA-256:
//
//	0       8          16                 48
//	+-------+----------+------------------+----------------------------+
//	|COLAREC1| length  | SHA-256          | payload: a safetensors file |
//	| 8     | u64 LE   | of the payload   | metadata + tensors          |
//	+-------+----------+------------------+----------------------------+
//
// A record is written to a temporary file, synced, renamed over its name, and the
// folder is synced: at every instant the name holds a whole record, the old or the new.
//
// # Caveats
//
// A disk that lies about sync loses what it lied about. Locks are advisory.
package durable
