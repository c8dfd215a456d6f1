package linalg_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/linalgtest"
)

func TestCPUConformance(t *testing.T) { linalgtest.Conformance(t, linalg.NewCPU()) }
