package dryrun_test

import (
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
)

// What is freed is not alive, waits in the pool as on the CPU, and is lent again.
func TestFree(t *testing.T) {
	const n = 4 * linalg.LeastBlock
	dev := dryrun.New()
	dev.Reset()
	x := dev.Empty(linalg.F32, n)
	small := dev.Empty(linalg.F32, 3)
	dev.Free(x)
	expect(t, "what lives", dev.Live(), 12)
	y := dev.Empty(linalg.F32, n)
	expect(t, "the peak, of which the second had the first's memory", dev.Peak(), 4*n+12)
	dev.Free(y)
	dev.Free(small)
	expect(t, "what lives after all", dev.Live(), 0)
}

func TestFreeRefuses(t *testing.T) {
	dev := dryrun.New()
	freed := dev.Empty(linalg.F32, 5)
	dev.Free(freed)
	for what, c := range map[string]struct {
		tensor *linalg.Tensor
		says   string
	}{
		"what was freed":   {freed, "freed before"},
		"another device's": {dryrun.New().Empty(linalg.F32, 5), "another device's"},
		"the host's":       {linalg.New(linalg.F32, 5), "another device's"},
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, c.says) {
					t.Errorf("freeing %s: %q", what, said)
				}
			}()
			dev.Free(c.tensor)
		}()
	}
}
