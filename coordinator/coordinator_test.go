package coordinator_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testJob is a job of two intervals, two rounds and one.
func testJob() coordinator.Job {
	job := coordinator.DefaultJob()
	job.Name, job.Rounds, job.Interval, job.Participants, job.Batch = "test", 3, 2, 2, 4
	job.Model = coordinator.ModelConfig{Type: "mlp", Input: []int{2, 2, 1}, Classes: 3, Hidden: []int{5}}
	job.Eval = coordinator.EvalConfig{Every: 1, Examples: 4}
	return job
}

// scripted is a participant that does what a test tells it to. Its adapters after version
// v are v in every element, times its share.
type scripted struct {
	t        *testing.T
	name     string
	share    float32
	listener *protocol.PipeListener
	conn     *protocol.Conn
	welcome  *protocol.Welcome
	open     *protocol.Open
	states   []uint64
	tuples   []*protocol.Tuples
	commits  []*protocol.Commit
	losses   []*protocol.Loss
	evals    []*protocol.Eval

	// What a test changes, if it does.
	hello  func(*protocol.Hello)
	batch  func(*protocol.Batch)
	update func(*protocol.Update)
	levels map[uint64]float32                                // of its adapters, where they are not its share times the version
	before func(s *scripted, m protocol.Message) (stop bool) // sees messages first; true drops the connection
}

// run follows the protocol to the final commit. It returns the fault that the coordinator
// answers with, or why the connection ended.
func (s *scripted) run(ctx context.Context) error {
	conn, err := s.listener.Dial(ctx, s.name)
	if err != nil {
		return err
	}
	s.conn = conn
	defer conn.Close()                                      //nolint:errcheck // the test is over for this connection
	defer context.AfterFunc(ctx, func() { conn.Close() })() //nolint:errcheck // its end is seen by Receive
	hello := &protocol.Hello{
		MinVersion: 2, MaxVersion: 2, Participant: s.name, Software: "test", States: s.states,
		Data: protocol.Data{Examples: 100, Task: "image-cls", Shape: []int{2, 2, 1}, Classes: 3},
	}
	if s.hello != nil {
		s.hello(hello)
	}
	if err := conn.Send(hello); err != nil {
		return err
	}
	for {
		m, err := conn.Receive()
		if err != nil {
			return err
		}
		if s.before != nil && s.before(s, m) {
			return io.ErrUnexpectedEOF
		}
		done, err := s.answer(m)
		if done || err != nil {
			return err
		}
	}
}

func (s *scripted) answer(m protocol.Message) (done bool, err error) {
	switch m := m.(type) {
	case *protocol.Welcome:
		s.welcome = m
	case *protocol.Open:
		if s.open = m; m.Round == m.Start {
			s.tuples = s.tuples[:0]
		}
		batch := s.makeBatch(m)
		if s.batch != nil {
			s.batch(batch)
		}
		if s.conn.Send(batch) != nil {
			return false, nil // the coordinator has said why
		}
	case *protocol.Tuples:
		s.tuples = append(s.tuples, m)
		if m.Last && m.Round == s.open.End-1 {
			update := s.makeUpdate(s.open.Version)
			if s.update != nil {
				s.update(update)
			}
			s.states = append(s.states, s.open.Version)
			return false, s.conn.Send(update)
		}
	case *protocol.Loss:
		s.losses = append(s.losses, m)
	case *protocol.Eval:
		s.evals = append(s.evals, m)
	case *protocol.Commit:
		s.commits = append(s.commits, m)
		if m.Final {
			return true, s.conn.Send(&protocol.Bye{Reason: "done"})
		}
	case *protocol.Error:
		return true, m.Fault()
	}
	return false, nil
}

// makeBatch depends on the name and the round only.
func (s *scripted) makeBatch(o *protocol.Open) *protocol.Batch {
	inputs, labels := linalg.New(linalg.F32, o.Rows, 2, 2, 1), linalg.New(linalg.I32, o.Rows)
	r := adapter.Rand(o.Round, s.name, "batch")
	for i := range inputs.F32() {
		inputs.F32()[i] = float32(r.NormFloat64())
	}
	for i := range labels.I32() {
		labels.I32()[i] = int32(r.IntN(3))
	}
	return &protocol.Batch{Round: o.Round, Sections: []protocol.Section{{Name: "inputs", Tensor: inputs}, {Name: "labels", Tensor: labels}}}
}

