package model_test

import (
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Adapters of owners, on the host or on the device, give the same bits on a device with memory
// of its own as on the host.
func TestAdaptersOnADeviceWithItsOwnMemory(t *testing.T) {
	for _, c := range small {
		near, dev := newBase(t, c), newFar()
		b := must[*model.Base](t)(model.New(dev, c))
		batch := adapted(t, near, newBatch(near, 3, 2, 4))
		want, wantTuples := pass(t, near, batch, model.Unmerged)
		for _, where := range []string{"host", "device"} {
			far := *batch
			far.Owners = slices.Clone(batch.Owners)
			for k, o := range far.Owners {
				if where == "device" {
					far.Owners[k].Adapters = nil
					for _, a := range o.Adapters {
						placed, copied := adapter.Place(dev, a)
						if _, again := adapter.Place(dev, placed); !copied || again {
							t.Errorf("placed: copied %v, placed again: %v", copied, again)
						}
						far.Owners[k].Adapters = append(far.Owners[k].Adapters, placed)
					}
				}
			}
			s := downloads{newTuples(), dev}
			got := must[model.Result](t)(b.Pass(&far, model.Unmerged, s))
			if !slices.Equal(got.Loss, want.Loss) {
				t.Errorf("%s, adapters on the %s: %v, on the CPU %v", c.Type, where, got.Loss, want.Loss)
			}
			for i := range b.Sites() {
				if !sameBits(s.x[i], wantTuples.x[i]) || !sameBits(s.g[i], wantTuples.g[i]) {
					t.Errorf("%s, adapters on the %s: the tuple of site %d differs", c.Type, where, i)
				}
			}
		}
	}
}

// A replica has the bits of its original, and a working copy of its own.
func TestReplica(t *testing.T) {
	for _, c := range small {
		near := newBase(t, c)
		for _, dev := range []linalg.Device{linalg.NewCPU(), newFar()} {
			b := must[*model.Base](t)(near.Replica(dev))
			for name, v := range values(near) {
				if !sameBits(v, values(b)[name]) {
					t.Errorf("%s on %s: %s differs", c.Type, dev.Name(), name)
				}
			}
			batch := newBatch(near, 3, 2)
			want := must[model.Result](t)(near.Evaluate(batch, model.Merged))
			if err := b.Merge(deltas(t, near, newAdapters(t, near, "ada", kinds[1]))); err != nil {
				t.Fatal(err)
			}
			merged := must[model.Result](t)(b.Evaluate(batch, model.Merged))
			again := must[model.Result](t)(near.Evaluate(batch, model.Merged))
			b.Unmerge()
			unmerged := must[model.Result](t)(b.Evaluate(batch, model.Merged))
			if slices.Equal(merged.Loss, want.Loss) || !slices.Equal(again.Loss, want.Loss) || !slices.Equal(unmerged.Loss, want.Loss) {
				t.Errorf("%s on %s: losses %v merged, %v of the original, %v unmerged, want %v", c.Type, dev.Name(), merged.Loss, again.Loss, unmerged.Loss, want.Loss)
			}
		}
	}
}
