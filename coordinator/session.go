package coordinator

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// session is one connection of one participant: a reader that turns messages into
// events for the loop, and a writer with a queue, so that a slow participant holds up
// nobody. What the queue holds is bounded by one round: no further round is opened for
// a participant before it has answered the last.
type session struct {
	name string
	conn *protocol.Conn

	mu     sync.Mutex
	queue  []queued
	closed bool
	wake   chan struct{} // has room for one: the queue changed
	done   chan struct{} // closed when the writer ended
}

// queued is a message, and what to call when it is sent or never will be.
type queued struct {
	message protocol.Message
	done    func()
}

// event is what a session tells the loop: a message, or, with a nil message, the
// session's end.
type event struct {
	session *session
	message protocol.Message
	err     error // why it ended; nil for an orderly end
}

const (
	heartbeat = 5 * time.Second  // a quiet writer says that it is alive
	patience  = 30 * time.Second // a connection on which nothing comes for so long is dead
	helloTime = 10 * time.Second // a new connection must introduce itself
)

// serve runs a session until its connection ends. The first event carries Hello.
func (c *Coordinator) serve(ctx context.Context, conn *protocol.Conn) {
	s := &session{conn: conn, name: conn.Peer().Name, wake: make(chan struct{}, 1), done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { s.close() })
	defer stop()
	hello, err := s.hello()
	if err != nil {
		f := *protocol.AsFault(err)
		f.Participant = s.name
		c.log.Warn("connection refused", "from", conn.Peer().Addr, "participant", s.name, "code", f.Code, "cause", f.Cause, "fix", f.Fix)
		conn.Fail(&f)
		return
	}
	go s.write()
	c.post(ctx, event{session: s, message: hello})
	for {
		m, err := conn.Receive()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			c.post(ctx, event{session: s, err: err})
			break
		}
		if _, quiet := m.(*protocol.Progress); !quiet {
			c.post(ctx, event{session: s, message: m})
		}
	}
	s.close()
	<-s.done
	if err := conn.Close(); err != nil {
		c.log.Debug("close", "participant", s.name, "error", err)
	}
}

// hello receives the first message and checks that the participant is who its
// certificate says.
func (s *session) hello() (*protocol.Hello, error) {
	s.conn.SetPatience(helloTime)
	m, err := s.conn.Receive()
	if err != nil {
		return nil, err
	}
	hello, ok := m.(*protocol.Hello)
	if !ok {
		return nil, protocol.Faultf(protocol.CodeProtocol, "use a participant of the same release", "the first message must be Hello")
	}
	if hello.Participant != s.name {
		return nil, protocol.Faultf(protocol.CodeNameMismatch,
			"start the participant with the name of its certificate, or enrol it under the new name: cola invite",
			"the certificate belongs to %q, the participant calls itself %q", s.name, hello.Participant)
	}
	s.conn.SetPatience(patience)
	return hello, nil
}

// post hands an event to the loop.
func (c *Coordinator) post(ctx context.Context, e event) {
	select {
	case c.events <- e:
	case <-ctx.Done():
	}
}

// send queues a message. After close it does nothing.
func (s *session) send(m protocol.Message) { s.sendAnd(m, func() {}) }

// sendAnd is send, and calls done when the message is sent or never will be.
func (s *session) sendAnd(m protocol.Message, done func()) {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.queue = append(s.queue, queued{m, done})
	}
	s.mu.Unlock()
	if closed {
		done()
	}
	s.signal()
}

// fail queues a fault and ends the session behind it.
func (s *session) fail(f *protocol.Fault) {
	s.send(f.Message())
	s.close()
}

// close ends the session once the queue is empty.
func (s *session) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns all that is queued, and whether the session is closed.
func (s *session) take() ([]queued, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.queue
	s.queue = nil
	return queue, s.closed
}

// write sends what is queued, and Progress when nothing is for a while.
func (s *session) write() {
	defer close(s.done)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	defer s.abandon()
	for {
		queue, closed := s.take()
		for i, q := range queue {
			queue[i] = queued{} // sent tuples are garbage
			err := s.conn.Send(q.message)
			q.done()
			if err != nil {
				abandon(queue[i+1:])
				s.conn.Close() //nolint:errcheck // it failed already; the reader reports it
				return
			}
		}
		if closed && len(queue) == 0 {
			s.conn.HangUp() // the reader sees the participant's end
			return
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-beat.C:
			s.send(&protocol.Progress{Stage: "alive"})
		}
	}
}

// abandon ends the queue: what is in it is never sent.
func (s *session) abandon() {
	s.close()
	queue, _ := s.take()
	abandon(queue)
}

func abandon(queue []queued) {
	for _, q := range queue {
		q.done()
	}
}
