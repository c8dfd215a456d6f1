package adapter

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// FitAll fits at every site as [Fitter.Fit] does. With solver gradient the sites go side by side, each
// on one thread from its tuple to its step, where there are enough of them; what a site becomes does
// not depend on that. The error is that of the first site that failed, and names it; that site's
// adapter and optimizer are as they were, others may have been fitted.
func FitAll(fitters []*Fitter, learningRate float64) ([]FitReport, error) {
	reports, errs := make([]FitReport, len(fitters)), make([]error, len(fitters))
	fit := func(i int) { reports[i], errs[i] = fitters[i].Fit(learningRate) }
	if len(fitters) > 0 && fitters[0].solver.Name == "gradient" {
		linalg.Each(fitters[0].dev, len(fitters), fit)
	} else { // which takes all threads, and much memory
		for i := range fitters {
			fit(i)
		}
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", fitters[i].site.Name, err)
		}
	}
	return reports, nil
}
