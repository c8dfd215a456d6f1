package main

import (
	"errors"
	"slices"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/protocol"
)

// memoryPlan is what a job's memory will be at most.
type memoryPlan struct {
	prediction *plan.Prediction
	free       int64 // of the GPU that has the least; 0: it is computed on the CPU
}

// planMemory tells what a job's memory will be at most, by kind: with texts as long as the job
// lets them be. Where it is computed on GPUs, and the job leaves it open, as many blocks are
// computed twice as the GPUs' memory asks for. What cannot be planned is not told.
func planMemory(env *cli.Env, job coordinator.Job, read jobData, d *devices) (coordinator.Job, *memoryPlan, error) {
	m := &memoryPlan{}
	c, err := planOf(job, longestLoad(job, read))
	if err != nil {
		return job, m, nil //nolint:nilerr // a job that is wrong says so elsewhere
	}
	if len(d.gpus) > 0 {
		planOnGPU(&c)
		c.Loads = c.Loads[:(len(c.Loads)+len(d.gpus)-1)/len(d.gpus)] // a device's share
		for _, gpu := range d.gpus {
			free, _, err := gpu.Memory()
			if err != nil {
				return job, m, err
			}
			if m.free == 0 || free < m.free {
				m.free = free
			}
		}
	}
	for _, blocks := range checkpointSettings(job, len(d.gpus) > 0) {
		c.Model.Checkpoints = blocks
		if m.prediction, err = plan.Predict(c); err != nil {
			env.Log.Debug("the job's memory cannot be planned", "error", err)
			return job, m, nil
		}
		job.Model.CheckpointBlocks = blocks
		if m.needed() <= m.free {
			break
		}
	}
	m.say(env, job)
	if p := m.prediction; m.free > 0 && p.OnDevice+p.Adapters > m.free {
		return job, m, m.explain(protocol.Faultf(protocol.CodeOutOfMemory, coordinator.MemoryFix, "the model alone does not fit on the GPU"))
	}
	return job, m, nil
}

// needed is what a GPU holds at most, with the tuples that are on their way to the host.
func (m *memoryPlan) needed() int64 {
	return m.prediction.Device() + min(m.prediction.Tuples, cuda.DefaultPinned)
}

// checkpointSettings are how blocks may be computed twice, the fastest way first: as the job
// says, or else as a GPU's memory asks for.
func checkpointSettings(job coordinator.Job, gpu bool) []int {
	set := job.ModelConfig().Checkpoints
	if set != 0 || !gpu || job.Model.Path == "" {
		return []int{set}
	}
	return []int{0, 4, 3, 2, 1}
}

// longestLoad is a participant's part of a round with texts as long as the job lets them be.
func longestLoad(job coordinator.Job, read jobData) plan.Load {
	if job.Model.Path == "" {
		return plan.Load{Images: job.Batch}
	}
	tokens := job.Eval.MaxLength
	if read.context > 0 {
		tokens = min(tokens, read.context)
	}
	load := plan.Load{Texts: slices.Repeat([]int{tokens}, job.Batch)}
	if read.task == data.SequenceToSequence {
		load.Targets = load.Texts
	}
	return load
}

// planOnGPU makes a plan one of a job that is computed on a GPU.
func planOnGPU(c *plan.Config) {
	c.PackedBytes, c.HiddenType, c.Pooled, c.Whole = cuda.PackedBytes, cuda.HiddenType, cuda.Pooled, true
}

// say tells the plan.
func (m *memoryPlan) say(env *cli.Env, job coordinator.Job) {
	p := m.prediction
	env.Log.Info("memory, at most", "weights", report.Size(p.Weights), "activations", report.Size(p.Activations), "tuples", report.Size(p.Tuples),
		"adapters", report.Size(p.Adapters), "mapped", report.Size(p.File))
	if m.free == 0 {
		return
	}
	env.Log.Info("memory of the GPU, at most", "needed", report.Size(m.needed()), "free", report.Size(m.free), "checkpoint_blocks", job.Model.CheckpointBlocks)
	if m.needed() > m.free {
		env.Log.Warn("texts as long as the job lets them be may not fit on the GPU; shorter ones will", "needed", report.Size(m.needed()), "free", report.Size(m.free))
	}
}

// explain adds the plan's numbers to an error that comes from a lack of memory.
func (m *memoryPlan) explain(err error) error {
	f, ok := errors.AsType[*protocol.Fault](err)
	if !ok || f.Code != protocol.CodeOutOfMemory || m.prediction == nil {
		return err
	}
	p, told := m.prediction, *f
	told.Cause += "; by the plan it needs up to " + report.Size(m.needed()) + " (weights " + report.Size(p.OnDevice) +
		", activations " + report.Size(p.Activations) + ", adapters " + report.Size(p.Adapters) + ", and tuples on their way) of the " + report.Size(m.free) + " that were free"
	return &told
}
