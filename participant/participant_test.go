package participant_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/participant"
	"github.com/gradientlearning/cola/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a scripted coordinator of one participant, ada.
type office struct {
	t        *testing.T
	ctx      context.Context
	listener *protocol.PipeListener
	cfg      participant.Config
	conn     *protocol.Conn
	result   *participant.Result
	err      error
	ended    chan struct{}
	stop     context.CancelFunc
}

func newOffice(t *testing.T, dir string) *office {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	o := &office{t: t, ctx: ctx, listener: protocol.NewPipeListener()}
	o.cfg = participant.DefaultConfig()
	o.cfg.Name, o.cfg.StateDir, o.cfg.Out = "ada", dir, dir
	o.cfg.Data = data.Synthetic(20, []int{2, 1, 1}, 2, 1)
	o.cfg.Dial = func(ctx context.Context) (*protocol.Conn, error) { return o.listener.Dial(ctx, "ada") }
	t.Cleanup(func() {
		if o.stop != nil {
			o.stop()
			<-o.ended
		}
	})
	return o
}

// start runs the participant and takes its connection up to Hello.
func (o *office) start() *protocol.Hello {
	o.t.Helper()
	var ctx context.Context
	ctx, o.stop = context.WithCancel(o.ctx)
	o.ended = make(chan struct{})
	go func(ended chan struct{}) {
		o.result, o.err = participant.Run(ctx, o.cfg)
		close(ended)
	}(o.ended)
	return o.accept()
}

func (o *office) accept() *protocol.Hello {
	o.t.Helper()
	conn, err := o.listener.Accept()
	if err != nil {
		o.t.Fatal(err)
	}
	o.conn = conn
	o.t.Cleanup(func() { conn.Close() }) //nolint:errcheck // the test is over
	conn.SetPatience(10 * time.Second)
	return receive[*protocol.Hello](o)
}

// receive returns the next message, which must be of this type.
func receive[M protocol.Message](o *office) M {
	o.t.Helper()
	m, err := o.conn.Receive()
	if err != nil {
		o.t.Fatal(err)
	}
	got, ok := m.(M)
	if !ok {
		o.t.Fatalf("received %v: %+v", m.Kind(), m)
	}
	return got
}

func (o *office) send(m protocol.Message) {
	o.t.Helper()
	if err := o.conn.Send(m); err != nil {
		o.t.Fatal(err)
	}
}

// welcome is a job with one linear site (3 × 2) and SGD at rate 1.
func welcome(resume uint64) *protocol.Welcome {
	return &protocol.Welcome{
		Version: 1, Resume: resume,
		Job: protocol.Job{
			ID: "job", Name: "test", Seed: 5, Rounds: 3, Interval: 2, Batch: 4, Solver: protocol.Solver{Name: "gradient"},
			Optimizer: protocol.Optimizer{Name: "sgd", LearningRate: 1, Momentum: 0.5}, Schedule: protocol.Schedule{Name: "constant"},
			Encoding: protocol.Encoding{X: protocol.AsF32, G: protocol.AsF32},
		},
		Adapters: []protocol.Adapter{{Kind: "linear", Bias: true}},
		Sites:    []protocol.Site{{Name: "head", Kind: "linear", In: 2, Out: 3, Bias: true}},
	}
}

// round opens a round, takes its batch and gives tuples of ones.
func (o *office) round(r, start, end, version uint64) *protocol.Batch {
	o.t.Helper()
	o.send(&protocol.Open{Round: r, Rows: 4, Start: start, End: end, Version: version})
	batch := receive[*protocol.Batch](o)
	o.send(tuples(r, 1))
	o.send(&protocol.Loss{Round: r, Loss: 0.5, Rows: 4, Correct: 2})
	return batch
}

func tuples(r uint64, value float32) *protocol.Tuples {
	x, g := linalg.New(linalg.F32, 4, 2), linalg.New(linalg.F32, 4, 3)
	for _, t := range []*linalg.Tensor{x, g} {
		for i := range t.F32() {
			t.F32()[i] = value
		}
	}
	return &protocol.Tuples{Round: r, Last: true, Sections: []protocol.Section{{Name: "x", Tensor: x}, {Name: "g.head", Tensor: g}}}
}

