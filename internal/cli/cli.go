// Package cli is what cola's two commands share: the parser of flags and verbs, the
// environment that a verb runs in, and what a fault looks like to the person who ran
// it and to the shell (docs/exit-codes.md).
//
// A verb is a struct with kong tags and a method Run(env *Env) error. A command is a
// struct of verbs, or is one verb itself, and hands it to [Main].
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/protocol"
)

// Env is what a verb runs in.
type Env struct {
	// Context is cancelled by SIGINT and SIGTERM; a second signal kills the process.
	Context context.Context
	Stdout  io.Writer
	Stderr  io.Writer // a telemetry.Screen when it comes from Main
	Log     *slog.Logger
}

// interrupted is the exit status of a verb that a signal ended.
const interrupted = 130

// flags are on every verb of every command.
type flags struct {
	Log      string           `enum:"text,json" default:"text" help:"How to log on standard error: text for people, json for collectors."`
	LogLevel string           `enum:"debug,info,warn,error" default:"info" help:"The least important level to log: debug, info, warn or error."`
	Version  kong.VersionFlag `env:"-" help:"Print the version and exit."`
}

// exit is what kong's help and version flags leave the parser by.
type exit int

// Main runs the command: app is a pointer to a struct with kong tags, args are the
// arguments without the command's name. It returns the exit status: 0, that of the
// fault's code, or 130 after an interrupt.
func Main(app any, name string, args []string, stdout, stderr io.Writer) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	limitGarbage()
	context.AfterFunc(ctx, stop) // from then on the next signal has its default effect

	c := &command{where: name, json: asksForJSON(args), screen: telemetry.ScreenOf(stderr)}
	if c.json {
		c.screen = telemetry.NewScreen(stderr, false) // nothing but JSON lines
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			status = int(r)
		default:
			status = c.panicked(r, debug.Stack())
		}
	}()

	var common flags
	parser := newParser(app, &common, name, stdout, c.screen)
	if len(args) == 0 && hasVerbs(parser) {
		parser.Stdout = c.screen
		args = []string{"--help"}
		parser.Exit = func(int) { panic(exit(protocol.CodeUsage.ExitStatus())) }
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return c.fail(c.usage(err))
	}
	c.where = where(parsed)
	var level slog.Level
	if err := level.UnmarshalText([]byte(common.LogLevel)); err != nil {
		return c.fail(err)
	}
	log, err := telemetry.New(c.screen, common.Log, level)
	if err != nil {
		return c.fail(err)
	}
	err = parsed.Run(&Env{Context: ctx, Stdout: stdout, Stderr: c.screen, Log: log})
	c.screen.Status("")
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		log.Warn("interrupted")
		return interrupted
	}
	return c.fail(err)
}

// newParser builds the parser. A grammar that does not build is a programmer's error.
func newParser(app any, common *flags, name string, stdout, stderr io.Writer) *kong.Kong {
	return kong.Must(app,
		kong.Name(name),
		kong.Embed(common),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { panic(exit(status)) }),
		kong.DefaultEnvars("COLA"),
		kong.Vars{"version": ReadVersion().String()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		// Every flag has its variable by the same rule: saying so at each is noise.
		kong.ValueFormatter(func(v *kong.Value) string { return v.Help }),
	)
}

// hasVerbs says whether the command is a set of verbs, not one itself.
func hasVerbs(parser *kong.Kong) bool {
	return slices.ContainsFunc(parser.Model.Children, func(n *kong.Node) bool { return n.Type == kong.CommandNode })
}

// where names the verb for people: "cola simulate".
func where(parsed *kong.Context) string {
	if verb := parsed.Selected(); verb != nil {
		return verb.FullPath()
	}
	return parsed.Model.Name
}