func (s *scripted) level(version uint64) float32 {
	if l, ok := s.levels[version]; ok {
		return l
	}
	return float32(version) * s.share
}

func (s *scripted) makeUpdate(version uint64) *protocol.Update {
	u := &protocol.Update{Version: version, Round: s.open.End - 1}
	var sites []adapter.Site
	var adapters []adapter.Adapter
	for i, ws := range s.welcome.Sites {
		site := adapter.Site{Name: ws.Name, Kind: adapter.SiteKind(ws.Kind), In: ws.In, Out: ws.Out, Bias: ws.Bias}
		w := s.welcome.Adapters[i]
		a, err := adapter.New(site, adapter.Spec{Kind: adapter.Kind(w.Kind), Rank: w.Rank, Scale: w.Scale, Hidden: w.Hidden, Bias: w.Bias}, adapter.Rand(0, "", ""))
		if err != nil {
			s.t.Error(err)
		}
		for _, p := range a.Params() {
			for j := range p.Value.F32() {
				p.Value.F32()[j] = s.level(version)
			}
			u.Sections = append(u.Sections, protocol.Section{Name: site.Name + "." + p.Name, Tensor: p.Value})
		}
		sites, adapters = append(sites, site), append(adapters, a)
	}
	digest := adapter.Digest(sites, adapters)
	u.Digest = digest[:]
	return u
}

// bench is one coordinator with its scripted participants.
type bench struct {
	t        *testing.T
	ctx      context.Context
	listener *protocol.PipeListener
	cfg      coordinator.Config
	result   *coordinator.Result
	err      error
	ended    chan struct{}
	cancel   context.CancelFunc
}

func newBench(t *testing.T, job coordinator.Job, dir string) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	b := &bench{t: t, ctx: ctx, cancel: cancel, listener: protocol.NewPipeListener(), ended: make(chan struct{})}
	b.cfg = coordinator.DefaultConfig()
	b.cfg.Job, b.cfg.Listener, b.cfg.StateDir, b.cfg.Linger = job, b.listener, dir, 100*time.Millisecond
	return b
}

func (b *bench) start() *bench {
	go func() {
		b.result, b.err = coordinator.Run(b.ctx, b.cfg)
		close(b.ended)
	}()
	return b
}

func (b *bench) participant(name string, share float32) *scripted {
	return &scripted{t: b.t, name: name, share: share, listener: b.listener}
}

// together runs participants to their ends and the coordinator to its.
func (b *bench) together(list ...*scripted) *coordinator.Result {
	b.t.Helper()
	errs := make(chan error, len(list))
	for _, s := range list {
		go func() { errs <- s.run(b.ctx) }()
	}
	for range list {
		if err := <-errs; err != nil {
			b.t.Error(err)
		}
	}
	<-b.ended
	if b.err != nil {
		b.t.Fatal(b.err)
	}
	return b.result
}

func wantFault(t *testing.T, err error, code protocol.Code, says string) {
	t.Helper()
	f, ok := errors.AsType[*protocol.Fault](err)
	if !ok || f.Code != code || f.Fix == "" || !strings.Contains(f.Error(), says) {
		t.Errorf("got %v, expected %s with a fix, about %q", err, code, says)
	}
}