// end waits for the participant's end.
func (o *office) end() (*participant.Result, error) {
	o.t.Helper()
	select {
	case <-o.ended:
	case <-o.ctx.Done():
		o.t.Fatal("the participant does not end")
	}
	return o.result, o.err
}

func wantFault(t *testing.T, err error, code protocol.Code, says string) {
	t.Helper()
	f, ok := errors.AsType[*protocol.Fault](err)
	if !ok || f.Code != code || f.Fix == "" || !strings.Contains(f.Error(), says) {
		t.Errorf("got %v, expected %s with a fix, about %q", err, code, says)
	}
}

// hangUp closes the office's end.
func (o *office) hangUp() {
	o.t.Helper()
	if err := o.conn.Close(); err != nil {
		o.t.Error(err)
	}
}

// states lists the versions on disk.
func states(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "state-*.cola"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// TestWholeJob goes through two intervals, the last one shorter, and looks at what is left.
func TestWholeJob(t *testing.T) {
	dir := t.TempDir()
	o := newOffice(t, dir)
	var seen []participant.Observation
	o.cfg.Observe = func(ob participant.Observation) { seen = append(seen, ob) }
	if hello := o.start(); hello.Participant != "ada" || hello.Data.Examples != 20 || len(hello.States) != 0 {
		t.Errorf("hello %+v", hello)
	}
	o.send(welcome(0))
	first := o.round(0, 0, 2, 1)
	o.round(1, 0, 2, 1)
	want := data.NewSampler(20, 4, 5, "ada")
	wantBatch := o.cfg.Data.Batch(want.Batch(0))
	inputs, labels := wantBatch.Inputs, wantBatch.Labels
	if !slices.Equal(first.Sections[0].Tensor.F32(), inputs.F32()) || !slices.Equal(first.Sections[1].Tensor.I32(), labels.I32()) {
		t.Error("the batch is not the sampler's")
	}
	// Each batch weighs a half: ΔW = −Σ gᵀx/2 over two batches of four rows of ones.
	update := receive[*protocol.Update](o)
	if update.Version != 1 || update.Rows != 8 || len(update.Digest) != 32 || update.Sections[0].Name != "head.weight" || update.Sections[0].Tensor.F32()[0] != -4 {
		t.Errorf("update %+v %v", update, update.Sections[0].Tensor.F32())
	}
	if got := states(t, dir); !slices.Equal(got, []string{"state-1.cola"}) {
		t.Errorf("before the commit there is %v", got)
	}
	o.send(&protocol.Commit{Version: 1, Round: 2, Included: true, Best: 1})
	o.round(2, 2, 3, 2)
	if second := receive[*protocol.Update](o); second.Sections[0].Tensor.F32()[0] != -4-(0.5*4+4) { // momentum
		t.Errorf("second update %v", second.Sections[0].Tensor.F32())
	}
	o.send(&protocol.Progress{Stage: "alive"})
	o.send(&protocol.Eval{Round: 3, Accuracy: 0.75})
	o.send(&protocol.Commit{Version: 2, Round: 3, Included: true, Final: true, Best: 2, Sections: []protocol.Section{{Name: "head.weight", Tensor: linalg.New(linalg.F32, 3, 2)}}})
	if bye := receive[*protocol.Bye](o); bye.Reason != "done" {
		t.Errorf("bye %+v", bye)
	}
	result, err := o.end()
	if err != nil || result.Version != 2 || result.Rounds != 3 || result.Accuracy != 0.75 || result.BytesSent == 0 || result.BytesReceived == 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := states(t, dir); !slices.Equal(got, []string{"state-1.cola", "state-2.cola"}) {
		t.Errorf("at the end there is %v", got)
	}
	if len(seen) != 3 || seen[0].Accuracy != 0.5 || seen[2].Round != 3 {
		t.Errorf("observed %+v", seen)
	}
	for name, format := range map[string]string{"adapter.safetensors": "cola", "merged.safetensors": "cola-merged"} {
		f, err := safetensors.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if f.Metadata()["format"] != format || !slices.Contains(f.Names(), "head.weight") {
			t.Errorf("%s: %v, %v", name, f.Metadata(), f.Names())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	checkLedger(t, dir)

	// Started again when the coordinator has gone, it knows that it is done.
	again := newOffice(t, dir)
	again.cfg.Dial = func(context.Context) (*protocol.Conn, error) {
		return nil, protocol.Faultf(protocol.CodeUnreachable, "start it", "nobody is there")
	}
	if r, err := participant.Run(again.ctx, again.cfg); err != nil || r.AdaptersSHA256 != result.AdaptersSHA256 {
		t.Errorf("again: %+v, %v", r, err)
	}
}

// checkLedger reads what left the machine.
func checkLedger(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "ledger.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	var kinds []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var entry struct {
			Message  string `json:"message"`
			To       string `json:"to"`
			Bytes    int64  `json:"bytes"`
			Sections []struct {
				Name  string `json:"name"`
				As    string `json:"as"`
				Shape []int  `json:"shape"`
			} `json:"sections"`
		}
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.To != "memory" || entry.Bytes == 0 || entry.Message == "batch" && (!slices.Equal(entry.Sections[0].Shape, []int{4, 2, 1, 1}) || entry.Sections[0].As != "f32" || entry.Sections[1].As != "i32") {
			t.Errorf("entry %+v", entry)
		}
		kinds = append(kinds, entry.Message)
	}
	if got := strings.Join(kinds, " "); got != "hello batch batch update batch update kind 12" {
		t.Errorf("the ledger names %s", got)
	}
}

// TestRestartAnywhere stops a participant before and after its update is committed, or in
// the middle of an interval; what it sends in the end is the same.
func TestRestartAnywhere(t *testing.T) {
	finish := func(o *office) []float32 {
		o.round(2, 2, 3, 2)
		return receive[*protocol.Update](o).Sections[0].Tensor.F32()
	}
	plain := newOffice(t, t.TempDir())
	plain.start()
	plain.send(welcome(0))
	plain.round(0, 0, 2, 1)
	plain.round(1, 0, 2, 1)
	receive[*protocol.Update](plain)
	plain.send(&protocol.Commit{Version: 1, Round: 2, Included: true, Best: 1})
	want := finish(plain)

	for name, script := range map[string]func(o *office) (resume uint64, commit bool){
		"in the middle":        func(o *office) (uint64, bool) { o.round(0, 0, 2, 1); return 0, false },
		"update not committed": func(o *office) (uint64, bool) { o.interval(); return 0, false },
		"commit not heard of":  func(o *office) (uint64, bool) { o.interval(); return 1, true },
		"after the commit": func(o *office) (uint64, bool) {
			o.interval()
			o.send(&protocol.Commit{Version: 1, Round: 2, Included: true, Best: 1})
			return 1, true
		},
		"committed after Welcome": func(o *office) (uint64, bool) { o.interval(); return 0, true },
	} {
		for _, restart := range []bool{true, false} {
			dir := t.TempDir()
			o := newOffice(t, dir)
			o.start()
			o.send(welcome(0))
			resume, committed := script(o)
			if restart {
				o.stop()
				<-o.ended
				o.start()
			} else {
				if err := o.conn.Close(); err != nil {
					t.Fatal(err)
				}
				o.accept()
			}
			o.send(welcome(resume))
			switch {
			case !committed:
				o.interval()
				o.send(&protocol.Commit{Version: 1, Round: 2, Included: true, Best: 1})
			case resume == 0:
				o.send(&protocol.Commit{Version: 1, Round: 2, Included: true, Best: 1})
			}
			if got := finish(o); !slices.Equal(got, want) {
				t.Errorf("%s, restarted %t: %v, undisturbed %v", name, restart, got, want)
			}
		}
	}
}

// interval goes through the first interval up to the update.
func (o *office) interval() {
	o.t.Helper()
	o.round(0, 0, 2, 1)
	o.round(1, 0, 2, 1)
	receive[*protocol.Update](o)
}

func TestLateUpdateIsTakenBack(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		o := newOffice(t, dir)
		o.start()
		o.send(welcome(0))
		o.interval()
		o.send(&protocol.Commit{Version: 1, Round: 2}) // without it
		o.round(2, 2, 3, 2)
		if got := receive[*protocol.Update](o).Sections[0].Tensor.F32()[0]; got != -4 { // from zero, without momentum
			t.Errorf("after a commit without it, the first element is %g", got)
		}
		o.send(&protocol.Commit{Version: 2, Round: 3, Included: true, Best: 2})
		o.send(&protocol.Open{Round: 2, Rows: 4, Start: 2, End: 3, Version: 3})
		receive[*protocol.Batch](o)
		o.send(tuples(2, 1))
		receive[*protocol.Update](o)
		o.send(&protocol.Commit{Version: 3, Round: 3, Best: 2}) // without it again: back to version 2
		o.send(&protocol.Open{Round: 2, Rows: 4, Start: 2, End: 3, Version: 4})
		receive[*protocol.Batch](o)
		o.send(tuples(2, 1))
		if got := receive[*protocol.Update](o).Sections[0].Tensor.F32()[0]; got != -4-(0.5*4+4) {
			t.Errorf("from version 2 again, the first element is %g", got)
		}
	}
}

