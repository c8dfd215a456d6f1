// Package report says how a federation went: live while it runs ([Progress]), as a
// table for people, as JSON for programs, and as one self-contained HTML page with
// learning curves.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// Report is the outcome of a whole task: the same participants trained in several modes.
// Its JSON names are an interface; do not change them.
type Report struct {
	Task         string           `json:"task"`
	Participants int              `json:"participants"`
	Rounds       int              `json:"rounds"`
	Seconds      float64          `json:"seconds"`
	Modes        map[string]*Mode `json:"modes"` // by name: "alone", "joint", "collaborative"
	// Language says that the model is one of language: people are shown losses first, and
	// accuracy is the share of tokens that were the likeliest.
	Language bool `json:"-"`
	// Regression says that predictions are numbers: there is no accuracy, only losses.
	Regression bool `json:"-"`
}

// Mode is the outcome of one mode.
type Mode struct {
	AccuracyMean   float64   `json:"accuracy_mean"`
	Accuracy       []float64 `json:"accuracy"`         // share of the test set's predictions that are right, 0 to 1, by participant
	Loss           float64   `json:"loss"`             // on the test set at the end, mean over participants
	Losses         []float64 `json:"losses,omitempty"` // by participant; none without a test set
	Seconds        float64   `json:"seconds"`
	BytesSent      int64     `json:"bytes_sent"`     // by the coordinator, frames and all
	BytesReceived  int64     `json:"bytes_received"` // by the coordinator
	PeakMemory     int64     `json:"peak_memory_bytes"`
	AdaptersSHA256 string    `json:"adapters_sha256"` // adapter.DigestAll of the final adapters, hex
	Names          []string  `json:"-"`               // of the participants, in the order of Accuracy
	Curve          []Point   `json:"-"`
}

// Point is one round of a learning curve.
type Point struct {
	Round    int
	Loss     float64   // mean training loss over participants
	Accuracy []float64 // per participant, nil where not evaluated
	TestLoss []float64 // likewise
}

// WriteJSON writes the report as one JSON object.
func WriteJSON(w io.Writer, r Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// order returns the names of the modes from the lower reference to what is compared:
// alone, joint, collaborative, then any others by name.
func (r Report) order() []string {
	known := []string{"alone", "joint", "collaborative"}
	rank := func(name string) int {
		if i := slices.Index(known, name); i >= 0 {
			return i
		}
		return len(known)
	}
	return slices.SortedFunc(maps.Keys(r.Modes), func(a, b string) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
}

// people returns the names of the participants: those of the mode that has most of
// them (joint has one, who holds everybody's data).
func (r Report) people() []string {
	var names []string
	for _, name := range r.order() {
		if m := r.Modes[name]; len(m.Accuracy) > len(names) {
			names = make([]string, len(m.Accuracy))
			for i := range names {
				names[i] = m.name(i)
			}
		}
	}
	return names
}

func (m *Mode) name(i int) string {
	if i < len(m.Names) {
		return m.Names[i]
	}
	return fmt.Sprintf("p%d", i+1)
}

// mean returns the mean of xs, NaN if there are none.
func mean(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}
