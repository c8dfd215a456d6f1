package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/participant"
	"github.com/gradientlearning/cola/protocol"
)

// Config says what to simulate. Job and Train are needed.
type Config struct {
	// Job is the collaborative job. The other collaborations are derived from it.
	Job coordinator.Job
	// Collaborations to run, in order.
	Collaborations []coordinator.Collaboration
	// Train is split between the participants.
	Train data.Dataset
	// Split returns part of parts of a set; nil is [data.ByLabel].
	Split func(ds data.Dataset, part, parts int) data.Dataset
	// Test is the common test set; nil for none.
	Test data.Dataset
	// Validation says which commit is the best, where the job keeps it; nil for none.
	Validation data.Dataset
	// Tokenizer is the fingerprint of the base model's own; empty: it is not known.
	Tokenizer string
	// Devices compute the coordinator's passes; nil: the CPU, as the participants' fits always.
	Devices []linalg.Device
	// Network connects them; nil is in memory.
	Network Network
	// Out is the folder that gets the finished adapters, of [Run] in a folder for each
	// collaboration, in a folder for each participant; empty writes none.
	Out string
	// Observe is told of every round, by collaboration; it must not block.
	Observe func(coordinator.Collaboration, coordinator.Observation)
	// Log takes what people want to know.
	Log *slog.Logger
}

// Network connects participants to a coordinator.
type Network interface {
	// Listen is called once for each run.
	Listen(ctx context.Context) (protocol.Listener, error)
	// Dial connects a participant to the last listener.
	Dial(ctx context.Context, participant string) (*protocol.Conn, error)
}

// Run trains in each collaboration and reports.
func Run(ctx context.Context, cfg Config) (*report.Report, error) {
	if cfg.Observe == nil {
		cfg.Observe = func(coordinator.Collaboration, coordinator.Observation) {}
	}
	begin := time.Now()
	r := &report.Report{
		Task: cfg.Job.Name, Participants: cfg.Job.Participants, Rounds: int(cfg.Job.Rounds), Modes: map[string]*report.Mode{},
		Language: language(cfg.Train.Format().Task), Regression: cfg.Train.Format().Regression(),
	}
	for _, collaboration := range cfg.Collaborations {
		mode, err := runMode(ctx, cfg, collaboration)
		if err != nil {
			return nil, err
		}
		r.Modes[string(collaboration)] = mode
	}
	r.Seconds = time.Since(begin).Seconds()
	return r, nil
}

// language says whether a task is a language model's, whose predictions are tokens.
func language(task data.Task) bool { return task == data.CausalLM || task == data.SequenceToSequence }

// JobFor derives the job of one collaboration: joint has one participant with as many
// examples a round as all together, and a mode that the collaboration cannot have gives way
// to its own.
func JobFor(job coordinator.Job, collaboration coordinator.Collaboration) coordinator.Job {
	job.Collaboration = collaboration
	switch collaboration {
	case coordinator.Alone:
		if job.Mode == model.Merged {
			job.Mode = ""
		}
	case coordinator.Joint:
		job.Batch *= job.Participants
		job.Participants, job.Quorum = 1, 0
	case coordinator.Collaborative:
		if job.Mode != model.Merged {
			job.Mode = ""
		}
	}
	return job
}

// Names returns the names of a job's participants: p0 to p7, and as wide for more.
func Names(participants int) []string {
	width := len(strconv.Itoa(participants - 1))
	names := make([]string, participants)
	for i := range names {
		names[i] = fmt.Sprintf("p%0*d", width, i)
	}
	return names
}

