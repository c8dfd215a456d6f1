package participant

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// write leaves the participant's own adapters as adapter.safetensors in dir and, if the
// final commit carries it, the merged update as merged.safetensors. Both name the version
// of the participant's state.
func (t *training) write(dir string, final *protocol.Commit) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return durable.Fault(dir, err)
	}
	digest := t.digest()
	metadata := map[string]string{
		"job": t.wire.Name, "job_id": t.wire.ID, "participant": t.cfg.Name,
		"version": strconv.FormatUint(t.version, 10), "rounds": strconv.FormatUint(final.Round, 10),
		"digest": hex.EncodeToString(digest[:]),
	}
	for i, s := range t.sites {
		metadata["site."+s.Name] = fmt.Sprintf("%s %d×%d %s", s.Kind, s.Out, s.In, t.fitters[i].Adapter().Spec().Kind)
	}
	if err := adapter.WriteFile(filepath.Join(dir, "adapter.safetensors"), t.sites, t.adapters(), metadata); err != nil {
		return durable.Fault(dir, err)
	}
	if len(final.Sections) == 0 {
		return nil
	}
	var blobs []linalg.Blob
	for _, s := range final.Sections {
		blobs = append(blobs, s.Tensor.Blob(s.Name))
	}
	metadata = map[string]string{"job": t.wire.Name, "job_id": t.wire.ID, "version": strconv.FormatUint(t.version, 10)}
	return durable.Fault(dir, adapter.WriteMerged(filepath.Join(dir, "merged.safetensors"), blobs, metadata))
}