func TestTwoIntervals(t *testing.T) {
	b := newBench(t, testJob(), "")
	b.cfg.Test = data.Synthetic(12, []int{2, 2, 1}, 3, 1)
	var seen []coordinator.Observation
	b.cfg.Observe = func(o coordinator.Observation) { seen = append(seen, o) }
	ada, ben := b.participant("ada", 1), b.participant("ben", 3)
	result := b.start().together(ben, ada)
	if result.Rounds != 3 || result.Version != 2 || !slices.Equal(result.Participants, []string{"ada", "ben"}) || len(result.AdaptersSHA256) != 64 {
		t.Errorf("result %+v", result)
	}
	if result.BytesSent == 0 || result.BytesReceived == 0 || result.Accuracy["ada"] != result.Accuracy["ben"] || result.PeakMemory == 0 {
		t.Errorf("result %+v", result)
	}
	for _, s := range []*scripted{ada, ben} {
		if len(s.losses) != 3 || s.losses[0].Rows != 4 || s.losses[0].Loss <= 0 || len(s.evals) != 2 || s.evals[1].Examples != 12 || s.evals[0].Examples != 4 {
			t.Errorf("%s: losses %+v, evaluations %+v", s.name, s.losses, s.evals)
		}
		last := s.commits[len(s.commits)-1]
		if len(s.commits) != 2 || !last.Included || !last.Final || last.Version != 2 || last.Members != 2 || last.Round != 3 {
			t.Errorf("%s: commits %+v", s.name, s.commits)
		}
		for _, section := range last.Sections { // the mean of 2·1 and 2·3
			if !slices.Equal(section.Tensor.F32(), slices.Repeat([]float32{4}, section.Tensor.Len())) {
				t.Errorf("%s: merged %s is %v", s.name, section.Name, section.Tensor.F32())
			}
		}
		tuple := s.tuples[0] // of the last interval, the head first
		if x, g := tuple.Sections[0], tuple.Sections[1]; x.Name != "x" || g.Name != "g.head" || !slices.Equal(x.Tensor.Shape(), []int{4, 5}) || !slices.Equal(g.Tensor.Shape(), []int{4, 3}) {
			t.Errorf("%s: tuples %+v", s.name, tuple)
		}
	}
	if len(seen) != 3 || seen[0].Accuracy != nil || seen[2].Accuracy == nil || seen[2].Round != 3 || seen[2].Loss <= 0 {
		t.Errorf("observations %+v", seen)
	}
}

