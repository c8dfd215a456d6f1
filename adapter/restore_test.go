package adapter_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// stateOf is a fitter's state by name.
func stateOf(f *adapter.Fitter) map[string]linalg.Blob {
	state := map[string]linalg.Blob{}
	for _, b := range f.State() {
		state[b.Name] = b
	}
	return state
}

// TestStateNames pins the names: they are those of the files that participants keep.
func TestStateNames(t *testing.T) {
	for name, want := range map[string][]string{
		"sgd":      {"layers.0.A", "layers.0.B", "layers.0.steps"},
		"momentum": {"layers.0.A", "layers.0.B", "layers.0.steps", "layers.0.A.momentum", "layers.0.B.momentum"},
		"adamw":    {"layers.0.A", "layers.0.B", "layers.0.steps", "layers.0.A.m", "layers.0.B.m", "layers.0.A.v", "layers.0.B.v"},
	} {
		var got []string
		for _, b := range newFitter(t, linearSite, specs["low-rank"], optimizers[name], adapter.DefaultSolver()).State() {
			got = append(got, b.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
}

// TestHostileState spoils each tensor of each optimizer's state in each way: it is named,
// and neither the adapter nor the optimizer is changed.
func TestHostileState(t *testing.T) {
	ways := map[string]func(state map[string]linalg.Blob, name string){
		"missing": func(state map[string]linalg.Blob, name string) { delete(state, name) },
		"extra": func(state map[string]linalg.Blob, name string) {
			state[name+".more"] = linalg.New(linalg.F32, 1).Blob(name + ".more")
		},
		"shape": func(state map[string]linalg.Blob, name string) {
			state[name] = linalg.New(state[name].DType, append([]int{1}, state[name].Shape...)...).Blob(name)
		},
		"type": func(state map[string]linalg.Blob, name string) {
			dtype := linalg.I32
			if state[name].DType == linalg.I32 {
				dtype = linalg.F32
			}
			state[name] = linalg.New(dtype, state[name].Shape...).Blob(name)
		},
		"half precision": func(state map[string]linalg.Blob, name string) {
			state[name] = linalg.New(linalg.BF16, state[name].Shape...).Blob(name)
		},
		"cut": func(state map[string]linalg.Blob, name string) {
			b := state[name]
			b.Data = b.Data[:len(b.Data)-1]
			state[name] = b
		},
		"NaN":      lastElement(float32(math.NaN())),
		"infinity": lastElement(float32(math.Inf(-1))),
	}
	for name, o := range optimizers {
		f, other := newFitter(t, linearSite, specs["linear, bias"], o, adapter.DefaultSolver()), newFitter(t, linearSite, specs["linear, bias"], o, adapter.DefaultSolver())
		train(t, f, 1, 3)
		train(t, other, 2, 4)
		before := stateOf(f)
		for tensor := range before {
			for way, spoil := range ways {
				hostile := stateOf(other)
				if hostile[tensor].DType == linalg.I32 && (way == "NaN" || way == "infinity") {
					continue // every bit pattern is an integer
				}
				spoil(hostile, tensor)
				if err := f.Restore(hostile); err == nil || !strings.Contains(err.Error(), `"`+tensor) {
					t.Errorf("%s, %s of %s: %v", name, way, tensor, err)
				}
				for now, b := range stateOf(f) {
					if string(b.Data) != string(before[now].Data) {
						t.Fatalf("%s, %s of %s: %s was changed", name, way, tensor, now)
					}
				}
			}
		}
	}
}

// lastElement sets the last element of a tensor.
func lastElement(v float32) func(state map[string]linalg.Blob, name string) {
	return func(state map[string]linalg.Blob, name string) {
		if state[name].DType != linalg.F32 {
			return
		}
		value := linalg.New(linalg.F32, state[name].Shape...)
		value.F32()[value.Len()-1] = v
		state[name] = value.Blob(name)
	}
}

// TestImpossibleState is of the right form, but no optimizer leaves it behind: squares
// below zero have no root, and a negative count corrects Adam's moments by 1/0.
func TestImpossibleState(t *testing.T) {
	f := newFitter(t, linearSite, specs["low-rank"], optimizers["adam"], adapter.DefaultSolver())
	before := digest(f, linearSite)
	for _, c := range []struct {
		name  string
		value linalg.Blob
	}{
		{"layers.0.steps", linalg.FromI32([]int32{-1}, 1).Blob("layers.0.steps")},
		{"layers.0.A.v", stateWith(f, "layers.0.A.v", -1)},
	} {
		state := stateOf(f)
		state[c.name] = c.value
		if err := f.Restore(state); err == nil || !strings.Contains(err.Error(), `"`+c.name+`"`) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if digest(f, linearSite) != before {
		t.Error("a state that was refused changed the adapter")
	}
	m := stateOf(f)
	m["layers.0.A.m"] = stateWith(f, "layers.0.A.m", -1)
	if err := f.Restore(m); err != nil {
		t.Errorf("a mean below zero is a mean: %v", err)
	}
}

// stateWith is a tensor of the state with another last element.
func stateWith(f *adapter.Fitter, name string, v float32) linalg.Blob {
	state := stateOf(f)
	lastElement(v)(state, name)
	return state[name]
}

// train takes some steps on tuples drawn from a seed.
func train(t *testing.T, f *adapter.Fitter, seed uint64, steps int) {
	t.Helper()
	r := adapter.Rand(seed, "tuples", "")
	for range steps {
		x, g := tuples(r, 3)
		f.Add(x, g, 1)
		if _, err := f.Fit(0.05); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDivergedLeavesTheState: after a gradient that is not finite the next fit is that of
// a fitter that never saw it, for every solver: parameters, moments and count of steps.
func TestDivergedLeavesTheState(t *testing.T) {
	for _, c := range []struct {
		kind   string
		solver adapter.SolverConfig
	}{
		{"mlp", adapter.DefaultSolver()},
		{"low-rank", adapter.SolverConfig{Name: "steps", Steps: 3}},
		{"linear, bias", adapter.SolverConfig{Name: "ridge", Ridge: 1}},
		{"low-rank", adapter.SolverConfig{Name: "reduced-rank", Ridge: 1}},
	} {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			f := newFitter(t, linearSite, specs[c.kind], optimizers["adam"], c.solver)
			train(t, f, 1, 2)
			before := stateOf(f)
			x, g := tuples(adapter.Rand(1, "", ""), 4)
			g.F32()[7] = float32(v)
			f.Add(x, g, 1)
			if _, err := f.Fit(0.1); err == nil {
				t.Errorf("%s: %g in g was fitted", c.solver.Name, v)
			}
			for name, b := range stateOf(f) {
				if string(b.Data) != string(before[name].Data) {
					t.Errorf("%s: %g in g changed %s", c.solver.Name, v, name)
				}
			}
			train(t, f, 5, 1) // and it is forgotten
		}
	}
}
