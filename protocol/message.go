package protocol

// Kind numbers a message on the wire. Never renumber.
type Kind uint8

// The kinds of messages.
const (
	KindHello    Kind = 1
	KindWelcome  Kind = 2
	KindOpen     Kind = 3
	KindBatch    Kind = 4
	KindTuples   Kind = 5
	KindLoss     Kind = 6
	KindUpdate   Kind = 7
	KindCommit   Kind = 8
	KindEval     Kind = 9
	KindProgress Kind = 10
	KindError    Kind = 11
	KindBye      Kind = 12
	KindEnroll   Kind = 13
	KindEnrolled Kind = 14
)

// Message is one of the structs below, always handled by pointer. Its exported fields
// travel in the msgpack header, its Sections raw behind it.
type Message interface {
	Kind() Kind
}

// Hello opens a session, from participant to coordinator.
type Hello struct {
	MinVersion  uint16 `msgpack:"min"`
	MaxVersion  uint16 `msgpack:"max"`
	Participant string `msgpack:"name"`
	Software    string `msgpack:"software"` // "cola 0.1.0 linux/amd64"
	Job         string `msgpack:"job"`      // the job that its state belongs to; empty at first
	Data        Data   `msgpack:"data"`
	// States are the commit versions that the participant can continue from.
	States []uint64 `msgpack:"states"`
}

// Data says of a participant's data what the coordinator must know, and no more.
type Data struct {
	Examples int    `msgpack:"examples"`
	Task     string `msgpack:"task"`    // image-cls, seq-cls, causal-lm or seq2seq-lm
	Shape    []int  `msgpack:"shape"`   // of one image: 28, 28, 1; empty for text
	Classes  int    `msgpack:"classes"` // 1 + the largest label; 1 of a regression; 0 of language models
	// Vocabulary is 1 + the largest token id that may come, Longest the most tokens of a
	// text or target, and Tokenizer the fingerprint of what made the ids.
	Vocabulary int    `msgpack:"vocabulary"`
	Longest    int    `msgpack:"longest"`
	Tokenizer  string `msgpack:"tokenizer"`
}

// Welcome answers Hello.
type Welcome struct {
	Version  uint16    `msgpack:"version"` // of the protocol, the highest that both speak
	Job      Job       `msgpack:"job"`
	Adapters []Adapter `msgpack:"adapters"` // the participant's, one a site
	Sites    []Site    `msgpack:"sites"`
	// Resume is the commit version whose state the participant continues from: the
	// last one that holds an update of its; 0 means from the beginning.
	Resume uint64 `msgpack:"resume"`
	// Best is the version whose state the participant keeps beside its last ones: what it
	// would end with, see [Commit].
	Best  uint64 `msgpack:"best"`
	Round uint64 `msgpack:"round"` // the next round to be opened
}

// Job is the coordinator's job as participants need it.
type Job struct {
	ID            string    `msgpack:"id"` // hex digest, the same for the same job
	Name          string    `msgpack:"name"`
	Seed          uint64    `msgpack:"seed"`
	Rounds        uint64    `msgpack:"rounds"`
	Interval      uint64    `msgpack:"interval"`
	Batch         int       `msgpack:"batch"` // examples a round and participant
	Collaboration string    `msgpack:"collaboration"`
	Mode          string    `msgpack:"mode"`
	Solver        Solver    `msgpack:"solver"`
	Optimizer     Optimizer `msgpack:"optimizer"`
	Schedule      Schedule  `msgpack:"schedule"`
	Encoding      Encoding  `msgpack:"encoding"` // of the sections of Batch and Tuples
	// CompressUpdates says that Update and Commit are compressed where it pays.
	CompressUpdates bool `msgpack:"compress_updates"`
}

// Solver says how the regression is solved; see package adapter.
type Solver struct {
	Name  string  `msgpack:"name"`
	Steps int     `msgpack:"steps"`
	Ridge float64 `msgpack:"ridge"`
}

// Optimizer names an optimizer and its settings; see package adapter.
type Optimizer struct {
	Name         string  `msgpack:"name"`
	LearningRate float64 `msgpack:"lr"`
	Momentum     float64 `msgpack:"momentum"`
	Nesterov     bool    `msgpack:"nesterov"`
	Beta1        float64 `msgpack:"beta1"`
	Beta2        float64 `msgpack:"beta2"`
	Epsilon      float64 `msgpack:"epsilon"`
	WeightDecay  float64 `msgpack:"decay"`
	ClipNorm     float64 `msgpack:"clip"`
}

// Schedule names a learning-rate schedule; see package adapter.
type Schedule struct {
	Name   string  `msgpack:"name"`
	Warmup float64 `msgpack:"warmup"` // share of all optimizer steps
}

// Adapter is the specification of a participant's adapter at one site.
type Adapter struct {
	Kind   string  `msgpack:"kind"`
	Rank   int     `msgpack:"rank"`
	Scale  float64 `msgpack:"scale"`
	Hidden []int   `msgpack:"hidden"`
	Bias   bool    `msgpack:"bias"`
}

// Site is a site as it travels; package adapter explains the fields.
type Site struct {
	Name  string `msgpack:"name"`
	Kind  string `msgpack:"kind"` // linear, conv2d or embedding
	In    int    `msgpack:"in"`
	Out   int    `msgpack:"out"`
	Bias  bool   `msgpack:"bias"`
	Conv  []int  `msgpack:"conv"` // of conv2d: height, width, channels, kernel, stride, padding
	Group int    `msgpack:"group"`
	Head  bool   `msgpack:"head"`
}

