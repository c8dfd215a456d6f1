package durable_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/internal/durable"
)

// holdEnv makes this test binary a process that locks the folder that it names, says so,
// and holds the lock until it is killed.
const holdEnv = "COLA_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		if _, err := durable.Lock(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("locked")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or the test is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLockTwice(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	release, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lock(dir); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("%v, want ErrLocked", err)
	}
	elsewhere, err := durable.Lock(other)
	if err != nil {
		t.Fatalf("another folder: %v", err)
	}
	for _, release := range []func() error{release, elsewhere} {
		if err := release(); err != nil {
			t.Error(err)
		}
	}
	release, err = durable.Lock(dir)
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// TestLockEndsWithItsProcess kills the process that holds a lock.
func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+dir)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close() //nolint:errcheck // it only keeps the process waiting
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || said != "locked\n" {
		t.Errorf("the other process said %q, %v", said, err)
	}
	if _, err := durable.Lock(dir); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("while another process holds it: %v, want ErrLocked", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err == nil {
		t.Error("the other process ended by itself")
	}
	release, err := durable.Lock(dir)
	if err != nil {
		t.Fatalf("after the other process was killed: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestLockOfNoFolder(t *testing.T) {
	if _, err := durable.Lock(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want ErrNotExist", err)
	}
}
