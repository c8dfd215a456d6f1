package participant_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/protocol"
)

// TestEndsWithTheBest goes through four intervals of a round each, of which the second is the
// best: its state is kept, through restarts, and is what the participant ends with.
func TestEndsWithTheBest(t *testing.T) {
	for name, c := range map[string]struct {
		best    []uint64 // as the coordinator says with each commit
		restart int      // before this interval; 0: never
		first   float32  // element of the adapter that is left
		kept    []string
	}{
		"undisturbed":          {[]uint64{1, 2, 2, 2}, 0, -10, []string{"state-2.cola", "state-3.cola", "state-4.cola"}},
		"restarted":            {[]uint64{1, 2, 2, 2}, 3, -10, []string{"state-2.cola", "state-3.cola", "state-4.cola"}},
		"the last":             {[]uint64{1, 2, 3, 4}, 2, -24.5, []string{"state-3.cola", "state-4.cola"}},
		"before its first":     {[]uint64{0, 0, 0, 0}, 0, 0, []string{"state-3.cola", "state-4.cola"}},
		"the best of before":   {[]uint64{1, 1, 1, 4}, 4, -24.5, []string{"state-1.cola", "state-3.cola", "state-4.cola"}},
		"the first, restarted": {[]uint64{1, 1, 1, 1}, 4, -4, []string{"state-1.cola", "state-3.cola", "state-4.cola"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := newOffice(t, dir)
			o.start()
			w := welcome(0)
			w.Job.Rounds, w.Job.Interval = 4, 1
			o.send(w)
			for r := range uint64(4) {
				if int(r) == c.restart-1 {
					o.stop()
					<-o.ended
					o.start()
					again := *w
					again.Resume, again.Best = r, c.best[r-1]
					o.send(&again)
				}
				o.round(r, r, r+1, r+1)
				receive[*protocol.Update](o)
				o.send(&protocol.Commit{Version: r + 1, Round: r + 1, Included: true, Best: c.best[r], Final: r == 3})
			}
			receive[*protocol.Bye](o)
			if _, err := o.end(); err != nil {
				t.Fatal(err)
			}
			if got := states(t, dir); !slices.Equal(got, c.kept) {
				t.Errorf("kept %v, expected %v", got, c.kept)
			}
			f, err := safetensors.Open(filepath.Join(dir, "adapter.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close() //nolint:errcheck // it was only read
			blob, err := f.Tensor("head.weight")
			if err != nil {
				t.Fatal(err)
			}
			weight, err := blob.Tensor()
			if err != nil {
				t.Fatal(err)
			}
			if got := weight.F32()[0]; got != c.first {
				t.Errorf("the adapter left begins with %g, expected %g", got, c.first)
			}
		})
	}
}