func TestAnotherJobSetsStateAside(t *testing.T) {
	dir := t.TempDir()
	o := newOffice(t, dir)
	o.start()
	o.send(welcome(0))
	o.interval()
	o.stop()
	<-o.ended
	if hello := o.start(); hello.Job != "job" || !slices.Equal(hello.States, []uint64{1}) {
		t.Errorf("hello %+v", hello)
	}
	w := welcome(0)
	w.Job.ID = "other"
	o.send(w)
	o.round(0, 0, 2, 1)
	aside, err := filepath.Glob(filepath.Join(dir, "before-*", "state-1.cola"))
	if err != nil || len(aside) != 1 || len(states(t, dir)) != 0 {
		t.Errorf("aside %v, left %v, %v", aside, states(t, dir), err)
	}
}

func TestMaxRows(t *testing.T) {
	o := newOffice(t, "")
	o.cfg.MaxRows = 3
	o.start()
	o.send(welcome(0))
	o.send(&protocol.Open{Round: 0, Rows: 4, End: 2, Version: 1})
	if rows := receive[*protocol.Batch](o).Sections[0].Tensor.Rows(); rows != 3 {
		t.Errorf("%d rows", rows)
	}
}

// TestProtocolFaults sends what no coordinator may send: the participant says what is
// wrong, to both sides, and ends without a panic.
func TestProtocolFaults(t *testing.T) {
	open := &protocol.Open{Round: 0, Rows: 4, End: 2, Version: 1}
	change := func(f func(*protocol.Tuples)) protocol.Message { m := tuples(0, 1); f(m); return m }
	bad := func(f func(*protocol.Welcome)) protocol.Message { w := welcome(0); f(w); return w }
	site := func(s protocol.Site) protocol.Message { return bad(func(w *protocol.Welcome) { w.Sites[0] = s }) }
	table := embedding(0)
	for name, messages := range map[string][]protocol.Message{
		"before Welcome":    {open},
		"not for it":        {welcome(0), &protocol.Hello{}},
		"no rounds":         {bad(func(w *protocol.Welcome) { w.Job.Rounds = 0 })},
		"no interval":       {bad(func(w *protocol.Welcome) { w.Job.Interval = 0 })},
		"an unknown form":   {bad(func(w *protocol.Welcome) { w.Job.Encoding.G = 9 })},
		"no batch":          {bad(func(w *protocol.Welcome) { w.Job.Batch = -1 })},
		"no sites":          {bad(func(w *protocol.Welcome) { w.Sites, w.Adapters = nil, nil })},
		"no adapters":       {bad(func(w *protocol.Welcome) { w.Adapters = nil })},
		"adapter":           {bad(func(w *protocol.Welcome) { w.Adapters[0].Kind = "prefix" })},
		"schedule":          {bad(func(w *protocol.Welcome) { w.Job.Schedule.Name = "step" })},
		"optimizer":         {bad(func(w *protocol.Welcome) { w.Job.Optimizer.Name = "lion" })},
		"solver":            {bad(func(w *protocol.Welcome) { w.Job.Solver.Name = "reduced-rank" })},
		"huge site":         {site(protocol.Site{Name: "a", Kind: "linear", In: math.MaxInt, Out: math.MaxInt})},
		"empty site":        {site(protocol.Site{Name: "a", Kind: "linear"})},
		"kind of site":      {site(protocol.Site{Name: "a", Kind: "lstm", In: 2, Out: 3})},
		"no convolution":    {site(protocol.Site{Name: "a", Kind: "conv2d", In: 2, Out: 3})},
		"odd convolution":   {site(protocol.Site{Name: "a", Kind: "conv2d", In: 9, Out: 3, Conv: []int{2, 2, 1, 3, 0, 1}})},
		"other convolution": {site(protocol.Site{Name: "a", Kind: "conv2d", In: 8, Out: 3, Conv: []int{2, 2, 1, 3, 1, 1}})},
		"small convolution": {site(protocol.Site{Name: "a", Kind: "conv2d", In: 25, Out: 3, Conv: []int{2, 2, 1, 5, 1, 0}})},
		"out of order":      {welcome(0), &protocol.Open{Round: 1, End: 2}},
		"past the end":      {welcome(0), &protocol.Open{Round: 3, Start: 3, End: 5}},
		"empty interval":    {welcome(0), &protocol.Open{Round: 0, End: 0}},
		"interval too long": {welcome(0), &protocol.Open{Round: 0, End: 3}},
		"few sections":      {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections = m.Sections[:1] })},
		"unknown site":      {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[1].Name = "g.tail" })},
		"another group":     {welcome(0), open, change(func(m *protocol.Tuples) { m.Group = 7 })},
		"shape of x":        {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[0].Tensor = linalg.New(linalg.F32, 4, 9) })},
		"rows of g":         {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[1].Tensor = linalg.New(linalg.F32, 5, 3) })},
		"type of x":         {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[0].Tensor = linalg.New(linalg.I32, 4, 2) })},
		"ids for floats":    {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[0].Tensor = linalg.New(linalg.I32, 4) })},
		"g of ids":          {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections[1].Tensor = linalg.New(linalg.I32, 4, 3) })},
		"floats for ids":    {table, open, tuples(0, 1)},
		"an unknown id":     {table, open, idTuples(0, 0, 1, 5, 2)},
		"a negative id":     {table, open, idTuples(0, 0, 1, -1, 2)},
		"the same twice":    {welcome(0), open, change(func(m *protocol.Tuples) { m.Sections = append(m.Sections, m.Sections[1]) })},
		"a site is missing": {bad(func(w *protocol.Welcome) {
			w.Sites = append(w.Sites, protocol.Site{Name: "b", Kind: "linear", In: 1, Out: 1, Group: 1})
			w.Adapters = append(w.Adapters, w.Adapters[0])
		}), open, tuples(0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "")
			o.start()
			for _, m := range messages {
				o.send(m)
				if m == protocol.Message(open) && name != "before Welcome" {
					receive[*protocol.Batch](o)
				}
			}
			wantFault(t, receive[*protocol.Error](o).Fault(), protocol.CodeProtocol, "ada")
			o.hangUp()
			_, err := o.end()
			wantFault(t, err, protocol.CodeProtocol, "ada")
		})
	}
}

