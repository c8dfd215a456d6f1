package protocol_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a session in memory.
func pair(t *testing.T) (a, b *protocol.Conn) {
	t.Helper()
	x, y := protocol.Pipe()
	a = protocol.NewConn(x, protocol.Peer{Name: "b", Addr: "there"}, protocol.DefaultLimits())
	b = protocol.NewConn(y, protocol.Peer{Name: "a"}, protocol.DefaultLimits())
	t.Cleanup(func() {
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return a, b
}

// TestManySenders sends from many goroutines, frames larger than any buffer among them:
// each arrives whole, and both ends count the same bytes.
func TestManySenders(t *testing.T) {
	a, b := pair(t)
	const senders, each = 4, 6
	large := linalg.New(linalg.F32, 500_000)
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			for i := range each {
				var m protocol.Message = &protocol.Progress{Round: uint64(s), Stage: fmt.Sprint(i)}
				if i%3 == 0 {
					m = &protocol.Batch{Round: uint64(s), Sections: []protocol.Section{section("x", large)}}
				}
				if err := a.Send(m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	counts := map[protocol.Kind]int{}
	for range senders * each {
		m, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		counts[m.Kind()]++
	}
	sending.Wait()
	if counts[protocol.KindBatch] != senders*each/3 || counts[protocol.KindProgress] != senders*each*2/3 {
		t.Errorf("received %v", counts)
	}
	sent, _ := a.Traffic()
	_, received := b.Traffic()
	if sent != received || sent < 8*4*500_000 {
		t.Errorf("sent %d bytes, received %d", sent, received)
	}
	if a.Peer().Name != "b" || a.Peer().Addr != "there" {
		t.Errorf("peer %+v", a.Peer())
	}
}

func TestEndOfConnection(t *testing.T) {
	a, b := pair(t)
	if err := errors.Join(a.Send(&protocol.Bye{Reason: "done"}), a.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	if m, err := b.Receive(); err != nil || m.(*protocol.Bye).Reason != "done" {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := b.Receive(); err != io.EOF { //nolint:errorlint // the bare one means an orderly end
		t.Errorf("at the end: %v", err)
	}
	if err := a.Send(&protocol.Bye{}); err == nil {
		t.Error("a closed connection sends")
	}
}

func TestPatience(t *testing.T) {
	a, b := pair(t)
	b.SetPatience(20 * time.Millisecond)
	if _, err := b.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a silent peer: %v", err)
	}
	// A peer that takes long for a frame, but moves, is fine.
	x, y := protocol.Pipe()
	slow := protocol.NewConn(y, protocol.Peer{}, protocol.DefaultLimits())
	defer slow.Close() //nolint:errcheck // the test is over
	slow.SetPatience(2 * time.Second)
	frame, err := protocol.Encode(&protocol.Progress{Round: 1, Stage: "alive"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, c := range frame {
			time.Sleep(40 * time.Millisecond)
			x.Write([]byte{c}) //nolint:errcheck // Receive notices
		}
	}()
	if m, err := slow.Receive(); err != nil || m.Kind() != protocol.KindProgress {
		t.Errorf("a slow peer: %v, %v", m, err)
	}
	// A peer that reads nothing is not waited for.
	a.SetPatience(20 * time.Millisecond)
	if err := a.Send(&protocol.Batch{Sections: []protocol.Section{section("x", linalg.New(linalg.F32, 1<<20))}}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a peer that does not read: %v", err)
	}
}

// TestFailArrives ends a connection over TCP with a fault, while the peer has sent what
// nobody reads any more: the peer still learns why.
func TestFailArrives(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	participant := protocol.NewConn(near, protocol.Peer{}, protocol.DefaultLimits())
	coordinator := protocol.NewConn(far, protocol.Peer{}, protocol.DefaultLimits())
	defer participant.Close() //nolint:errcheck // the test is over
	if err := participant.Send(&protocol.Batch{Sections: []protocol.Section{section("x", linalg.New(linalg.F32, 10_000))}}); err != nil {
		t.Fatal(err)
	}
	go coordinator.Fail(protocol.Faultf(protocol.CodeJobFull, "wait", "all places are taken"))
	m, err := participant.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if f := m.(*protocol.Error).Fault(); f.Code != protocol.CodeJobFull {
		t.Errorf("received %v", f)
	}
	if _, err := participant.Receive(); err == nil {
		t.Error("something follows the fault")
	}
}

func TestPipe(t *testing.T) {
	a, b := protocol.Pipe()
	want := bytes.Repeat([]byte("0123456789"), 300_000) // larger than the buffer
	go func() {
		a.Write(want) //nolint:errcheck // the reader notices
		a.Close()     //nolint:errcheck // the reader notices
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a write to a closed end: %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a read of a closed end: %v", err)
	}
	if n, err := b.Read(nil); n != 0 || err != nil && err != io.EOF { //nolint:errorlint // as io.Reader has it
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	if a.LocalAddr().String() != "memory" || a.RemoteAddr().Network() != "memory" {
		t.Error("the addresses do not say memory")
	}

	c, _ := protocol.Pipe()
	if err := c.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read after the deadline: %v", err)
	}
	if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Now().Add(10*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(make([]byte, 2<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 {
		t.Errorf("a write that nobody reads: %d, %v", n, err)
	}
}

func TestPipeListener(t *testing.T) {
	l := protocol.NewPipeListener()
	if l.Addr() != "memory" {
		t.Errorf("address %q", l.Addr())
	}
	accepted := make(chan *protocol.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	near, err := l.Dial(context.Background(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	far := <-accepted
	if far.Peer().Name != "ada" || near.Peer().Name != "coordinator" {
		t.Errorf("%+v met %+v", near.Peer(), far.Peer())
	}
	if err := errors.Join(near.Close(), far.Close()); err != nil {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Dial(cancelled, "ada"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled dial: %v", err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	if _, err := l.Dial(context.Background(), "ada"); protocol.AsFault(err).Code != protocol.CodeUnreachable {
		t.Errorf("dial after close: %v", err)
	}
}
