package adapter

import (
	"fmt"
	"math"
)

// SolverConfig says how the gradient-learning regression is solved.
type SolverConfig struct {
	// Name is
	//
	//   - gradient: one optimizer step, the paper's. Its gradient is the classical one.
	//   - steps: so many optimizer steps against the fixed target (boosting).
	//   - ridge: the closed form for a linear adapter.
	//   - reduced-rank: the closed form for a low-rank adapter.
	Name string
	// Steps of solver steps.
	Steps int
	// Ridge is λ of the closed forms.
	Ridge float64
}

// DefaultSolver returns the paper's: one step.
func DefaultSolver() SolverConfig { return SolverConfig{Name: "gradient", Steps: 1, Ridge: 1} }

// Validate says what is wrong with the settings.
func (s SolverConfig) Validate() error {
	switch s.Name {
	case "gradient":
	case "steps":
		if s.Steps < 1 || s.Steps > maxWidth {
			return fmt.Errorf("steps = %d must be at least 1", s.Steps)
		}
	case "ridge", "reduced-rank":
		if !(s.Ridge >= 0) || math.IsInf(s.Ridge, 0) {
			return fmt.Errorf("ridge = %g must be at least 0", s.Ridge)
		}
	default:
		return fmt.Errorf("name = %q: use gradient, steps, ridge or reduced-rank", s.Name)
	}
	return nil
}
