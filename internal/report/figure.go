package report

import "math"

// figure is what a report shows of every participant: accuracy, or of language models and
// regressions the loss.
type figure struct {
	label string // in the table
	title string // of its chart
	id    string
	mean  func(*Mode) float64
	all   func(*Mode) []float64
	point func(Point) []float64
	write func(float64) string
	top   float64 // of its charts; 0: the largest value
}

var accuracy = figure{
	label: "test accuracy", title: "Test accuracy, mean over participants", id: "accuracy",
	mean: func(m *Mode) float64 { return m.AccuracyMean }, all: func(m *Mode) []float64 { return m.Accuracy },
	point: func(p Point) []float64 { return p.Accuracy }, write: percent, top: 1,
}

var testLoss = figure{
	label: "test loss", title: "Test loss, mean over participants", id: "test-loss",
	mean: (*Mode).testedLoss, all: func(m *Mode) []float64 { return m.Losses },
	point: func(p Point) []float64 { return p.TestLoss }, write: number,
}

// testedLoss is the loss where there was a test set, else not a number.
func (m *Mode) testedLoss() float64 {
	if len(m.Losses) == 0 {
		return math.NaN()
	}
	return m.Loss
}

// figure returns what the report leads with.
func (r Report) figure() figure {
	if r.Language || r.Regression {
		return testLoss
	}
	return accuracy
}

// of returns a participant's value by name.
func (f figure) of(m *Mode, name string) (float64, bool) {
	for i, v := range f.all(m) {
		if m.name(i) == name {
			return v, true
		}
	}
	return 0, false
}

// curve returns the values of a participant over rounds; where one model was tested for all,
// that model's.
func (f figure) curve(m *Mode, person string) []xy {
	own := -1
	for i := range f.all(m) {
		if m.name(i) == person {
			own = i
		}
	}
	var points []xy
	for _, p := range m.Curve {
		switch values := f.point(p); {
		case len(values) == 1:
			points = append(points, xy{p.Round, values[0]})
		case own >= 0 && own < len(values):
			points = append(points, xy{p.Round, values[own]})
		}
	}
	return points
}

// meanCurve returns the mean over participants, over rounds.
func (f figure) meanCurve(m *Mode) []xy {
	var points []xy
	for _, p := range m.Curve {
		if values := f.point(p); len(values) > 0 {
			points = append(points, xy{p.Round, mean(values)})
		}
	}
	return points
}

// chart draws a figure.
func (f figure) chart(in frame, id, title string, all []series) *chart {
	top := f.top
	if top == 0 {
		top = highest(all)
	}
	return newChart(in, id, title, all, top, f.write)
}

// highest returns the largest value, 1 if none is above 0.
func highest(all []series) float64 {
	top := 0.0
	for _, s := range all {
		for _, p := range s.points {
			top = max(top, p.value)
		}
	}
	if top == 0 {
		top = 1
	}
	return top
}
