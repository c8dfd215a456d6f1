package membership

import (
	"slices"
	"sync"

	"github.com/hashicorp/memberlist"
)

// EventKind says what a pool believes happened to a member.
type EventKind string

// The kinds of events.
const (
	Joined EventKind = "joined" // it is there
	Gone   EventKind = "gone"   // it left, or answered no probe for so long that it is thought dead
)

// Event is a hint: what the pool believes, not what is so.
type Event struct {
	Kind EventKind
	Role Role
	// Addr is the TLS address of a coordinator, the gossip address of a participant.
	Addr string
}

const eventBuffer = 64

// observer hears memberlist's notifications and must never hold them up.
type observer struct {
	mu      sync.Mutex
	members map[string]meta // by memberlist's name
	events  chan Event
	closed  bool
	changed chan struct{} // holds one token after any change
}

func newObserver() *observer {
	return &observer{
		members: make(map[string]meta),
		events:  make(chan Event, eventBuffer),
		changed: make(chan struct{}, 1),
	}
}

// NotifyJoin notes a member that came.
func (o *observer) NotifyJoin(n *memberlist.Node) { o.note(n, Joined) }

// NotifyUpdate notes a member that says something else of itself.
func (o *observer) NotifyUpdate(n *memberlist.Node) { o.note(n, Joined) }

// NotifyLeave notes a member that left or is thought dead.
func (o *observer) NotifyLeave(n *memberlist.Node) { o.note(n, Gone) }

func (o *observer) note(n *memberlist.Node, kind EventKind) {
	m, err := parseMeta(n.Meta)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || kind == Gone {
		delete(o.members, n.Name)
	} else {
		o.members[n.Name] = m
	}
	if err != nil || o.closed {
		return
	}
	event := Event{Kind: kind, Role: m.Role, Addr: m.Addr}
	if m.Role == Participant {
		event.Addr = n.Address()
	}
	select { // the newest hints are worth most
	case o.events <- event:
	default:
		select {
		case <-o.events:
		default:
		}
		o.events <- event // under mu nobody else sends: there is room
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// coordinators returns the addresses of usable coordinators, each once, sorted.
func (o *observer) coordinators() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var addrs []string
	for _, m := range o.members {
		if m.usable() {
			addrs = append(addrs, m.Addr)
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

func (o *observer) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.events)
	}
}