// Open opens a round for a participant and asks for its batch.
type Open struct {
	Round uint64 `msgpack:"round"`
	Rows  int    `msgpack:"rows"` // examples
	// Start is the first round of the interval: tuples of earlier rounds that the
	// participant still holds are to be forgotten.
	Start uint64 `msgpack:"start"`
	// End is the round after the interval's last one.
	End uint64 `msgpack:"end"`
	// Version is the commit that the interval's updates are meant for.
	Version uint64 `msgpack:"version"`
}

// Batch carries the inputs and labels of a round. Sections: "inputs" (images (examples,
// height, width, channels) in F32, or token ids (tokens) in I32), "labels" (I32; F32 of a
// regression); of text "starts", the first token of each example (I32), and where targets
// have tokens of their own "label_starts", the first token of each target (I32).
type Batch struct {
	Round    uint64    `msgpack:"round"`
	Sections []Section `msgpack:"-"`
}

// Tuples carries one site group's rows of one round. Sections: "x" (F32; at an embedding
// the ids, I32), then "g.<site>" (F32) for each site of the group in order.
type Tuples struct {
	Round    uint64    `msgpack:"round"`
	Group    int       `msgpack:"group"`
	Last     bool      `msgpack:"last"` // the round's last group for this participant
	Sections []Section `msgpack:"-"`
}

// Loss reports the pass to a participant: its own predictions only. A prediction is a row
// of logits that has a label: an example, or of a language model a token.
type Loss struct {
	Round   uint64  `msgpack:"round"`
	Loss    float64 `msgpack:"loss"`    // mean over its predictions
	Rows    int     `msgpack:"rows"`    // predictions
	Correct int     `msgpack:"correct"` // of them; 0 of a regression
}

// Update carries a participant's adapters after a fit. Sections: "<site>.<param>".
type Update struct {
	Version  uint64    `msgpack:"version"` // the commit that it is meant for
	Round    uint64    `msgpack:"round"`   // the last round of the interval
	Rows     int       `msgpack:"rows"`    // examples that it was fitted to
	Digest   []byte    `msgpack:"digest"`  // adapter.Digest of the adapters
	Sections []Section `msgpack:"-"`
}

// Commit says that a version is durable. Sections: the merged update
// ("<site>.weight", "<site>.bias") where the job broadcasts it, else none.
type Commit struct {
	Version  uint64 `msgpack:"version"`
	Round    uint64 `msgpack:"round"`
	Included bool   `msgpack:"included"` // this participant's update is part of it
	Final    bool   `msgpack:"final"`    // the job is done
	// Best is the version of the participant's own state that it would end with, and ends
	// with when Final: that of its last update, or where the job keeps the best commit that
	// of its last update in it; 0 is its state at the beginning. It keeps this state.
	Best     uint64    `msgpack:"best"`
	Members  int       `msgpack:"members"` // participants whose updates are part of it
	Sections []Section `msgpack:"-"`
}

// Eval reports a participant's metrics on the coordinator's evaluation data.
type Eval struct {
	Round    uint64  `msgpack:"round"`
	Loss     float64 `msgpack:"loss"`     // mean over the predictions
	Accuracy float64 `msgpack:"accuracy"` // share of the predictions that are right
	Examples int     `msgpack:"examples"`
}

// Progress says what its sender is doing; it is sent when nothing else was for a while.
type Progress struct {
	Round uint64 `msgpack:"round"`
	Stage string `msgpack:"stage"`
}

// Error carries a [Fault]; the session ends after it.
type Error struct {
	Code        string `msgpack:"code"`
	Cause       string `msgpack:"cause"`
	Fix         string `msgpack:"fix"`
	Participant string `msgpack:"participant"`
	Round       uint64 `msgpack:"round"`
}

// Bye ends a session in order: the sender is done, or leaves and may come back.
type Bye struct {
	Reason string `msgpack:"reason"` // "done", "leaving"
}

// Enroll asks for a certificate, on a connection without one.
type Enroll struct {
	Token       string `msgpack:"token"`
	Participant string `msgpack:"name"`
	Request     []byte `msgpack:"csr"` // PKCS #10, DER
}

// Enrolled answers Enroll.
type Enrolled struct {
	Certificate []byte `msgpack:"certificate"` // X.509, DER
	Authority   []byte `msgpack:"authority"`   // X.509, DER
}

// Kind numbers the message.
func (*Hello) Kind() Kind    { return KindHello }
func (*Welcome) Kind() Kind  { return KindWelcome }
func (*Open) Kind() Kind     { return KindOpen }
func (*Batch) Kind() Kind    { return KindBatch }
func (*Tuples) Kind() Kind   { return KindTuples }
func (*Loss) Kind() Kind     { return KindLoss }
func (*Update) Kind() Kind   { return KindUpdate }
func (*Commit) Kind() Kind   { return KindCommit }
func (*Eval) Kind() Kind     { return KindEval }
func (*Progress) Kind() Kind { return KindProgress }
func (*Error) Kind() Kind    { return KindError }
func (*Bye) Kind() Kind      { return KindBye }
func (*Enroll) Kind() Kind   { return KindEnroll }
func (*Enrolled) Kind() Kind { return KindEnrolled }