// TestRefusals sends one participant each that is wrong; it is told so, and then the job
// goes on with one that is right.
func TestRefusals(t *testing.T) {
	nan := float32(math.NaN())
	section := func(b *protocol.Batch, i int) *linalg.Tensor { return b.Sections[i].Tensor }
	for name, c := range map[string]struct {
		change func(*scripted)
		code   protocol.Code
		says   string
	}{
		"name":     {func(s *scripted) { s.hello = func(h *protocol.Hello) { h.Participant = "eve" } }, protocol.CodeNameMismatch, "eve"},
		"version":  {func(s *scripted) { s.hello = func(h *protocol.Hello) { h.MinVersion, h.MaxVersion = 8, 9 } }, protocol.CodeVersion, "8 to 9"},
		"shape":    {func(s *scripted) { s.hello = func(h *protocol.Hello) { h.Data.Shape = []int{3} } }, protocol.CodeBadData, "[3]"},
		"classes":  {func(s *scripted) { s.hello = func(h *protocol.Hello) { h.Data.Classes = 11 } }, protocol.CodeBadData, "10"},
		"examples": {func(s *scripted) { s.hello = func(h *protocol.Hello) { h.Data.Examples = 0 } }, protocol.CodeBadData, "no examples"},
		"sections": {func(s *scripted) { s.batch = func(b *protocol.Batch) { b.Sections = b.Sections[:1] } }, protocol.CodeProtocol, "sections"},
		"rows": {func(s *scripted) {
			s.batch = func(b *protocol.Batch) { b.Sections[1].Tensor = linalg.New(linalg.I32, 3) }
		}, protocol.CodeBadData, "do not fit 4 examples"},
		"too many rows": {func(s *scripted) {
			s.batch = func(b *protocol.Batch) {
				b.Sections[0].Tensor, b.Sections[1].Tensor = linalg.New(linalg.F32, 9, 2, 2, 1), linalg.New(linalg.I32, 9)
			}
		}, protocol.CodeBadData, "9 examples"},
		"inputs": {func(s *scripted) {
			s.batch = func(b *protocol.Batch) { b.Sections[0].Tensor = linalg.New(linalg.F32, 4, 7) }
		}, protocol.CodeBadData, "[4 7]"},
		"ids": {func(s *scripted) {
			s.batch = func(b *protocol.Batch) { b.Sections[0].Tensor = linalg.New(linalg.I32, 4) }
		}, protocol.CodeBadData, "takes f32"},
		"NaN":            {func(s *scripted) { s.batch = func(b *protocol.Batch) { section(b, 0).F32()[5] = nan } }, protocol.CodeBadData, "row 1"},
		"negative label": {func(s *scripted) { s.batch = func(b *protocol.Batch) { section(b, 1).I32()[0] = -1 } }, protocol.CodeBadData, "-1"},
		"label":          {func(s *scripted) { s.batch = func(b *protocol.Batch) { section(b, 1).I32()[0] = 3 } }, protocol.CodeBadData, "label 3 of its example 0"},
		"digest":         {func(s *scripted) { s.update = func(u *protocol.Update) { u.Digest[0]++ } }, protocol.CodeProtocol, "digest"},
		"parameter":      {func(s *scripted) { s.update = func(u *protocol.Update) { u.Sections = u.Sections[1:] } }, protocol.CodeDiverged, "missing"},
		"NaN parameter":  {func(s *scripted) { s.update = func(u *protocol.Update) { u.Sections[0].Tensor.F32()[0] = nan } }, protocol.CodeDiverged, "NaN"},
		"message": {func(s *scripted) {
			s.before = func(s *scripted, m protocol.Message) bool {
				if m.Kind() == protocol.KindWelcome {
					s.conn.Send(&protocol.Open{}) //nolint:errcheck // the answer is what counts
				}
				return false
			}
		}, protocol.CodeProtocol, "not for a coordinator"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, testJob(), "").start()
			ada, wrong := b.participant("ada", 1), b.participant("ben", 1)
			adaEnded := make(chan error, 1)
			go func() { adaEnded <- ada.run(b.ctx) }()
			c.change(wrong)
			err := wrong.run(b.ctx)
			wantFault(t, err, c.code, c.says)
			if f := protocol.AsFault(err); f.Participant != "ben" {
				t.Errorf("the fault is %q's", f.Participant)
			}
			b.together(b.participant("ben", 1))
			if err := <-adaEnded; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	b := newBench(t, testJob(), "").start()
	conn, err := b.listener.Dial(b.ctx, "eve")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if err := conn.Send(&protocol.Bye{Reason: "hello"}); err != nil {
		t.Fatal(err)
	}
	m, err := conn.Receive()
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, m.(*protocol.Error).Fault(), protocol.CodeProtocol, "Hello")
	lost := b.participant("ben", 1)
	lost.states = []uint64{}
	third := b.participant("cyd", 1)
	held := make(chan struct{})
	third.before = func(_ *scripted, m protocol.Message) bool { close(held); return m.Kind() == protocol.KindWelcome }
	ada := b.participant("ada", 1)
	ada.before = func(s *scripted, m protocol.Message) bool {
		if m.Kind() == protocol.KindWelcome {
			s.before = nil
			if err := third.run(b.ctx); err != io.ErrUnexpectedEOF { //nolint:errorlint // the script's own
				t.Errorf("cyd: %v", err)
			}
		}
		return false
	}
	go ada.run(b.ctx) //nolint:errcheck // ended by the test's end
	<-held
	wantFault(t, lost.run(b.ctx), protocol.CodeJobFull, "2 places")
	b.cancel()
	<-b.ended
	if !errors.Is(b.err, context.Canceled) {
		t.Errorf("cancelled: %v", b.err)
	}
}

