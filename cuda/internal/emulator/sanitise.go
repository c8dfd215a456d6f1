package emulator

import (
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Sanitised reports whether this process began with the address sanitiser, and can open
// libraries that were built with it.
func Sanitised(testing.TB) bool { return preloaded() }

// RunSanitised runs the test that calls it in a child process that begins with the address
// sanitiser, and returns what it printed. There, [Sanitised] is true. Where the sanitiser is
// not installed the test is skipped.
func RunSanitised(t testing.TB) (output string, err error) {
	t.Helper()
	if raceDetector() {
		t.Skip("the race detector and the address sanitiser want the same addresses")
	}
	c, err := findCompiler(true)
	if err != nil {
		t.Skip(err)
	}
	library := c.sanitiser()
	if _, err := os.Stat(library); err != nil {
		t.Skipf("%s has no address sanitiser", c.path)
	}
	parts := strings.Split(t.Name(), "/")
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.Join(parts, "$/^")+"$", "-test.count=1")
	// The sanitiser takes no signals, which are Go's, and looks for no leaks: it cannot see Go's
	// memory.
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+library, "ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this program runs in an emulator of its processor, and can start no others")
	}
	return string(out), err
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
