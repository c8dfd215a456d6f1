package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// Validate reports everything that is wrong with the job at once, as a fault whose
// cause names each key.
func (j Job) Validate() error {
	err := errors.Join(
		j.validateRounds(),
		j.validateCollaboration(),
		j.validateModel(),
		j.validateAdapters(),
		j.validateFit(),
		j.validateWire(),
		j.validateEval(),
	)
	if err == nil {
		return nil
	}
	return &protocol.Fault{
		Code:  protocol.CodeBadJob,
		Cause: "the job is not valid: " + strings.ReplaceAll(err.Error(), "\n", "; "),
		Fix:   "correct the keys named, in the job file or the flags",
		Err:   err,
	}
}

func (j Job) validateRounds() error {
	var errs []error
	if err := protocol.ValidName(j.Name); err != nil {
		errs = append(errs, fmt.Errorf("name: %w", err))
	}
	if j.Rounds < 1 {
		errs = append(errs, errors.New("rounds must be at least 1"))
	}
	if j.Participants < 1 {
		errs = append(errs, errors.New("participants must be at least 1"))
	}
	if j.Quorum < 0 || j.Quorum > j.Participants {
		errs = append(errs, fmt.Errorf("quorum = %d must lie between 1 and participants = %d", j.Quorum, j.Participants))
	}
	if j.Deadline < 0 {
		errs = append(errs, errors.New("deadline must not be negative"))
	}
	if j.EffectiveQuorum() < j.Participants && j.Deadline == 0 {
		errs = append(errs, errors.New("quorum below participants needs a deadline, for example deadline = \"30s\""))
	}
	if j.Interval < 1 {
		errs = append(errs, errors.New("interval must be at least 1"))
	}
	if j.Batch < 1 {
		errs = append(errs, errors.New("batch must be at least 1"))
	}
	return errors.Join(errs...)
}

func (j Job) validateCollaboration() error {
	var errs []error
	mode := j.EffectiveMode()
	switch j.Collaboration {
	case Alone:
		if mode == model.Merged {
			errs = append(errs, errors.New("collaboration = \"alone\" cannot be merged, since one working copy serves all: use mode = \"unmerged\""))
		}
	case Joint:
		if j.Participants != 1 {
			errs = append(errs, fmt.Errorf("collaboration = \"joint\" has one participant with all the data, not %d", j.Participants))
		}
	case Collaborative:
		if mode != model.Merged {
			errs = append(errs, fmt.Errorf("collaboration = \"collaborative\" needs mode = \"merged\", not %q", mode))
		}
	default:
		errs = append(errs, oneOf("collaboration", string(j.Collaboration), "alone", "joint", "collaborative"))
	}
	errs = append(errs,
		oneOf("mode", string(mode), "detached", "unmerged", "merged"),
		oneOf("loss", j.Loss, "participant", "batch"),
		oneOf("merge_weights", j.MergeWeights, "uniform", "examples"))
	return errors.Join(errs...)
}

func (j Job) validateModel() error {
	if _, err := linalg.ParsePrecision(j.Model.Precision); err != nil {
		return fmt.Errorf("[model] %w", err)
	}
	if err := j.ModelConfig().Validate(); err != nil {
		return fmt.Errorf("[model] %w", err)
	}
	return nil
}

func (j Job) validateAdapters() error {
	specs := map[string]adapter.Spec{"[adapter]": j.Spec("")}
	for _, o := range j.Adapter.Override {
		if len(o.Participants) == 0 {
			return errors.New("[[adapter.override]] names no participants")
		}
		for _, name := range o.Participants {
			specs[fmt.Sprintf("[[adapter.override]] of %s", name)] = j.Spec(name)
		}
	}
	var errs []error
	for _, where := range sortedKeys(specs) {
		spec := specs[where]
		if err := spec.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s %w", where, err))
			continue
		}
		if j.EffectiveMode() == model.Merged && spec.Kind == adapter.MLP {
			errs = append(errs, fmt.Errorf("%s kind = \"mlp\" cannot be merged: use low-rank or linear, or collaboration = \"alone\"", where))
		}
		if err := solverFits(j.Solver.Name, spec.Kind); err != nil {
			errs = append(errs, fmt.Errorf("%s %w", where, err))
		}
	}
	return errors.Join(errs...)
}

// closedForm says whether a solver has one.
func closedForm(solver string) bool { return solver == "ridge" || solver == "reduced-rank" }

// solverFits says whether a closed form exists for the kind.
func solverFits(solver string, kind adapter.Kind) error {
	need := map[string]adapter.Kind{"ridge": adapter.Linear, "reduced-rank": adapter.LowRank}[solver]
	if need != "" && need != kind {
		return fmt.Errorf("solver = %q solves %s adapters only, not %s: use solver = \"gradient\" or \"steps\"", solver, need, kind)
	}
	return nil
}

func (j Job) validateFit() error {
	var errs []error
	if err := j.adapterSolver().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("[solver] %w", err))
	}
	if err := j.adapterOptimizer().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("[optimizer] %w", err))
	}
	if err := j.adapterSchedule().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("[schedule] %w", err))
	}
	return errors.Join(errs...)
}

func (j Job) adapterSolver() adapter.SolverConfig {
	return adapter.SolverConfig{Name: j.Solver.Name, Steps: j.Solver.Steps, Ridge: j.Solver.Ridge}
}

func (j Job) adapterOptimizer() adapter.OptimizerConfig {
	return adapter.OptimizerConfig(j.Optimizer)
}

func (j Job) adapterSchedule() adapter.ScheduleConfig {
	return adapter.ScheduleConfig(j.Schedule)
}

func (j Job) validateWire() error {
	var errs []error
	for key, value := range map[string]string{"x": j.Wire.X, "g": j.Wire.G} {
		if _, err := protocol.ParseForm(value); err != nil {
			errs = append(errs, fmt.Errorf("[wire] %s = %w", key, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	errs = append(errs, oneOf("[wire] broadcast", j.Wire.Broadcast, "commit", "end"))
	return errors.Join(errs...)
}

func (j Job) validateEval() error {
	e := j.Eval
	var errs []error
	if e.Keep != "" { // nothing is as the defaults are
		errs = append(errs, oneOf("[eval] keep", e.Keep, "last", "best"))
	}
	if e.Rules != "" {
		errs = append(errs, oneOf("[eval] rules", e.Rules, "default", "paper"))
	}
	if e.Examples < 0 || e.Final < 0 {
		errs = append(errs, errors.New("[eval] examples and final must not be negative"))
	}
	if e.MaxLength != 0 && e.MaxLength < 8 || e.MaxLength > 1<<24 {
		errs = append(errs, fmt.Errorf("[eval] max_length = %d must lie between 8 and %d", e.MaxLength, 1<<24))
	}
	if !(e.ValidationShare >= 0 && e.ValidationShare < 1) {
		errs = append(errs, fmt.Errorf("[eval] validation_share = %g must be at least 0 and below 1", e.ValidationShare))
	}
	if e.ValidationShare > 0 && (e.Data == "" || e.Validation != "") {
		errs = append(errs, errors.New("[eval] validation_share is a share of data, where there is no validation of its own"))
	}
	if e.Keep == "best" && e.Validation == "" && e.ValidationShare == 0 {
		errs = append(errs, errors.New("[eval] keep = \"best\" needs validation or validation_share to tell which commit that is"))
	}
	return errors.Join(errs...)
}

// oneOf says which values a key may have.
func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s = %q: use %s", key, value, strings.Join(allowed, ", "))
}
