package netem

import (
	"errors"
	"net"
	"sync"
	"time"
)

// ErrCut is what a connection returns once it has been cut.
var ErrCut = errors.New("netem: the connection was cut")

// Faults says what is bad about a connection. The zero value is a perfect one. Offsets
// count the bytes that are written.
type Faults struct {
	// Delay is added to every write: half a round trip.
	Delay time.Duration
	// BytesPerSecond bounds the rate of writes; 0 is no bound.
	BytesPerSecond float64
	// CutAfter closes the connection once so many bytes were written, in the middle of
	// a frame if that is where it is; 0 never does.
	CutAfter int64
	// CorruptAt flips a bit of the byte at this offset; 0 never does.
	CorruptAt int64
}

// Wrap returns the connection with faults on the bytes that are written to it.
func Wrap(nc net.Conn, f Faults) net.Conn { return &conn{Conn: nc, faults: f} }

type conn struct {
	net.Conn
	faults Faults

	mu      sync.Mutex
	written int64
}

// Write writes as badly as the faults say.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.faults.Delay
	if c.faults.BytesPerSecond > 0 {
		wait += time.Duration(float64(len(p)) / c.faults.BytesPerSecond * float64(time.Second))
	}
	time.Sleep(wait)
	cut := c.faults.CutAfter > 0 && c.written+int64(len(p)) >= c.faults.CutAfter
	if cut {
		p = p[:max(0, c.faults.CutAfter-c.written)]
	}
	n, err := c.Conn.Write(c.corrupt(p))
	c.written += int64(n)
	if cut && err == nil {
		err = errors.Join(ErrCut, c.Close())
	}
	return n, err
}

// corrupt flips a bit of a copy if the byte to damage is in p.
func (c *conn) corrupt(p []byte) []byte {
	at := c.faults.CorruptAt - c.written
	if c.faults.CorruptAt == 0 || at < 0 || at >= int64(len(p)) {
		return p
	}
	damaged := append([]byte(nil), p...)
	damaged[at] ^= 0x10
	return damaged
}