// TestDropAnywhere drops a participant's connection after each kind of message, in each
// interval: it comes back, gets the same tuples, and the end is the same.
func TestDropAnywhere(t *testing.T) {
	for _, collaboration := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
		job := testJob()
		job.Collaboration = collaboration
		undisturbed := newBench(t, job, "").start()
		ada := undisturbed.participant("ada", 1)
		want := undisturbed.together(ada, undisturbed.participant("ben", 3)).AdaptersSHA256
		for _, kind := range []protocol.Kind{protocol.KindWelcome, protocol.KindOpen, protocol.KindTuples, protocol.KindLoss, protocol.KindCommit} {
			for _, nth := range []int{1, 2} {
				b := newBench(t, job, "").start()
				count := 0
				again := b.participant("ada", 1)
				again.before = func(_ *scripted, m protocol.Message) bool {
					if m.Kind() == kind {
						count++
					}
					return count == nth && m.Kind() == kind
				}
				ben := b.participant("ben", 3)
				ended := make(chan error, 1)
				go func() { ended <- ben.run(b.ctx) }()
				if err := again.run(b.ctx); err != nil && err != io.ErrUnexpectedEOF { //nolint:errorlint // the script's own
					t.Errorf("%v %d: %v", kind, nth, err)
				}
				if count >= nth {
					if err := again.run(b.ctx); err != nil {
						t.Errorf("%v %d, back again: %v", kind, nth, err)
					}
				}
				if err := <-ended; err != nil {
					t.Errorf("%v %d: ben: %v", kind, nth, err)
				}
				<-b.ended
				if b.err != nil || b.result.AdaptersSHA256 != want {
					t.Fatalf("%s, dropped after %v %d: %v, %+v", collaboration, kind, nth, b.err, b.result)
				}
				for i, tuple := range again.tuples {
					for j, s := range tuple.Sections {
						if !slices.Equal(s.Tensor.F32(), ada.tuples[i].Sections[j].Tensor.F32()) {
							t.Errorf("%s, dropped after %v %d: tuples %d of %s differ", collaboration, kind, nth, i, s.Name)
						}
					}
				}
			}
		}
	}
}

func TestRepeatedAndOldMessages(t *testing.T) {
	b := newBench(t, testJob(), "").start()
	ada := b.participant("ada", 1)
	ada.batch = func(m *protocol.Batch) { ada.conn.Send(m) }                                                    //nolint:errcheck // the second is what counts
	ada.update = func(u *protocol.Update) { ada.conn.Send(u); old := *u; old.Version = 0; ada.conn.Send(&old) } //nolint:errcheck // likewise
	if r := b.together(ada, b.participant("ben", 3)); r.Version != 2 {
		t.Errorf("result %+v", r)
	}
}

func TestDivergedUpdateEndsTheJob(t *testing.T) {
	b := newBench(t, testJob(), "").start()
	ada := b.participant("ada", 1<<24)
	go b.participant("ben", 1).run(b.ctx) //nolint:errcheck // it is told of the fault too
	wantFault(t, ada.run(b.ctx), protocol.CodeDiverged, "out of range")
	<-b.ended
	wantFault(t, b.err, protocol.CodeDiverged, "ada")
}

func TestStateFolder(t *testing.T) {
	for _, collaboration := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
		job, dir := testJob(), t.TempDir()
		job.Collaboration = collaboration
		first := newBench(t, job, dir)
		first.cfg.Test = data.Synthetic(12, []int{2, 2, 1}, 3, 1)
		ada, ben := first.participant("ada", 1), first.participant("ben", 3)
		want := first.start().together(ada, ben)

		again := newBench(t, job, dir)
		again.cfg.Test = first.cfg.Test
		again.start()
		late := again.participant("ada", 1)
		late.states = ada.states
		got := again.together(late)
		if got.AdaptersSHA256 != want.AdaptersSHA256 || got.Accuracy["ada"] != want.Accuracy["ada"] || !late.commits[0].Final {
			t.Errorf("%s: again %+v, at first %+v", collaboration, got, want)
		}
		other := job
		other.Seed++
		run := newBench(t, other, dir).start()
		<-run.ended
		wantFault(t, run.err, protocol.CodeJobMismatch, dir)

		newest := filepath.Join(dir, "commit-2.cola")
		whole, err := os.ReadFile(newest)
		if err != nil {
			t.Fatal(err)
		}
		for name, damaged := range map[string][]byte{"cut": whole[:len(whole)-1], "flipped": append(slices.Clone(whole[:99]), append([]byte{^whole[99]}, whole[100:]...)...)} {
			if err := os.WriteFile(newest, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			run := newBench(t, job, dir).start()
			<-run.ended
			wantFault(t, run.err, protocol.CodeStateCorrupt, "version 1")
			if t.Failed() {
				t.Fatal(name)
			}
		}
		if err := os.Remove(newest); err != nil {
			t.Fatal(err)
		}
		back := newBench(t, job, dir).start()
		a, z := back.participant("ada", 1), back.participant("ben", 3)
		a.states, z.states = []uint64{1, 2}, []uint64{1, 2}
		if r := back.together(a, z); r.AdaptersSHA256 != want.AdaptersSHA256 || a.welcome.Resume != 1 {
			t.Errorf("%s: from the commit before, %+v", collaboration, r)
		}
		forgetful := newBench(t, job, dir).start()
		wantFault(t, forgetful.participant("ben", 3).run(forgetful.ctx), protocol.CodeStateLost, "commit 2")
		forgetful.cancel()
		<-forgetful.ended
	}
}

