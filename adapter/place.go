package adapter

import "github.com/gradientlearning/cola/linalg"

// Place returns an adapter that computes as a does, with parameters in the device's memory: a
// itself where they are there, which on a device that computes in the host's memory they always
// are, or a copy. A copy does not follow what changes in a afterwards; [Release] gives its
// memory back.
func Place(dev linalg.Device, a Adapter) (placed Adapter, copied bool) {
	if dev.Empty(linalg.I32, 0).Memory() == nil {
		return a, false
	}
	move := func(t *linalg.Tensor) *linalg.Tensor {
		if t == nil || t.Memory() != nil {
			return t
		}
		copied = true
		to := dev.Empty(t.DType(), t.Shape()...)
		dev.Upload(to, t)
		return to
	}
	placed = moved(a, move)
	if !copied {
		return a, false
	}
	return placed, true
}

// moved is an adapter with each of its parameters replaced. Those that other packages make, which
// have nothing to compute with, stay as they are.
func moved(a Adapter, move func(*linalg.Tensor) *linalg.Tensor) Adapter {
	switch a := a.(type) {
	case *lowRank:
		return &lowRank{a.spec, move(a.a), move(a.b)}
	case *linear:
		return &linear{a.spec, move(a.weight), move(a.bias)}
	case *mlp:
		m := &mlp{spec: a.spec}
		for _, l := range a.layers {
			m.layers = append(m.layers, mlpLayer{move(l.weight), move(l.bias)})
		}
		return m
	case *lowRankTable:
		return &lowRankTable{a.spec, move(a.a), move(a.b)}
	case *table:
		return &table{a.spec, move(a.weight)}
	}
	return a
}

// Release gives the memory of an adapter that [Place] made back to the device. It does nothing
// to one whose parameters are the host's.
func Release(dev linalg.Device, a Adapter) {
	moved(a, func(t *linalg.Tensor) *linalg.Tensor {
		if t != nil && t.Memory() != nil {
			dev.Free(t)
		}
		return t
	})
}

// free gives memory that a computation worked in back.
func free(dev linalg.Device, list ...*linalg.Tensor) {
	for _, t := range list {
		dev.Free(t)
	}
}
