package participant

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/protocol"
)

// ledger says what left this machine: one JSON object a line and message.
type ledger struct{ file *os.File }

// entry is a line of the ledger.
type entry struct {
	Time     time.Time      `json:"time"`
	To       string         `json:"to"`
	Message  string         `json:"message"`
	Round    uint64         `json:"round,omitempty"`
	Sections []sectionEntry `json:"sections,omitempty"`
	Bytes    int64          `json:"bytes"` // of the connection so far
}

type sectionEntry struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	As    string `json:"as"` // how its elements travelled
	Shape []int  `json:"shape"`
}

// openLedger appends to ledger.jsonl in dir; without a folder nothing is written.
func openLedger(dir string) (*ledger, error) {
	if dir == "" {
		return &ledger{}, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "ledger.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return &ledger{file: f}, durable.Fault(dir, err)
}

// note writes a line about a message that was sent.
func (l *ledger) note(conn *protocol.Conn, m protocol.Message) error {
	if l.file == nil {
		return nil
	}
	sent, _ := conn.Traffic()
	e := entry{Time: time.Now().UTC(), To: conn.Peer().Addr, Bytes: sent}
	var sections []protocol.Section
	switch m := m.(type) {
	case *protocol.Hello:
		e.Message = "hello"
	case *protocol.Batch:
		e.Message, e.Round, sections = "batch", m.Round+1, m.Sections
	case *protocol.Update:
		e.Message, e.Round, sections = "update", m.Round+1, m.Sections
	default:
		e.Message = fmt.Sprintf("kind %d", m.Kind())
	}
	for _, s := range sections {
		e.Sections = append(e.Sections, sectionEntry{Name: s.Name, DType: s.Tensor.DType().String(), As: s.Form().String(), Shape: s.Tensor.Shape()})
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(line, '\n'))
	return err
}

func (l *ledger) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
