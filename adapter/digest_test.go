package adapter_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// named is an adapter of any kind with any parameters, for what only a digest looks at.
type named struct {
	adapter.Adapter
	kind   adapter.Kind
	params []adapter.Param
}

func (n named) Spec() adapter.Spec      { return adapter.Spec{Kind: n.kind} }
func (n named) Params() []adapter.Param { return n.params }

func one(name string, values []float32, shape ...int) named {
	return named{kind: adapter.LowRank, params: []adapter.Param{{Name: name, Value: linalg.FromF32(values, shape...)}}}
}

// TestDigestBytes writes the documented bytes down once more.
func TestDigestBytes(t *testing.T) {
	var b bytes.Buffer
	text := func(s string) {
		b.Write([]byte{byte(len(s)), 0, 0, 0})
		b.WriteString(s)
	}
	number := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	text("site")
	text("low-rank")
	text("A")
	number(uint32(2))
	number([]uint64{2, 3})
	number([]float32{1, -2, 3.5, 0, float32(math.Copysign(0, -1)), 1e-40})
	sites := []adapter.Site{{Name: "site"}}
	a := one("A", []float32{1, -2, 3.5, 0, float32(math.Copysign(0, -1)), 1e-40}, 2, 3)
	digest := adapter.Digest(sites, []adapter.Adapter{a})
	if digest != sha256.Sum256(b.Bytes()) {
		t.Error("the digest is not of the documented bytes")
	}
	b.Reset()
	text("ada")
	b.Write(digest[:])
	text("ben")
	b.Write(make([]byte, 32))
	if adapter.DigestAll(map[string][32]byte{"ben": {}, "ada": digest}) != sha256.Sum256(b.Bytes()) {
		t.Error("the digest of all is not of the documented bytes")
	}
}

// TestDigestSeesEverything changes one field at a time.
func TestDigestSeesEverything(t *testing.T) {
	values := []float32{1, 2, 3, 4, 5, 6}
	of := func(site string, adapters ...adapter.Adapter) [32]byte {
		var sites []adapter.Site
		for range adapters {
			sites = append(sites, adapter.Site{Name: site})
		}
		return adapter.Digest(sites, adapters)
	}
	other := one("A", values, 2, 3)
	other.kind = adapter.Linear
	two := one("A", values[:3], 1, 3)
	two.params = append(two.params, one("B", values[3:], 1, 3).params...)
	turned := one("B", values[3:], 1, 3)
	turned.params = append(turned.params, one("A", values[:3], 1, 3).params...)
	seen := map[[32]byte]string{}
	for what, digest := range map[string][32]byte{
		"itself":               of("site", one("A", values, 2, 3)),
		"a site's name":        of("sit", one("A", values, 2, 3)),
		"the kind":             of("site", other),
		"a parameter's name":   of("site", one("a", values, 2, 3)),
		"a shape":              of("site", one("A", values, 3, 2)),
		"a number of dims":     of("site", one("A", values, 6)),
		"an element":           of("site", one("A", []float32{1, 2, 3, 4, 5, math.Nextafter32(6, 7)}, 2, 3)),
		"the sign of zero":     of("site", one("A", []float32{1, 2, 3, 4, 5, 0}, 2, 3)),
		"… of minus zero":      of("site", one("A", []float32{1, 2, 3, 4, 5, float32(math.Copysign(0, -1))}, 2, 3)),
		"two parameters":       of("site", two),
		"their order":          of("site", turned),
		"two adapters":         of("site", one("A", values[:3], 1, 3), one("B", values[3:], 1, 3)),
		"nothing":              of("site"),
		"no parameters":        of("site", named{kind: adapter.LowRank}),
		"a name that runs on":  of("sitelow", named{kind: "-rank"}),
		"a name that is short": of("", named{kind: "sitelow-rank"}),
	} {
		if twin, ok := seen[digest]; ok {
			t.Errorf("the digest does not tell %s from %s", what, twin)
		}
		seen[digest] = what
	}
}
