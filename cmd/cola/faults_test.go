package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/protocol"
)

// TestFaults runs into everything that a person can do wrong, as processes, and wants of
// each: the exit status of its code, a message that says what and how to mend it, and a
// state that can still be used.
func TestFaults(t *testing.T) {
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.coordinator()
		join := f.invite("p0")
		f.wants(f.participant(0, "--join", strings.Replace(join, "?ca=", "x?ca=", 1)), protocol.CodeUsage, "join")
		f.participant(0, "--join", join)
		f.await(filepath.Join(f.state(), "identity", "enrolled", "p0.json"))
		f.wants(f.participant(1, "--join", join), protocol.CodeTokenRefused, "cola invite")
	})
	t.Run("certificate expired", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.coordinator("--validity", "1ns")
		f.wants(f.participant(0, "--join", f.invite("p0")), protocol.CodeCertificateExpired, "cola invite")
	})
	t.Run("another's name", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.coordinator()
		f.wants(f.participant(0, "--join", f.invite("p0"), "--name", "p1"), protocol.CodeNameMismatch, "p0")
	})
	t.Run("job full", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "alone", 2000, 2)
		f.coordinator()
		for i, name := range f.names {
			f.participant(i, "--join", f.invite(name))
		}
		f.awaitCommit(1) // all places are taken
		f.names = append(f.names, "p3")
		f.wants(f.participant(3, "--join", f.invite("p3")), protocol.CodeJobFull, "participants")
	})
	t.Run("data of another shape", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.coordinator()
		f.data = "synthetic:300:5x6x1:4:7"
		f.wants(f.participant(0, "--join", f.invite("p0")), protocol.CodeBadData, "[5 6 1]")
		f.data = "idx:" + f.dir
		f.wants(f.participant(1, "--join", f.invite("p1")), protocol.CodeBadData, f.dir)
	})
	t.Run("job and model", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.edit("[model]", "[model]\nweights = \"nowhere.safetensors\"")
		f.wants(f.coordinator(), protocol.CodeJobMismatch, "nowhere.safetensors")
		f.edit("rounds = 4", "roundz = 4")
		f.wants(f.coordinator(), protocol.CodeBadJob, `"rounds"`)
	})
	t.Run("port in use", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		l, err := net.Listen("tcp", f.address)
		if err != nil {
			t.Skip("the port was taken by someone else meanwhile: ", err)
		}
		defer l.Close() //nolint:errcheck // the test is over
		f.wants(f.coordinator(), protocol.CodePortInUse, f.address)
	})
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		coordinator := f.coordinator()
		join := f.invite("p0")
		coordinator.kill()
		f.wants(f.participant(0, "--join", join, "--wait", "100ms"), protocol.CodeUnreachable, f.address)
	})
	t.Run("state in use", func(t *testing.T) {
		t.Parallel()
		f := newFederation(t, "collaborative", 4, 2)
		f.coordinator()
		f.invite("p0") // waits until it is up
		first := f.address
		f.address = "127.0.0.1:0"
		f.wants(f.coordinator(), protocol.CodeStateLocked, f.state())
		f.address = first
	})
}

// TestStateFaults damages a state folder: each time the message says what to do, and
// after it was done the job ends in the bits of an undisturbed run.
func TestStateFaults(t *testing.T) {
	for name, damage := range map[string]struct {
		code protocol.Code
		do   func(f *federation)
		mend func(f *federation)
	}{
		"corrupt commit record": {
			protocol.CodeStateCorrupt,
			func(f *federation) { f.overwrite(f.newestCommit(), 100) },
			func(f *federation) { f.remove(f.newestCommit()) },
		},
		"full disk": {
			protocol.CodeDiskFull,
			func(f *federation) {
				for v := range 200 { // whichever commit is next
					f.link("/dev/full", filepath.Join(f.state(), fmt.Sprintf("commit-%d.cola.tmp", v)))
				}
			},
			func(f *federation) {
				for v := range 200 {
					f.remove(filepath.Join(f.state(), fmt.Sprintf("commit-%d.cola.tmp", v)))
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat("/dev/full"); err != nil {
				t.Skip("there is no /dev/full here: ", err)
			}
			f := newFederation(t, "collaborative", 300, 2)
			coordinator := f.coordinator()
			var participants []*process
			for i, name := range f.names {
				participants = append(participants, f.participant(i, "--join", f.invite(name)))
			}
			f.awaitCommit(2)
			coordinator.kill()
			damage.do(f)
			f.wants(f.coordinator(), damage.code, f.state())
			damage.mend(f)
			coordinator = f.coordinator()
			for _, p := range participants {
				if status := f.wait(p); status != 0 {
					t.Errorf("exit status %d of %v:\n%s", status, p.cmd.Args, p.stderr.String())
				}
			}
			if status := f.wait(coordinator); status != 0 {
				t.Fatalf("exit status %d of the coordinator:\n%s", status, coordinator.stderr.String())
			}
			if got, want := f.digest(coordinator.stdout.Bytes()), f.simulated(); got != want {
				t.Errorf("after the fault was mended the adapters are %s, undisturbed %s", got, want)
			}
		})
	}
}