// TestDivergedTuples sends a gradient that is not finite, as it is and as int8.
func TestDivergedTuples(t *testing.T) {
	for _, form := range []protocol.Form{protocol.AsF32, protocol.AsInt8} {
		dir := t.TempDir()
		o := newOffice(t, dir)
		o.start()
		o.send(welcome(0))
		o.send(&protocol.Open{Round: 0, Rows: 4, End: 1, Version: 1})
		receive[*protocol.Batch](o)
		m := tuples(0, float32(math.Inf(1)))
		m.Sections[1].As = form
		o.send(m)
		wantFault(t, receive[*protocol.Error](o).Fault(), protocol.CodeDiverged, "head")
		o.hangUp()
		_, err := o.end()
		wantFault(t, err, protocol.CodeDiverged, "round 1")
		if got := states(t, dir); len(got) != 0 {
			t.Errorf("left on disk: %v", got)
		}
	}
}

func TestErrorsFromTheCoordinator(t *testing.T) {
	o := newOffice(t, "")
	o.start()
	o.send(welcome(0))
	o.send(&protocol.Error{Code: "disk-full", Cause: "no space", Fix: "make room"}) // the coordinator's own
	o.accept()                                                                      // it comes back
	o.send(welcome(0))
	o.send(&protocol.Bye{Reason: "leaving"})
	o.accept()
	o.send(&protocol.Error{Code: "name-mismatch", Cause: "another name", Fix: "take it", Participant: "ada"})
	_, err := o.end()
	wantFault(t, err, protocol.CodeNameMismatch, "another name")
}

