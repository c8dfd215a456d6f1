package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/golden"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// goldenResult is what cola verify --golden --json prints.
type goldenResult struct {
	Passed    bool             `json:"passed"`
	Tolerance float64          `json:"tolerance"`
	Folders   []*golden.Report `json:"folders"`
}

// golden compares with folders of reference numbers.
func (v *verifyVerb) golden(env *cli.Env) (err error) {
	if !(v.Tolerance >= 0) {
		return &protocol.Fault{Code: protocol.CodeUsage, Cause: fmt.Sprintf("--tolerance %g", v.Tolerance), Fix: "give a number from 0"}
	}
	devices, err := openDevice(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	result := goldenResult{Passed: true, Tolerance: v.Tolerance}
	var worst golden.Row
	var where string
	for _, path := range v.Golden {
		report, err := v.compareGolden(devices.list[0], path)
		if err != nil {
			return protocol.Faultf(protocol.CodeBadData, "give a folder of the form in docs/golden.md, with the model that its numbers belong to", "%w", err)
		}
		result.Folders = append(result.Folders, report)
		for _, row := range report.Rows {
			if !(row.Error <= v.Tolerance) {
				result.Passed = false
				if !(row.Error <= worst.Error) {
					worst, where = row, path
				}
			}
		}
	}
	if err := v.printGolden(env.Stdout, result); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if result.Passed {
		return nil
	}
	return protocol.Faultf(protocol.CodeVerifyFailed, "look at the worst tensors in the report: the first layer that is off is where the two differ",
		"%s of %s is off by %.2g, more than %g", worst.Tensor, where, worst.Error, v.Tolerance)
}

func (v *verifyVerb) compareGolden(dev linalg.Device, path string) (*golden.Report, error) {
	folder, err := golden.Read(path)
	if err != nil {
		return nil, err
	}
	folder.Precision = benchPrecision{Compute: v.Compute}.precision()
	return golden.Compare(dev, folder)
}

// printGolden prints the worst tensor of each kind, or everything as JSON.
func (v *verifyVerb) printGolden(out io.Writer, result goldenResult) error {
	if v.JSON {
		return json.NewEncoder(out).Encode(result)
	}
	for _, report := range result.Folders {
		if _, err := fmt.Fprintf(out, "%s: %s, %s\n", report.Folder, report.Type, report.Task); err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, kind := range golden.Kinds {
			if worst, ok := report.Worst(kind); ok {
				verdict := ""
				if !(worst.Error <= v.Tolerance) {
					verdict = "too much"
				}
				fmt.Fprintf(w, "  %s\t%.1e\t%s\t%s\n", kind, worst.Error, worst.Tensor, verdict)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := v.printRemarks(out, report); err != nil {
			return err
		}
	}
	return nil
}

// printRemarks prints what was not compared and, where something is off, what in the folder
// may be why.
func (v *verifyVerb) printRemarks(out io.Writer, report *golden.Report) error {
	if len(report.Ignored) > 0 {
		if _, err := fmt.Fprintf(out, "  not compared: %s\n", strings.Join(report.Ignored, ", ")); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(report.Rows, func(row golden.Row) bool { return !(row.Error <= v.Tolerance) }) {
		return nil
	}
	for _, note := range report.Notes {
		if _, err := fmt.Fprintf(out, "  note: %s\n", note); err != nil {
			return err
		}
	}
	return nil
}
