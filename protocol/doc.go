// Package protocol is what coordinator and participants say to each other: frames,
// messages, tensor sections and their encodings, sessions, and the faults that
// people read. Its subpackages hold identity (a job's private authority, join
// tokens) and membership (gossip, a hint for discovery, never identity).
//
// docs/wire-format.md draws every byte.
//
// Nothing that comes from the network is trusted: lengths are checked before memory
// is taken, the msgpack header is scanned for size and depth before the decoder sees
// it, every section has a checksum and a declared decoded size.
package protocol
