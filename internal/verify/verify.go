package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Config says what to verify.
type Config struct {
	Seed   uint64   // of weights, adapters and examples
	Models []string // a subset of [Models]; empty: all

	subjects []subject // instead of the ones below, in tests that want small models
	// tamper changes evidence before it is judged, so that tests see the judge object.
	tamper func(precision Precision, e *evidence)
}

// UnknownModelError is returned by [Run] for a model that is not in [Models].
type UnknownModelError struct {
	Name string // as it was asked for
}

// Error names the model and those that exist.
func (e UnknownModelError) Error() string {
	return fmt.Sprintf("unknown model %q: use %s", e.Name, strings.Join(Models(), ", "))
}

// subject is a model to verify. Widths are the paper's; images are small ones, not
// square and of sizes that leave rows over and means to take where the model pools.
type subject struct {
	name   string
	config model.Config
}

var subjects = []subject{
	{"linear", model.Config{Type: "linear", Input: []int{12, 11, 1}, Classes: 10}},
	{"mlp", model.Config{Type: "mlp", Input: []int{12, 11, 1}, Classes: 10, Hidden: []int{128, 256}}},
	{"cnn", model.Config{Type: "cnn", Input: []int{17, 8, 2}, Classes: 10, Hidden: []int{64, 128, 256, 512}}},
}

// Models returns the names of the models that can be verified.
func Models() []string {
	var names []string
	for _, s := range subjects {
		names = append(names, s.name)
	}
	return names
}

// Run compares classical gradients with gradient learning on every model that cfg names
// and reports whether all expectations hold. An error means that a comparison could not
// be made, not that it failed.
func Run(ctx context.Context, cfg Config) (Report, error) {
	chosen := subjects
	if cfg.subjects != nil {
		chosen = cfg.subjects
	} else if len(cfg.Models) > 0 {
		chosen = nil
		for _, name := range cfg.Models {
			i := slices.IndexFunc(subjects, func(s subject) bool { return s.name == name })
			if i < 0 {
				return Report{}, UnknownModelError{name}
			}
			chosen = append(chosen, subjects[i])
		}
	}
	report := Report{Seed: cfg.Seed, Passed: true}
	for _, s := range chosen {
		list, err := examine(ctx, cfg, s)
		if err != nil {
			return Report{}, fmt.Errorf("verify %s: %w", s.name, err)
		}
		report.Rows = append(report.Rows, list...)
	}
	for _, row := range report.Rows {
		report.Passed = report.Passed && row.OK
	}
	return report, nil
}

// examine gathers one model's evidence in both precisions at once, and judges it.
func examine(ctx context.Context, cfg Config, s subject) ([]Row, error) {
	f, err := newFixture(ctx, linalg.NewCPU(), s, cfg.Seed)
	if err != nil {
		return nil, err
	}
	var single, double evidence
	var group errgroup.Group
	group.Go(func() (err error) { single, err = gatherFloat32(ctx, f); return err })
	group.Go(func() (err error) { double, err = gatherFloat64(ctx, f); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if cfg.tamper != nil {
		cfg.tamper(Float32, &single)
		cfg.tamper(Float64, &double)
	}
	return rows(f, single, double), nil
}