func TestLeavingInOrder(t *testing.T) {
	o := newOffice(t, "")
	o.start()
	o.send(welcome(0))
	o.send(&protocol.Open{Round: 0, Rows: 4, End: 2, Version: 1})
	receive[*protocol.Batch](o)
	o.stop()
	if bye := receive[*protocol.Bye](o); bye.Reason != "leaving" {
		t.Errorf("bye %+v", bye)
	}
	if _, err := o.end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCannotStart(t *testing.T) {
	run := func(change func(*participant.Config)) error {
		cfg := newOffice(t, "").cfg
		change(&cfg)
		_, err := participant.Run(context.Background(), cfg)
		return err
	}
	wantFault(t, run(func(c *participant.Config) { c.Name = "../eve" }), protocol.CodeUsage, "eve")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantFault(t, run(func(c *participant.Config) { c.StateDir = filepath.Join(file, "state") }), protocol.CodeUsage, "file")
	wantFault(t, run(func(c *participant.Config) {
		c.FirstContact = time.Millisecond
		c.Dial = func(context.Context) (*protocol.Conn, error) {
			return nil, protocol.Faultf(protocol.CodeUnreachable, "start it", "nobody is there: %w", net.ErrClosed)
		}
	}), protocol.CodeUnreachable, "nobody")
	dir := t.TempDir()
	o := newOffice(t, dir)
	o.start()
	wantFault(t, run(func(c *participant.Config) { c.StateDir = dir }), protocol.CodeStateLocked, dir)
}

func TestDamagedAndFullState(t *testing.T) {
	dir := t.TempDir()
	o := newOffice(t, dir)
	o.start()
	o.send(welcome(0))
	o.interval()
	o.stop()
	<-o.ended
	if err := os.WriteFile(filepath.Join(dir, "state-1.cola"), []byte("COLAREC1"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.start()
	o.send(welcome(1))
	wantFault(t, receive[*protocol.Error](o).Fault(), protocol.CodeStateCorrupt, "version 1")
	o.hangUp()
	_, err := o.end()
	wantFault(t, err, protocol.CodeStateCorrupt, "version 1")

	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here: ", err)
	}
	full := newOffice(t, t.TempDir())
	if err := os.Symlink("/dev/full", filepath.Join(full.cfg.StateDir, "state-1.cola.tmp")); err != nil {
		t.Fatal(err)
	}
	full.start()
	full.send(welcome(0))
	full.round(0, 0, 2, 1)
	full.round(1, 0, 2, 1)
	wantFault(t, receive[*protocol.Error](full).Fault(), protocol.CodeDiskFull, "ada")
	full.hangUp()
	_, err = full.end()
	wantFault(t, err, protocol.CodeDiskFull, full.cfg.StateDir)
}
