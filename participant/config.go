package participant

import (
	"context"
	"log/slog"
	"time"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// Config is what a participant runs with. [DefaultConfig] fills in all but Name, Dial
// and Data.
type Config struct {
	// Name is who the participant is in the job.
	Name string
	// Dial opens an authenticated connection to the coordinator.
	Dial func(ctx context.Context) (*protocol.Conn, error)
	// Data is the participant's own.
	Data data.Dataset
	// StateDir is where state and ledger live; empty keeps state in memory only.
	StateDir string
	// Out is the folder that gets adapter.safetensors and, where the job broadcasts
	// it, merged.safetensors at the end; empty writes neither.
	Out string
	// Device computes the fit.
	Device linalg.Device
	// MaxRows bounds the examples that are given in a round, whatever the job asks for;
	// 0 is no bound.
	MaxRows int
	// FirstContact is how long the coordinator may be out of reach at first; once it has
	// been reached, a lost one is waited for without end. 0 waits without end at first too.
	FirstContact time.Duration
	// Software is told to the coordinator: "cola 0.1.0".
	Software string
	// Observe is called after every round; it must not block.
	Observe func(Observation)
	// Log takes what people want to know.
	Log *slog.Logger
}

// DefaultConfig returns a Config that computes on the CPU and keeps nothing on disk.
func DefaultConfig() Config {
	return Config{
		Device:       linalg.NewCPU(),
		FirstContact: time.Minute,
		Software:     "cola",
		Observe:      func(Observation) {},
		Log:          slog.New(slog.DiscardHandler),
	}
}

// Observation is what a participant sees of a round.
type Observation struct {
	Round    uint64
	Rounds   uint64
	Loss     float64 // mean over its predictions: examples, or tokens of a language model
	Accuracy float64 // share of them that are right
}

// Result is what a finished participant leaves.
type Result struct {
	Version        uint64
	Rounds         uint64
	AdaptersSHA256 [32]byte // adapter.Digest
	Accuracy       float64  // on the coordinator's test set, if it told
	TestLoss       float64  // likewise
	BytesSent      int64
	BytesReceived  int64
}
