package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/protocol"
)

// helper, when set in the environment, makes the test binary run the test command.
const helper = "CLI_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(helper) != "" {
		os.Exit(cli.Main(&command{}, "tool", os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// command is a command with a verb for every way to end.
type command struct {
	Echo      echo      `cmd:"" help:"Say the words."`
	Fail      fail      `cmd:"" help:"End in a failure."`
	Interrupt interrupt `cmd:"" help:"Interrupt itself."`
	Stubborn  stubborn  `cmd:"" help:"Ignore the first signal."`
}

func (*command) Help() string { return "A command for tests." }

type echo struct {
	Times int      `default:"1" help:"How often."`
	Words []string `arg:"" help:"What to say."`
}

func (e *echo) Run(env *cli.Env) error {
	for range e.Times {
		fmt.Fprintln(env.Stdout, strings.Join(e.Words, " "))
	}
	env.Log.Debug("said it")
	return nil
}

type fail struct {
	How string `arg:"" enum:"fault,bare,error,panic,disk,path,cancelled"`
}

func (f *fail) Run(*cli.Env) error {
	switch f.How {
	case "fault":
		return fmt.Errorf("run: %w", &protocol.Fault{Code: protocol.CodeBadData, Cause: "shape 3\nbut 4 wanted",
			Fix: "convert it", Participant: "p3", Round: 12})
	case "bare":
		return &protocol.Fault{Code: protocol.CodeJobFull, Cause: "no place is left"}
	case "error":
		return errors.New("odd")
	case "panic":
		panic("index out of sorts")
	case "disk":
		return fmt.Errorf("write commit-3.cola: %w", syscall.ENOSPC)
	case "path":
		_, err := os.Open("/does/not/exist")
		return err
	}
	return context.Canceled // without a signal it is not an interrupt
}

type interrupt struct{}

func (interrupt) Run(env *cli.Env) error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Signal(os.Interrupt); err != nil {
		return err
	}
	<-env.Context.Done()
	return fmt.Errorf("train: %w", env.Context.Err())
}

type stubborn struct{}

func (stubborn) Run(env *cli.Env) error {
	fmt.Fprintln(env.Stdout, "ready")
	<-env.Context.Done()
	fmt.Fprintln(env.Stdout, "ignored")
	time.Sleep(time.Minute)
	return nil
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = cli.Main(&command{}, "tool", args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestStatusAndMessage(t *testing.T) {
	for _, tc := range []struct {
		args   string
		status int
		stdout string
		stderr string // all of it, or its beginning if it ends in "…"
	}{
		{"echo a b", 0, "a b\n", ""},
		{"echo --times 2 a", 0, "a\na\n", ""},
		{"fail fault", 12, "", `error: shape 3
       but 4 wanted
where: tool fail, participant p3, round 12 (code bad-data, exit status 12)
fix:   convert it
`},
		{"fail bare", 25, "", "error: no place is left\nwhere: tool fail (code job-full, exit status 25)\n"},
		{"fail error", 70, "", "error: odd\nwhere: tool fail (code internal, exit status 70)\nfix:   report it…"},
		{"fail panic", 70, "", "error: panic: index out of sorts\nwhere: tool fail (code internal, exit status 70)\nfix:   report it…"},
		{"fail disk", 30, "", "error: write commit-3.cola: no space left on device\nwhere: tool fail (code disk-full, exit status 30)\nfix:   make room…"},
		{"fail path", 2, "", "error: open /does/not/exist: no such file or directory\nwhere: tool fail (code usage, exit status 2)\nfix:   check the path…"},
		{"fail cancelled", 70, "", "error: context canceled\n…"},
		{"ehco a", 2, "", "error: unexpected argument ehco, did you mean \"echo\"?\nwhere: tool (code usage, exit status 2)\nfix:   see tool --help\n"},
		{"echo --tmes 2 a", 2, "", "error: unknown flag --tmes, did you mean \"--times\"?\nwhere: tool echo (code usage, exit status 2)\nfix:   see tool echo --help\n"},
		{"echo --times x a", 2, "", "error: --times: expected a valid 64 bit int but got \"x\"\n…"},
		{"--log xml echo a", 2, "", "error: --log must be one of \"text\",\"json\" but got \"xml\"\n…"},
		{"echo", 2, "", "error: expected \"<words> ...\"\nwhere: tool echo…"},
		{"", 2, "", "Usage: tool <command> [flags]\n\nA command for tests.\n…"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			status, stdout, stderr := run(strings.Fields(tc.args)...)
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			if diff := cmp.Diff(tc.stdout, stdout); diff != "" {
				t.Errorf("standard output: %s", diff)
			}
			if begin, ok := strings.CutSuffix(tc.stderr, "…"); ok {
				if !strings.HasPrefix(stderr, begin) {
					t.Errorf("standard error is %q, want it to begin with %q", stderr, begin)
				}
			} else if diff := cmp.Diff(tc.stderr, stderr); diff != "" {
				t.Errorf("standard error: %s", diff)
			}
		})
	}
}

func TestPanicComesWithItsStack(t *testing.T) {
	_, _, stderr := run("fail", "panic")
	if !strings.Contains(stderr, "cli_test.(*fail).Run") {
		t.Errorf("the stack does not show where the panic was:\n%s", stderr)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{
		"--help":      "Say the words.",
		"echo --help": "--times=1",
		"--version":   cli.ReadVersion().String() + "\n",
	} {
		status, stdout, stderr := run(strings.Fields(args)...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("tool %s: status %d, %q on standard error, and %q does not hold %q", args, status, stderr, stdout, want)
		}
	}
}

func TestFailuresAsJSON(t *testing.T) {
	for _, tc := range []struct {
		args string
		env  string
		want map[string]any
	}{
		{"--log json fail fault", "", map[string]any{"code": "bad-data", "cause": "shape 3\nbut 4 wanted", "fix": "convert it",
			"participant": "p3", "round": 12.0, "where": "tool fail", "exit_status": 12.0}},
		{"fail bare --log=json", "", map[string]any{"code": "job-full", "cause": "no place is left", "where": "tool fail", "exit_status": 25.0}},
		{"fail bare", "json", map[string]any{"code": "job-full", "cause": "no place is left", "where": "tool fail", "exit_status": 25.0}},
		{"echo --log=json", "", map[string]any{"code": "usage", "cause": `expected "<words> ..."`, "fix": "see tool echo --help",
			"where": "tool echo", "exit_status": 2.0}},
	} {
		t.Run(tc.args, func(t *testing.T) {
			t.Setenv("COLA_LOG", tc.env)
			if tc.env == "" {
				os.Unsetenv("COLA_LOG")
			}
			_, _, stderr := run(strings.Fields(tc.args)...)
			var got map[string]any
			if err := json.Unmarshal([]byte(stderr), &got); err != nil {
				t.Fatalf("%v in %q", err, stderr)
			}
			delete(got, "time")
			tc.want["level"], tc.want["msg"] = "ERROR", "failed"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPanicAsJSONIsOneObjectALine(t *testing.T) {
	status, _, stderr := run("--log", "json", "fail", "panic")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if status != 70 || len(lines) != 2 {
		t.Fatalf("status %d, %d lines:\n%s", status, len(lines), stderr)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestJSONIsNotAskedForBehindTheDashes(t *testing.T) {
	_, stdout, _ := run("echo", "--", "--log=json")
	if stdout != "--log=json\n" {
		t.Errorf("said %q", stdout)
	}
	if _, _, stderr := run("echo", "--bad", "--", "--log=json"); !strings.HasPrefix(stderr, "error: ") {
		t.Errorf("the parser's error is not text: %q", stderr)
	}
}

func TestEnvironmentSetsFlags(t *testing.T) {
	t.Setenv("COLA_TIMES", "3")
	t.Setenv("COLA_LOG_LEVEL", "debug")
	status, stdout, stderr := run("echo", "a")
	if status != 0 || stdout != "a\na\na\n" || !strings.Contains(stderr, "said it") {
		t.Errorf("status %d, said %q, logged %q", status, stdout, stderr)
	}
}

func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt itself there")
	}
	status, _, stderr := run("interrupt")
	if status != 130 || !strings.Contains(stderr, "interrupted") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestSecondSignalKills(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals there")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "stubborn")
	cmd.Env = append(os.Environ(), helper+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"ready", "ignored"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("said %q, want %q", lines.Text(), want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if want == "ignored" {
			break
		}
	}
	// The second signal may be caught while the first one's handler is still being
	// taken down: keep on asking, as a person would.
	go func() {
		for cmd.Process.Signal(syscall.SIGTERM) == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, _ = io.Copy(io.Discard, out)
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v, want SIGTERM", exit)
	}
}
