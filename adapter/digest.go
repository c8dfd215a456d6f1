package adapter

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Digest is SHA-256 over a participant's adapters in canonical order: for each site in
// the model's order its name and the adapter's kind, then for each parameter in
// canonical order its name, the number of dimensions (u32 LE), each dimension (u64 LE)
// and the elements (float32 LE). A name is its length (u32 LE) and its bytes.
func Digest(sites []Site, adapters []Adapter) [32]byte {
	h := sha256.New()
	var buf []byte
	for i, a := range adapters {
		buf = appendName(buf[:0], sites[i].Name)
		buf = appendName(buf, string(a.Spec().Kind))
		h.Write(buf)
		for _, p := range a.Params() {
			buf = appendName(buf[:0], p.Name)
			buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p.Value.Shape())))
			for _, d := range p.Value.Shape() {
				buf = binary.LittleEndian.AppendUint64(buf, uint64(d))
			}
			h.Write(buf)
			h.Write(linalg.Bytes(p.Value))
		}
	}
	return [32]byte(h.Sum(nil))
}

// DigestAll is SHA-256 over many participants' digests: for each participant, ascending
// by name as bytes, its name behind its length (u32 LE), and its digest. It is what
// reports call adapters_sha256.
func DigestAll(digests map[string][32]byte) [32]byte {
	var buf []byte
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		buf = appendName(buf, name)
		d := digests[name]
		buf = append(buf, d[:]...)
	}
	return sha256.Sum256(buf)
}

func appendName(b []byte, name string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
	return append(b, name...)
}
