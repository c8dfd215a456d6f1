package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// ListenConfig bounds what an authority's listener gives to strangers.
type ListenConfig struct {
	// Limits are those of the connections that Accept returns.
	Limits protocol.Limits
	// HandshakeTimeout bounds the TLS handshake and, for who has no certificate,
	// joining: together, in wall-clock time.
	HandshakeTimeout time.Duration
	// MaxPending bounds the connections that have not been authenticated; more of
	// them wait in the operating system's queue.
	MaxPending int
	// Logger is told who joined and who was refused, and why.
	Logger *slog.Logger
}

// DefaultListenConfig returns the default limits, 10 seconds, 64 pending connections
// and the default logger.
func DefaultListenConfig() ListenConfig {
	return ListenConfig{
		Limits:           protocol.DefaultLimits(),
		HandshakeTimeout: 10 * time.Second,
		MaxPending:       64,
		Logger:           slog.Default(),
	}
}

// listener authenticates connections beside each other and yields those that are.
type listener struct {
	authority *Authority
	cfg       ListenConfig
	inner     net.Listener
	tls       *tls.Config
	slots     chan struct{}       // one for each pending connection
	ready     chan *protocol.Conn // unbuffered: authenticated, waiting for Accept
	ctx       context.Context     // ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

// Listen listens on addr with TLS 1.3. Accept yields connections whose certificate is
// good, with the participant's name in it as Peer.Name. A connection without a
// certificate may send one Enroll message; everything else is answered by an Error
// message with a code and what to do, not by a TLS alert.
func (a *Authority) Listen(addr string, cfg ListenConfig) (protocol.Listener, error) {
	if cfg.MaxPending < 1 || cfg.HandshakeTimeout <= 0 || cfg.Logger == nil {
		return nil, protocol.Faultf(protocol.CodeUsage, "begin with DefaultListenConfig",
			"a listener needs a logger, at least one pending connection and a handshake timeout")
	}
	if _, err := a.coordinatorCertificate(); err != nil {
		return nil, err
	}
	inner, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listenFault(addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{
		authority: a, cfg: cfg, inner: inner, ctx: ctx, cancel: cancel,
		slots: make(chan struct{}, cfg.MaxPending),
		ready: make(chan *protocol.Conn),
		tls: &tls.Config{
			MinVersion: tls.VersionTLS13,
			// Asked for and proved in the handshake, judged by checkParticipant.
			ClientAuth:             tls.RequestClientCert,
			SessionTicketsDisabled: true, // every connection is judged anew
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return a.coordinatorCertificate()
			},
		},
	}
	l.wg.Go(l.serve)
	return l, nil
}

func listenFault(addr string, err error) error {
	var lookup *net.DNSError
	var syntax *net.AddrError
	switch {
	case errors.As(err, &lookup), errors.As(err, &syntax):
		return protocol.Faultf(protocol.CodeUsage, "give HOST:PORT, or :PORT for every address of this machine",
			"%q is not an address to listen on: %w", addr, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return protocol.Faultf(protocol.CodePortInUse,
			"stop the process that listens there (perhaps another coordinator), or choose another port with --listen",
			"the address %s is in use: %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return protocol.Faultf(protocol.CodePortInUse,
			"choose a port from 1024 upwards with --listen, or give the process the right to listen there",
			"the address %s may not be listened on by this user: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return protocol.Faultf(protocol.CodePortInUse,
			"choose an address of this machine with --listen, or :PORT for all of them",
			"the address %s is not one of this machine: %w", addr, err)
	default:
		return protocol.Faultf(protocol.CodePortInUse, "choose another address with --listen",
			"the address %s cannot be listened on: %w", addr, err)
	}
}

// Addr returns the address with the port that was given by the operating system.
func (l *listener) Addr() string { return l.inner.Addr().String() }

// Accept returns the next authenticated connection; [net.ErrClosed] after Close.
func (l *listener) Accept() (*protocol.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close stops listening and ends the connections that Accept has not returned.
func (l *listener) Close() error {
	l.cancel()
	err := l.inner.Close()
	l.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// serve accepts for as long as there are slots for strangers.
func (l *listener) serve() {
	for {
		select {
		case l.slots <- struct{}{}:
		case <-l.ctx.Done():
			return
		}
		nc, err := l.inner.Accept()
		if err == nil {
			l.wg.Go(func() {
				defer func() { <-l.slots }()
				l.admit(nc)
			})
			continue
		}
		<-l.slots
		if errors.Is(err, net.ErrClosed) {
			return
		}
		l.cfg.Logger.Warn("cannot accept connections for now", "error", err)
		select { // out of file descriptors, most likely: not forever
		case <-time.After(100 * time.Millisecond):
		case <-l.ctx.Done():
			return
		}
	}
}

// admit authenticates one connection within the handshake timeout and hands it to
// Accept, or answers and ends it.
func (l *listener) admit(raw net.Conn) {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.HandshakeTimeout)
	defer cancel()
	cut := context.AfterFunc(ctx, func() { _ = raw.Close() })
	log := l.cfg.Logger.With("addr", raw.RemoteAddr().String())
	nc := tls.Server(raw, l.tls)
	if err := nc.HandshakeContext(ctx); err != nil {
		log.Debug("a connection ended in the TLS handshake", "error", err)
		cut()
		_ = raw.Close()
		return
	}
	conn, err := l.authenticate(nc, log)
	if err != nil {
		fault := protocol.AsFault(err)
		log.Warn("connection refused", "participant", fault.Participant, "code", fault.Code, "cause", fault.Cause, "fix", fault.Fix)
		l.answer(nc, fault.Message())
	}
	if conn == nil {
		cut()
		_ = raw.Close()
		return
	}
	if !cut() {
		return // too late: it is closed
	}
	select {
	case l.ready <- conn:
	case <-l.ctx.Done():
		_ = conn.Close()
	}
}

// authenticate returns the connection of a participant whose certificate is good, nil
// after somebody joined, and a fault for everybody else.
func (l *listener) authenticate(nc *tls.Conn, log *slog.Logger) (*protocol.Conn, error) {
	peer := protocol.Peer{Addr: nc.RemoteAddr().String()}
	certificates := nc.ConnectionState().PeerCertificates
	if len(certificates) == 0 {
		return nil, l.enrol(nc, peer, log)
	}
	name, err := l.authority.checkParticipant(certificates[0])
	if err != nil {
		return nil, named(name, err)
	}
	peer.Name = name
	return protocol.NewConn(nc, peer, l.cfg.Limits), nil
}

// enrol serves the one message that a connection without a certificate may send.
func (l *listener) enrol(nc *tls.Conn, peer protocol.Peer, log *slog.Logger) error {
	message, err := protocol.NewConn(nc, peer, protocol.EnrollLimits()).Receive()
	if err != nil {
		return err
	}
	request, ok := message.(*protocol.Enroll)
	if !ok {
		return protocol.Faultf(protocol.CodeUntrusted, fixNewLine,
			"the connection has no certificate and may only join, but sent %v", message.Kind())
	}
	answer, err := l.authority.redeem(request)
	if err != nil {
		return named(request.Participant, err)
	}
	log.Info("participant joined", "participant", request.Participant)
	l.answer(nc, answer)
	return nil
}

// lingerBytes bounds what is read after the last answer and thrown away.
const lingerBytes = 1 << 20

// answer sends a last message and waits, within the handshake timeout, for the other
// side to have read it: closing at once, with bytes of its unread, would make TCP
// throw the answer away.
func (l *listener) answer(nc *tls.Conn, m protocol.Message) {
	frame, err := protocol.Encode(m)
	if err == nil {
		_, err = nc.Write(frame)
	}
	if err == nil {
		err = nc.CloseWrite()
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, nc.NetConn(), lingerBytes)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.cfg.Logger.Debug("an answer may not have arrived", "addr", nc.RemoteAddr().String(), "error", err)
	}
}

// named puts the participant's name into the fault in err, if it is one.
func named(name string, err error) error {
	if checkName(name) != nil {
		return err // from a stranger, it may be anything
	}
	if fault, ok := errors.AsType[*protocol.Fault](err); ok {
		fault.Participant = name
		return fault
	}
	return err
}
