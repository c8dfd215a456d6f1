package protocol

import (
	"bufio"
	"errors"
	"io"

	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Peer is who is at the other end.
type Peer struct {
	Name string // the participant's, from its certificate; "coordinator"; or empty
	Addr string
}

// Conn carries messages over a connection. Send may be called by many goroutines,
// Receive by one.
type Conn struct {
	nc     net.Conn
	peer   Peer
	limits Limits
	reader *bufio.Reader

	sending  sync.Mutex
	closing  sync.Once
	closeErr error
	sent     atomic.Int64
	received atomic.Int64
	patience atomic.Int64 // time.Duration
}

// writeChunk is how much is written before the deadline is renewed.
const writeChunk = 256 << 10

// NewConn returns a Conn over nc, which it owns from now on.
func NewConn(nc net.Conn, peer Peer, limits Limits) *Conn {
	c := &Conn{nc: nc, peer: peer, limits: limits}
	c.reader = bufio.NewReaderSize((*incoming)(c), 64<<10)
	return c
}

// Peer returns who is at the other end.
func (c *Conn) Peer() Peer { return c.peer }

// Traffic returns the bytes of all frames so far.
func (c *Conn) Traffic() (sent, received int64) { return c.sent.Load(), c.received.Load() }

// SetPatience bounds how long nothing may come, and how long a piece of a frame may take
// to be sent, before the connection counts as lost. A slow link that moves is fine. 0 is
// without end.
func (c *Conn) SetPatience(d time.Duration) { c.patience.Store(int64(d)) }

func (c *Conn) deadline() time.Time {
	if p := time.Duration(c.patience.Load()); p > 0 {
		return time.Now().Add(p)
	}
	return time.Time{}
}

// Send sends a message as one frame. Its tensors must not change before it returns.
func (c *Conn) Send(m Message) error {
	parts, err := encode(m)
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	// Small parts go out together: a frame without sections is one packet.
	var small []byte
	for _, p := range parts {
		if len(small)+len(p) <= writeChunk {
			small = append(small, p...)
			continue
		}
		if err := errors.Join(c.write(small), c.write(p)); err != nil {
			return err
		}
		small = small[:0]
	}
	return c.write(small)
}

// write writes in pieces, each with a deadline of its own.
func (c *Conn) write(b []byte) error {
	for len(b) > 0 {
		if err := c.nc.SetWriteDeadline(c.deadline()); err != nil {
			return err
		}
		n, err := c.nc.Write(b[:min(len(b), writeChunk)])
		c.sent.Add(int64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// incoming is the connection as it is read: counted, each read with a deadline.
type incoming Conn

// Read reads what is there.
func (r *incoming) Read(b []byte) (int, error) {
	c := (*Conn)(r)
	if err := c.nc.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	n, err := c.nc.Read(b)
	c.received.Add(int64(n))
	return n, err
}

// Receive returns the next message. io.EOF means that the peer closed the connection
// between two frames; a *Fault, that what it sent is not valid.
func (c *Conn) Receive() (Message, error) {
	m, _, err := readFrame(c.reader, c.limits)
	return m, err
}

// Fail tells the peer why, as well as can be, and closes the connection. Nobody may be in
// Receive.
func (c *Conn) Fail(f *Fault) {
	c.SetPatience(lastWords)
	c.Send(f.Message()) //nolint:errcheck // the fault matters more than that it could not be sent
	c.HangUp()
	io.Copy(io.Discard, c.reader) //nolint:errcheck // only that it ends counts
	c.Close()                     //nolint:errcheck // the connection is given up
}

// lastWords is how long a connection that ends is kept for what was sent to arrive.
const lastWords = 2 * time.Second

// HangUp says that nothing more is sent, and leaves it to Receive to see the peer's end,
// for two seconds at most. Closed at once with bytes unread, TCP would take back what the
// peer has not read yet: its last words would be lost.
func (c *Conn) HangUp() {
	c.SetPatience(lastWords)
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || errors.Join(half.CloseWrite(), c.nc.SetReadDeadline(time.Now().Add(lastWords))) != nil {
		c.Close() //nolint:errcheck // the connection is given up
	}
}

// Close closes the connection. It may be called again, and while Send or Receive run.
func (c *Conn) Close() error {
	c.closing.Do(func() { c.closeErr = c.nc.Close() })
	return c.closeErr
}

// Listener yields connections whose Peer is authenticated.
type Listener interface {
	// Accept returns the next connection, or an error that wraps net.ErrClosed after Close.
	Accept() (*Conn, error)
	Close() error
	Addr() string
}
