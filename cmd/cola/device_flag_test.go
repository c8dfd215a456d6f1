package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/protocol"
)

func TestChooseDevices(t *testing.T) {
	missing := cuda.Component{Library: "libcuda", Problem: "it is not there"}
	found := cuda.Component{Library: "libcuda", Path: "/lib/libcuda.so.1"}
	gpu := func(n int, problem string) cuda.DeviceInfo {
		return cuda.DeviceInfo{Ordinal: n, Name: "GPU", Problem: problem}
	}
	none := cuda.Report{Driver: missing, BLAS: missing}
	three := cuda.Report{Driver: found, Devices: []cuda.DeviceInfo{gpu(0, ""), gpu(1, "is too old"), gpu(2, "")}}
	old := cuda.Report{Driver: found, Devices: []cuda.DeviceInfo{gpu(0, "is too old")}}
	noBLAS := cuda.Report{Driver: found, BLAS: cuda.Component{Library: "libcublasLt", Problem: "it is not there"}, Devices: three.Devices}
	for _, c := range []struct {
		name   string
		report cuda.Report
		want   []int
		why    string        // part of it
		broken bool          // a driver, and no GPU
		code   protocol.Code // of the fault, if one is wanted
	}{
		{name: "cpu", report: three},
		{name: "auto", report: none, why: "libcuda cannot be used: it is not there"},
		{name: "auto", report: three, want: []int{0, 2}, why: "there is a GPU"},
		{name: "auto", report: old, why: "is too old", broken: true},
		{name: "auto", report: noBLAS, why: "libcublasLt cannot be used", broken: true},
		{name: "cuda", report: three, want: []int{0, 2}},
		{name: "cuda:2", report: three, want: []int{2}},
		{name: "cuda:2,0", report: three, want: []int{2, 0}},
		{name: "cuda", report: none, code: protocol.CodeNoDevice},
		{name: "cuda:0", report: noBLAS, code: protocol.CodeNoDevice},
		{name: "cuda:1", report: three, code: protocol.CodeNoDevice},
		{name: "cuda:0,0", report: three, code: protocol.CodeUsage},
		{name: "cuda:x", report: three, code: protocol.CodeUsage},
		{name: "gpu", report: three, code: protocol.CodeUsage},
	} {
		got, err := chooseDevices(c.name, func() cuda.Report { return c.report })
		if c.code != "" {
			if protocol.AsFault(err).Code != c.code {
				t.Errorf("%s: %v, want a fault %s", c.name, err, c.code)
			}
			continue
		}
		if err != nil || !slices.Equal(got.ordinals, c.want) || !strings.Contains(got.why, c.why) || c.why == "" && got.why != "" || got.broken != c.broken {
			t.Errorf("%s: %+v, %v, want %v because of %q", c.name, got, err, c.want, c.why)
		}
	}
}