// runMode runs one job to its end.
func runMode(ctx context.Context, cfg Config, collaboration coordinator.Collaboration) (*report.Mode, error) {
	debug.FreeOSMemory() // what an earlier mode left is not this one's
	begin := time.Now()
	mode := &report.Mode{Names: Names(cfg.Job.Participants)}
	all := mode.Names
	cfg.Job = JobFor(cfg.Job, collaboration)
	if collaboration == coordinator.Joint {
		all = []string{"joint"}
	}
	if cfg.Out != "" {
		cfg.Out = filepath.Join(cfg.Out, string(collaboration))
	}
	observe := cfg.Observe
	cfg.Observe = func(c coordinator.Collaboration, o coordinator.Observation) {
		mode.Curve = append(mode.Curve, point(o))
		observe(c, o)
	}
	split := cfg.Split
	if split == nil {
		split = data.ByLabel
	}
	result, err := Federate(ctx, cfg, all, func(i int) data.Dataset { return split(cfg.Train, i, len(all)) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", collaboration, err)
	}
	mode.Seconds = time.Since(begin).Seconds()
	for _, name := range mode.Names {
		if collaboration == coordinator.Joint {
			name = all[0] // one model serves everyone
		}
		mode.Accuracy = append(mode.Accuracy, result.Accuracy[name])
		if loss, tested := result.TestLoss[name]; tested {
			mode.Losses = append(mode.Losses, loss)
		}
		mode.AccuracyMean += result.Accuracy[name] / float64(len(mode.Names))
		mode.Loss += result.TestLoss[name] / float64(len(mode.Names))
	}
	mode.BytesSent, mode.BytesReceived, mode.PeakMemory = result.BytesSent, result.BytesReceived, result.PeakMemory
	mode.AdaptersSHA256 = result.AdaptersSHA256
	return mode, nil
}

func point(o coordinator.Observation) report.Point {
	p := report.Point{Round: int(o.Round), Loss: o.Loss}
	for _, name := range o.Participants {
		if a, ok := o.Accuracy[name]; ok {
			p.Accuracy = append(p.Accuracy, a)
		}
		if loss, ok := o.TestLoss[name]; ok {
			p.TestLoss = append(p.TestLoss, loss)
		}
	}
	return p
}

// Federate runs the job once, with one participant for each name on its own data, and
// returns when everyone is done or one of them has failed.
func Federate(ctx context.Context, cfg Config, names []string, own func(i int) data.Dataset) (*coordinator.Result, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	network := cfg.Network
	if network == nil {
		network = &memoryNetwork{}
	}
	// What a person wants to know of many parties in one process is told by Observe.
	cfg.Log = telemetry.AtLeast(slog.LevelWarn, cfg.Log)
	listener, err := network.Listen(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	device := linalg.NewCPU()

	failed := make(chan error, len(names)) // a nil for each that is done
	for i, name := range names {
		c := participant.DefaultConfig()
		c.Name, c.Data, c.Device, c.Log = name, own(i), device, cfg.Log
		c.Dial = func(ctx context.Context) (*protocol.Conn, error) { return network.Dial(ctx, name) }
		if cfg.Out != "" {
			c.Out = filepath.Join(cfg.Out, name)
		}
		go func() {
			_, err := participant.Run(ctx, c)
			if err != nil {
				cancel(err)
			}
			failed <- err
		}()
	}
	c := coordinator.DefaultConfig()
	c.Job, c.Listener, c.Log = cfg.Job, listener, cfg.Log
	if cfg.Devices != nil {
		c.Devices = cfg.Devices
	}
	c.Test, c.Validation, c.Tokenizer = cfg.Test, cfg.Validation, cfg.Tokenizer
	if cfg.Observe != nil {
		c.Observe = func(o coordinator.Observation) { cfg.Observe(cfg.Job.Collaboration, o) }
	}
	result, err := coordinator.Run(ctx, c)
	if err != nil {
		cancel(err)
	}
	for range names {
		if perr := <-failed; err == nil && perr != nil {
			err = perr
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return result, err
}

// memoryNetwork connects in memory.
type memoryNetwork struct{ listener *protocol.PipeListener }

func (n *memoryNetwork) Listen(context.Context) (protocol.Listener, error) {
	n.listener = protocol.NewPipeListener()
	return n.listener, nil
}

func (n *memoryNetwork) Dial(ctx context.Context, name string) (*protocol.Conn, error) {
	return n.listener.Dial(ctx, name)
}
