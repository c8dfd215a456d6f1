package coordinator

import (
	"log/slog"
	"time"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// Config is what a coordinator runs with, beside its job. [DefaultConfig] fills in all
// but Job and Listener.
type Config struct {
	// Job is what to do.
	Job Job
	// Listener yields authenticated connections of participants. Run closes it.
	Listener protocol.Listener
	// Devices compute the pass: one, or several that share the participants. Each holds the
	// whole base model.
	Devices []linalg.Device
	// StateDir is where commit records live; empty keeps state in memory only, so that
	// a crash begins again.
	StateDir string
	// Test is the common test set; nil for none.
	Test data.Dataset
	// Validation says which commit is the best, where the job keeps it; nil for none.
	Validation data.Dataset
	// Tokenizer is the fingerprint of the base model's own tokenizer: participants must have
	// the same. Empty: it is not known.
	Tokenizer string
	// Linger is how long a finished coordinator waits for participants that have not
	// fetched the final commit.
	Linger time.Duration
	// Observe is called from the loop after every round; it must not block.
	Observe func(Observation)
	// Log takes what people want to know.
	Log *slog.Logger
}

// DefaultConfig returns a Config that computes on the CPU, keeps nothing on disk and
// tells nobody.
func DefaultConfig() Config {
	return Config{
		Devices: []linalg.Device{linalg.NewCPU()},
		Linger:  time.Minute,
		Observe: func(Observation) {},
		Log:     slog.New(slog.DiscardHandler),
	}
}

// Observation is what can be seen of a job after a round.
type Observation struct {
	Round        uint64 // rounds done
	Rounds       uint64
	Version      uint64 // commits done
	Participants []string
	Loss         float64            // mean over participants of their training loss in this round
	Accuracy     map[string]float64 // by participant, share of the test set's predictions; nil where not evaluated, and of a regression
	TestLoss     map[string]float64
}

// Result is what a finished job leaves.
type Result struct {
	Rounds         uint64
	Version        uint64
	Participants   []string           // ascending
	Language       bool               // the model is one of language: accuracy counts tokens
	Regression     bool               // the model predicts numbers: there is no accuracy
	Accuracy       map[string]float64 // on the test set; nil without one, and of a regression
	TestLoss       map[string]float64
	BytesSent      int64 // by the coordinator, on the wire below TLS
	BytesReceived  int64
	AdaptersSHA256 string        // adapter.DigestAll of the participants' last committed adapters
	Pass           time.Duration // spent in forward and backward passes
	Wait           time.Duration // spent waiting for participants
	Total          time.Duration
	PeakMemory     int64 // of the process, in bytes, while the job ran
}