func TestFolderFaults(t *testing.T) {
	ends := func(b *bench) error { <-b.start().ended; return b.err }
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantFault(t, ends(newBench(t, testJob(), filepath.Join(file, "state"))), protocol.CodeUsage, file)

	dir := t.TempDir()
	holder := newBench(t, testJob(), dir)
	holder.start()
	conn, err := holder.listener.Dial(holder.ctx, "ada") // it is up once it accepts
	if err != nil {
		t.Fatal(err)
	}
	conn.Close() //nolint:errcheck // it was only to know
	wantFault(t, ends(newBench(t, testJob(), dir)), protocol.CodeStateLocked, dir)
	holder.cancel()
	<-holder.ended

	weights := testJob()
	weights.Model.Weights = filepath.Join(dir, "none.safetensors")
	wantFault(t, ends(newBench(t, weights, "")), protocol.CodeJobMismatch, "none.safetensors")
	b := newBench(t, testJob(), "")
	b.cfg.Test = data.Synthetic(3, []int{9, 9, 1}, 2, 1)
	wantFault(t, ends(b), protocol.CodeJobMismatch, "[9 9 1]")
	wantFault(t, ends(newBench(t, coordinator.Job{}, "")), protocol.CodeBadJob, "rounds")
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here: ", err)
	}
	dir := t.TempDir()
	full := filepath.Join(dir, "commit-2.cola.tmp")
	if err := os.Symlink("/dev/full", full); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, testJob(), dir).start()
	ada, ben := b.participant("ada", 1), b.participant("ben", 3)
	go ben.run(b.ctx) //nolint:errcheck // it is told of the fault too
	wantFault(t, ada.run(b.ctx), protocol.CodeDiskFull, dir)
	<-b.ended
	wantFault(t, b.err, protocol.CodeDiskFull, dir)
	again := newBench(t, testJob(), dir).start() // the failed write has taken the link away
	a, z := again.participant("ada", 1), again.participant("ben", 3)
	a.states, z.states = []uint64{1}, []uint64{1}
	if r := again.together(a, z); r.Version != 2 || a.welcome.Resume != 1 {
		t.Errorf("after the disk was full: %+v", r)
	}
}

// TestQuorumKeepsTheAbsent lets one participant miss the second interval: it counts with
// what it gave in the first.
func TestQuorumKeepsTheAbsent(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		job := testJob()
		job.Quorum, job.Deadline, job.MergeWeights = 1, coordinator.Duration(2*time.Second), "examples"
		job.Wire.Broadcast = "end"
		b := newBench(t, job, dir).start()
		ada, ben := b.participant("ada", 1), b.participant("ben", 3)
		ben.before = func(_ *scripted, m protocol.Message) bool { return m.Kind() == protocol.KindCommit }
		gone := make(chan error, 1)
		go func() { gone <- ben.run(b.ctx) }()
		b.together(ada)
		if err := <-gone; err != io.ErrUnexpectedEOF { //nolint:errorlint // the script's own
			t.Errorf("ben: %v", err)
		}
		if len(ada.commits[0].Sections) != 0 {
			t.Error("the merged update goes out before the end")
		}
		last := ada.commits[len(ada.commits)-1]
		for _, s := range last.Sections { // the mean of ada's 2·1 and ben's 1·3
			if s.Tensor.F32()[0] != 2.5 {
				t.Errorf("merged %s is %g", s.Name, s.Tensor.F32()[0])
			}
		}
	}
}
