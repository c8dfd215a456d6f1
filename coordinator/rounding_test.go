package coordinator_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// newest speaks this release's version.
func newest(h *protocol.Hello) { h.MaxVersion = protocol.MaxVersion }

// TestTuplesAsInt8 recomputes what a participant gets from what it would get as f32, with the
// seeds that docs/wire-format.md says, for x, g and both.
func TestTuplesAsInt8(t *testing.T) {
	tuples := func(x, g string) []*protocol.Tuples {
		job := testJob()
		job.Wire.X, job.Wire.G = x, g
		b := newBench(t, job, "")
		ada, ben := b.participant("ada", 1), b.participant("ben", 3)
		ada.hello, ben.hello = newest, newest
		b.start().together(ada, ben)
		if ada.welcome.Version != 3 {
			t.Errorf("a session of version %d", ada.welcome.Version)
		}
		return ada.tuples
	}
	exact := tuples("f32", "f32")
	if len(exact) == 0 {
		t.Fatal("no tuples")
	}
	for _, c := range [][2]string{{"int8", "f32"}, {"f32", "int8"}, {"int8", "int8"}} {
		got := tuples(c[0], c[1])
		for i, m := range exact {
			site := m.Sections[1].Name[len("g."):]
			for k, unique := range []string{"x." + site, "g." + site} {
				want, have := m.Sections[k].Tensor, got[i].Sections[k]
				if c[k] == "int8" {
					want = linalg.New(linalg.F32, want.Shape()...)
					linalg.SetInt8Bytes(want, linalg.Int8Bytes(m.Sections[k].Tensor, documentedSeed(testJob().Seed, m.Round, "ada", unique)))
				}
				if have.As.String() != c[k] || !slices.Equal(have.Tensor.F32(), want.F32()) {
					t.Errorf("x and g as %v: %s of round %d came as %v: %v, want %v", c, unique, m.Round, have.As, have.Tensor.F32(), want.F32())
				}
			}
		}
	}
}

// documentedSeed is what docs/wire-format.md says.
func documentedSeed(job, round uint64, owner, tensor string) uint64 {
	h := sha256.New()
	number := func(n uint64) { h.Write(binary.LittleEndian.AppendUint64(nil, n)) }
	number(job)
	number(round)
	number(uint64(len(owner)))
	h.Write([]byte(owner))
	number(uint64(len(tensor)))
	h.Write([]byte(tensor))
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// TestInt8NeedsVersion3 sends a participant of the release before: it is told what to do, and can
// take part in a job that does not need it.
func TestInt8NeedsVersion3(t *testing.T) {
	job := testJob()
	job.Participants, job.Wire.G = 1, "int8"
	b := newBench(t, job, "").start()
	old := b.participant("ada", 1)
	old.hello = func(h *protocol.Hello) { h.MaxVersion = 2 }
	wantFault(t, old.run(b.ctx), protocol.CodeVersion, "int8, which version 3 has")
	young := b.participant("ada", 1)
	young.hello = newest
	b.together(young)

	job.Wire.G = "bf16"
	b = newBench(t, job, "").start()
	old = b.participant("ada", 1)
	old.hello = func(h *protocol.Hello) { h.MaxVersion = 2 }
	if b.together(old); old.welcome.Version != 2 {
		t.Errorf("a session of version %d", old.welcome.Version)
	}
}
