package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// The format's numbers.
const (
	magic       = "GGUF"
	version     = 3
	alignment   = 32 // the default, which is not written down
	typeFloat32 = 6  // of metadata
	typeString  = 8
	dataF32     = 0 // of tensors
)

// named is a tensor as it stands in the file.
type named struct {
	name  string
	value *linalg.Tensor
}

// WriteFile writes adapters to a file, as a whole or not at all. They are low-rank, and at
// sites that llama.cpp can adapt: others are errors that name the site. Where s·r differs
// between sites, the rarer ones' B hold what the one alpha of the file does not.
func WriteFile(path string, m Model, sites []adapter.Site, adapters []adapter.Adapter) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(Write(f, m, sites, adapters), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Write is [WriteFile] to a stream. The same adapters are always the same bytes.
func Write(w io.Writer, m Model, sites []adapter.Site, adapters []adapter.Adapter) error {
	if err := m.check(); err != nil {
		return err
	}
	if len(sites) == 0 || len(sites) != len(adapters) {
		return fmt.Errorf("%d sites have %d adapters", len(sites), len(adapters))
	}
	alpha := commonAlpha(adapters)
	var tensors []named
	for i, site := range sites {
		pair, err := m.pair(site, adapters[i], alpha)
		if err != nil {
			return err
		}
		tensors = append(tensors, pair...)
	}
	if !(alpha > 0) || math.IsInf(float64(alpha), 0) {
		return fmt.Errorf("scale times rank is %g: the format cannot say that", alpha)
	}
	slices.SortFunc(tensors, func(a, b named) int { return strings.Compare(a.name, b.name) })
	b := bufio.NewWriter(w)
	if _, err := b.Write(pad(header(m.Architecture, alpha, tensors))); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := b.Write(pad(linalg.AppendBytes(nil, t.value))); err != nil {
			return err
		}
	}
	return b.Flush()
}

// alphaOf is s·r of a low-rank adapter.
func alphaOf(spec adapter.Spec) float64 {
	if spec.Scale == 0 {
		return float64(spec.Rank)
	}
	return spec.Scale * float64(spec.Rank)
}

// commonAlpha returns the α that most adapters have, of equals the smallest.
func commonAlpha(adapters []adapter.Adapter) float32 {
	count := map[float32]int{}
	for _, a := range adapters {
		count[float32(alphaOf(a.Spec()))]++
	}
	best := float32(math.Inf(1))
	for alpha, n := range count {
		if n > count[best] || n == count[best] && alpha < best {
			best = alpha
		}
	}
	return best
}

// pair returns a site's two tensors.
func (m Model) pair(site adapter.Site, a adapter.Adapter, alpha float32) ([]named, error) {
	name, ok := m.tensor(site)
	switch spec := a.Spec(); {
	case !ok:
		return nil, fmt.Errorf("site %s: llama.cpp adapts no such layer of a %s", site.Name, m.Architecture)
	case spec.Kind == adapter.Linear:
		return nil, fmt.Errorf("the adapter at site %s is linear: bring it to a low rank first, or merge it", site.Name)
	case spec.Kind != adapter.LowRank:
		return nil, fmt.Errorf("the adapter at site %s is of kind %s: this format holds low-rank ones only", site.Name, spec.Kind)
	}
	left, right := a.Params()[1].Value, a.Params()[0].Value
	if own := alphaOf(a.Spec()); float32(own) != alpha {
		left = left.Clone()
		linalg.NewCPU().Scale(left, float32(own/float64(alpha)))
	}
	if site.Kind == adapter.SiteEmbedding {
		right = transposed(right)
	}
	left, err := permuted(left, m.heads(site), false)
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Name, err)
	}
	return []named{{name + ".lora_a", right}, {name + ".lora_b", left}}, nil
}

// header returns what stands before the data. Dimensions are the other way round there.
func header(architecture string, alpha float32, tensors []named) []byte {
	b := []byte(magic)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	texts := [][2]string{{"general.architecture", architecture}, {"general.type", "adapter"}, {"adapter.type", "lora"}}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(texts)+1))
	for _, kv := range texts {
		b = appendString(b, kv[0])
		b = binary.LittleEndian.AppendUint32(b, typeString)
		b = appendString(b, kv[1])
	}
	b = appendString(b, "adapter.lora.alpha")
	b = binary.LittleEndian.AppendUint32(b, typeFloat32)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(alpha))
	offset := uint64(0)
	for _, t := range tensors {
		b = appendString(b, t.name)
		b = binary.LittleEndian.AppendUint32(b, 2)
		b = binary.LittleEndian.AppendUint64(b, uint64(t.value.Cols()))
		b = binary.LittleEndian.AppendUint64(b, uint64(t.value.Rows()))
		b = binary.LittleEndian.AppendUint32(b, dataF32)
		b = binary.LittleEndian.AppendUint64(b, offset)
		offset += aligned(4*uint64(t.value.Len()), alignment)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

// aligned rounds up to a multiple.
func aligned(n, to uint64) uint64 { return (n + to - 1) / to * to }

// pad fills up with zeros.
func pad(b []byte) []byte {
	return append(b, make([]byte, aligned(uint64(len(b)), alignment)-uint64(len(b)))...)
}
