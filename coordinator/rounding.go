package coordinator

import (
	"crypto/sha256"
	"encoding/binary"
)

// roundingSeed returns what a tensor of a tuple is rounded to int8 with: the first eight bytes
// (u64 LE) of SHA-256 of the job's seed and the round (u64 LE each), the owner's name and the
// section's, as in "x.layers.0.q" of the first site that shares x, each behind its length (u64
// LE). So a round that is computed again gives the same bytes, wherever that is; an owner's do
// not depend on who else is there; and the roundings of x and g are independent, which keeps gᵀx
// right in the mean.
func roundingSeed(job, round uint64, owner, tensor string) uint64 {
	key := binary.LittleEndian.AppendUint64(nil, job)
	key = binary.LittleEndian.AppendUint64(key, round)
	for _, name := range []string{owner, tensor} {
		key = binary.LittleEndian.AppendUint64(key, uint64(len(name)))
		key = append(key, name...)
	}
	sum := sha256.Sum256(key)
	return binary.LittleEndian.Uint64(sum[:])
}
