package netem_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gradientlearning/cola/internal/netem"
)

// send writes messages through a connection with faults and returns what arrives.
func send(t *testing.T, f netem.Faults, messages ...string) (arrived []byte, err error) {
	t.Helper()
	near, far := net.Pipe()
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(far) // what came before the end is what counts
		got <- all
	}()
	c := netem.Wrap(near, f)
	for _, m := range messages {
		if _, err = c.Write([]byte(m)); err != nil {
			break
		}
	}
	if closeErr := near.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return <-got, err
}

func TestPerfect(t *testing.T) {
	if got, err := send(t, netem.Faults{}, "ab", "cd"); err != nil || string(got) != "abcd" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCut(t *testing.T) {
	got, err := send(t, netem.Faults{CutAfter: 3}, "ab", "cd", "ef")
	if !errors.Is(err, netem.ErrCut) || string(got) != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCorrupt(t *testing.T) {
	got, err := send(t, netem.Faults{CorruptAt: 2}, "ab", "cd")
	if err != nil || !bytes.Equal(got, []byte{'a', 'b', 'c' ^ 0x10, 'd'}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDelayAndRate(t *testing.T) {
	begin := time.Now()
	if got, err := send(t, netem.Faults{Delay: time.Millisecond, BytesPerSecond: 1000}, "abcde"); err != nil || string(got) != "abcde" {
		t.Errorf("got %q, %v", got, err)
	}
	if took := time.Since(begin); took < 6*time.Millisecond {
		t.Errorf("1 ms of delay and 5 bytes at 1 byte a ms took %v", took)
	}
}
