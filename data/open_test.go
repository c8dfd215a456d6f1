package data_test

import (
	"strings"
	"testing"

	"github.com/gradientlearning/cola/data"
)

func TestOpenRefuses(t *testing.T) {
	for spec, says := range map[string]string{
		"":                                    "is no data set",
		"cifar":                               "is no data set",
		"mnist:":                              "mnist:test",
		"mnist:validation":                    "mnist:test",
		"idx":                                 "names no folder",
		"idx::test":                           "names no folder",
		"synthetic":                           "1 fields after the name",
		"synthetic:10:2x2x1:2":                "3 fields after the name",
		"synthetic:ten:2x2x1:2:1":             `examples: "ten" is not a whole number`,
		"synthetic:0:2x2x1:2:1":               "examples",
		"synthetic:99999999:2x2x1:2:1":        "from 1 to 16777216",
		"synthetic:10:2x2:2:1":                "2 dimensions, not 3",
		"synthetic:10:2x2x1x1:2:1":            "4 dimensions, not 3",
		"synthetic:10:2xax1:2:1":              `shape: "a" is not`,
		"synthetic:10:4096x4096x4096:2:1":     "one example may not have more than",
		"synthetic:10:2x2x1:11:1":             "classes: \"11\" is not a whole number from 1 to 10",
		"synthetic:99999:4096x1024x1:5:1":     "from 1 to 4",
		"synthetic:10:2x2x1:2:-1":             "seed",
		"synthetic:10:2x2x1:2:1:more":         "5 fields",
		"synthetic:10:2x2x1:2:1e3":            "seed",
		"synthetic:10:99999999999999x2x1:2:1": "shape",
	} {
		_, err := data.Open(spec)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Open(%q): %v, want an error that says %q", spec, err, says)
		}
		if err != nil && !strings.Contains(err.Error(), spec) {
			t.Errorf("Open(%q): %v does not repeat what was asked", spec, err)
		}
	}
}
