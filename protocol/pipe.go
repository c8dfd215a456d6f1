package protocol

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Pipe returns both ends of a connection in memory. Unlike net.Pipe it is buffered: a
// write returns once its bytes fit into the buffer.
func Pipe() (net.Conn, net.Conn) {
	ab, ba := newStream(), newStream()
	return &pipeEnd{in: ba, out: ab}, &pipeEnd{in: ab, out: ba}
}

// pipeBuffer bounds the bytes that are under way in one direction.
const pipeBuffer = 1 << 20

// stream is one direction of a pipe.
type stream struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	buffer   []*chunk      // an idle pipe holds none
	buffered int           // bytes in them
	ended    bool          // the writer closed: what is buffered can still be read
	broken   bool          // the reader closed: nothing more can be written
}

// chunk is memory of a pipe's buffer, of which the bytes lo to hi-1 are under way.
type chunk struct {
	lo, hi int
	data   [64 << 10]byte
}

// chunks are those that no pipe holds.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// take reads from the first chunk, and lets go of it when it is empty.
func (s *stream) take(p []byte) int {
	c := s.buffer[0]
	n := copy(p, c.data[c.lo:c.hi])
	c.lo += n
	s.buffered -= n
	if c.lo == c.hi {
		chunks.Put(c)
		s.buffer[0] = nil
		if s.buffer = s.buffer[1:]; len(s.buffer) == 0 {
			s.buffer = nil
		}
	}
	return n
}

// put writes to the last chunk, or to a new one, and returns how much that took.
func (s *stream) put(p []byte) int {
	last := len(s.buffer) - 1
	if last < 0 || s.buffer[last].hi == len(s.buffer[last].data) {
		c := chunks.Get().(*chunk)
		c.lo, c.hi = 0, 0
		s.buffer, last = append(s.buffer, c), last+1
	}
	c := s.buffer[last]
	n := copy(c.data[c.hi:], p)
	c.hi += n
	s.buffered += n
	return n
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

// change runs f and wakes everyone who waits.
func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await calls try until it is done, waiting for changes in between, until the deadline.
func (s *stream) await(d *deadline, try func() (done bool)) error {
	for {
		expired := d.channel()
		s.mu.Lock()
		done, changed := try(), s.changed
		if done {
			close(s.changed)
			s.changed = make(chan struct{})
		}
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-expired:
			return os.ErrDeadlineExceeded
		}
	}
}

func (s *stream) read(p []byte, d *deadline) (n int, err error) {
	waitErr := s.await(d, func() bool {
		switch {
		case s.broken:
			err = io.ErrClosedPipe
		case len(s.buffer) > 0:
			n = s.take(p)
		case s.ended:
			err = io.EOF
		default:
			return len(p) == 0
		}
		return true
	})
	if waitErr != nil {
		err = waitErr
	}
	return n, err
}

func (s *stream) write(p []byte, d *deadline) (n int, err error) {
	for n < len(p) && err == nil {
		waitErr := s.await(d, func() bool {
			room := pipeBuffer - s.buffered
			switch {
			case s.ended || s.broken:
				err = io.ErrClosedPipe
			case room > 0:
				n += s.put(p[n:min(n+room, len(p))])
			default:
				return false
			}
			return true
		})
		if waitErr != nil {
			err = waitErr
		}
	}
	return n, err
}

// pipeEnd is one end of a pipe.
type pipeEnd struct {
	in, out             *stream
	readLimit, writeLim deadline
}

// Read reads what the other end wrote.
func (e *pipeEnd) Read(p []byte) (int, error) { return e.in.read(p, &e.readLimit) }

// Write writes for the other end.
func (e *pipeEnd) Write(p []byte) (int, error) { return e.out.write(p, &e.writeLim) }

// Close ends both directions. The other end still reads what was written.
func (e *pipeEnd) Close() error {
	e.out.change(func() { e.out.ended = true })
	e.in.change(func() { e.in.broken = true })
	return nil
}

// CloseWrite ends one direction: the other end reads what was written, and then io.EOF.
func (e *pipeEnd) CloseWrite() error {
	e.out.change(func() { e.out.ended = true })
	return nil
}

// LocalAddr names the network.
func (e *pipeEnd) LocalAddr() net.Addr { return pipeAddr{} }

// RemoteAddr names the network.
func (e *pipeEnd) RemoteAddr() net.Addr { return pipeAddr{} }

// SetDeadline bounds reads and writes.
func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.readLimit.set(t)
	e.writeLim.set(t)
	return nil
}

// SetReadDeadline bounds reads.
func (e *pipeEnd) SetReadDeadline(t time.Time) error { e.readLimit.set(t); return nil }

// SetWriteDeadline bounds writes.
func (e *pipeEnd) SetWriteDeadline(t time.Time) error { e.writeLim.set(t); return nil }

type pipeAddr struct{}

// Network names the network.
func (pipeAddr) Network() string { return "memory" }

// String names the network.
func (pipeAddr) String() string { return "memory" }

// deadline is a point in time whose passing can be waited for.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	done  chan struct{} // closed when the time is over; nil where there is none
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.done = nil, nil
	if t.IsZero() {
		return
	}
	done := make(chan struct{})
	d.done = done
	d.timer = time.AfterFunc(time.Until(t), func() { close(done) })
}

func (d *deadline) channel() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// PipeListener is a Listener in memory: who dials is who it says.
type PipeListener struct {
	conns  chan *Conn
	closed chan struct{}
	once   sync.Once
}

// NewPipeListener returns a listener that waits for Dial.
func NewPipeListener() *PipeListener {
	return &PipeListener{conns: make(chan *Conn), closed: make(chan struct{})}
}

// Dial connects as the participant of that name. A closed listener is unreachable.
func (l *PipeListener) Dial(ctx context.Context, name string) (*Conn, error) {
	near, far := Pipe()
	c := NewConn(far, Peer{Name: name, Addr: "memory"}, DefaultLimits())
	select {
	case l.conns <- c:
		return NewConn(near, Peer{Name: "coordinator", Addr: "memory"}, DefaultLimits()), nil
	case <-l.closed:
		return nil, Faultf(CodeUnreachable, "start the coordinator", "nothing listens in memory: %w", net.ErrClosed)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept returns the next connection.
func (l *PipeListener) Accept() (*Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, fmt.Errorf("accept: %w", net.ErrClosed)
	}
}

// Close ends Accept and Dial.
func (l *PipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns "memory".
func (l *PipeListener) Addr() string { return "memory" }
