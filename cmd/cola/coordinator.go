package main

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
	"github.com/gradientlearning/cola/protocol/membership"
)

// coordinatorVerb is cola coordinator.
type coordinatorVerb struct {
	Job       string        `required:"" placeholder:"FILE" help:"Job file (TOML)."`
	State     string        `placeholder:"FOLDER" help:"Folder of commits and identity; by default NAME.state, after the job."`
	Listen    string        `default:":7433" placeholder:"ADDRESS" help:"Address to listen on."`
	Advertise string        `placeholder:"HOST:PORT" help:"Address that join lines carry; by default this machine's first one."`
	Gossip    bool          `help:"Announce the coordinator by gossip, so that participants find it when its address changes."`
	GossipAt  string        `default:"0.0.0.0:7946" placeholder:"ADDRESS" help:"Address to gossip on, over UDP and TCP."`
	Validity  time.Duration `default:"8760h" placeholder:"DURATION" help:"How long participants' certificates are valid."`
	Linger    time.Duration `default:"1m" help:"How long to wait at the end for participants that have not fetched the final commit."`
	Device    string        `default:"auto" placeholder:"DEVICE" help:"Where to compute: auto (GPUs where there are any, else the CPU), cpu, cuda (all GPUs), cuda:N or cuda:N,M."`
	JSON      bool          `help:"Print the result as one JSON object on standard output, and nothing else there."`
}

// Help is the text of cola coordinator --help.
func (v *coordinatorVerb) Help() string {
	return `Runs a job: prints a join line for each participant that is missing, waits for all of them, trains, and ends with the result. Killed at any moment, it goes on from the last commit when started again.

Example: cola coordinator --job examples/mnist/job.toml`
}

// Run runs the job to its end.
func (v *coordinatorVerb) Run(env *cli.Env) (err error) {
	job, err := coordinator.ReadJob(v.Job)
	if err != nil {
		return err
	}
	if v.State == "" {
		v.State = job.Name + ".state"
	}
	if err := resolveModel(env, &job); err != nil {
		return err
	}
	read, err := openJobData(env, job, cli.DataFlags{})
	if err != nil {
		return err
	}
	devices, err := openDevices(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	job, memory, err := planMemory(env, job, read, devices)
	if err != nil {
		return err
	}
	authority, err := identity.OpenAuthority(filepath.Join(v.State, "identity"), identity.WithValidity(v.Validity))
	if err != nil {
		return err
	}
	listening := identity.DefaultListenConfig()
	listening.Logger = env.Log
	listener, err := authority.Listen(v.Listen, listening)
	if err != nil {
		return err
	}
	address, err := v.publish(listener.Addr())
	if err != nil {
		return err
	}
	leave, err := v.announce(env, authority, address)
	if err != nil {
		return err
	}
	defer leave()
	if err := v.invite(env, authority, job, address); err != nil {
		return err
	}
	progress := report.NewProgress(env.Stderr, env.Log)
	cfg := coordinator.DefaultConfig()
	cfg.Job, cfg.Listener, cfg.StateDir, cfg.Linger, cfg.Log = job, listener, v.State, v.Linger, env.Log
	cfg.Devices = devices.list
	cfg.Test, cfg.Validation, cfg.Tokenizer = read.test, read.validation, read.fingerprint
	started := false
	cfg.Observe = func(o coordinator.Observation) {
		if !started {
			started = true
			progress.Mode(string(job.Collaboration), int(o.Rounds))
		}
		progress.Round(int(o.Round), o.Loss, accuracies(o))
	}
	result, err := coordinator.Run(env.Context, cfg)
	progress.Done()
	if err != nil {
		return memory.explain(err)
	}
	return v.print(env, job, result)
}

// addressFile tells `cola invite` where the coordinator is reached.
const addressFile = "address"

// publish writes down the address that participants dial.
func (v *coordinatorVerb) publish(listening string) (string, error) {
	address := v.Advertise
	if address == "" {
		address = identity.AdvertisedAddr(listening)
		if host, _, err := net.SplitHostPort(v.Listen); err == nil && host != "" {
			_, port, err := net.SplitHostPort(listening)
			if err != nil {
				return "", fmt.Errorf("listening address %q: %w", listening, err)
			}
			address = identity.AdvertisedAddr(net.JoinHostPort(host, port))
		}
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", protocol.Faultf(protocol.CodeUsage, "write it like --advertise 192.0.2.7:7433", "--advertise: %w", err)
	}
	path := filepath.Join(v.State, addressFile)
	return address, durable.Fault(v.State, durable.WriteFile(path, []byte(address+"\n"), 0o600))
}

// announce enters the gossip pool, if asked to.
func (v *coordinatorVerb) announce(env *cli.Env, authority *identity.Authority, address string) (leave func(), err error) {
	if !v.Gossip {
		return func() {}, nil
	}
	secret, err := authority.GossipSecret()
	if err != nil {
		return nil, err
	}
	cfg := membership.DefaultAnnounceConfig()
	cfg.Bind, cfg.JobID, cfg.Key, cfg.CoordinatorAddr, cfg.Logger = v.GossipAt, authority.Fingerprint(), []byte(secret), address, env.Log
	pool, err := membership.Announce(env.Context, cfg)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := pool.Shutdown(); err != nil {
			env.Log.Debug("leaving the gossip pool", "error", err)
		}
	}, nil
}

// mostJoinLines is how many join lines are printed at once; for more there is invite.
const mostJoinLines = 4

// invite prints a join line for participants that are missing.
func (v *coordinatorVerb) invite(env *cli.Env, authority *identity.Authority, job coordinator.Job, address string) error {
	out := env.Stdout
	if v.JSON {
		out = env.Stderr
	}
	enrolled, err := authority.Enrolled()
	if err != nil {
		return err
	}
	missing := job.Participants - len(enrolled)
	if missing <= 0 {
		return nil
	}
	fmt.Fprintf(out, "job %s waits for %d participants at %s; on each of their machines, run one of these lines (each works once):\n\n", job.Name, missing, address)
	for range min(missing, mostJoinLines) {
		join, err := newJoin(authority, address, "", v.Gossip)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  cola participant --join '%v' --name NAME --data DATA\n", join)
	}
	if missing > mostJoinLines {
		fmt.Fprintf(out, "\nand for each of the other %d: cola invite --state %s\n", missing-mostJoinLines, v.State)
	}
	_, err = fmt.Fprintln(out)
	return err
}

// newJoin makes a join line with a new token.
func newJoin(authority *identity.Authority, address, name string, gossip bool) (identity.Join, error) {
	token, err := authority.Invite(name, 0)
	if err != nil {
		return identity.Join{}, err
	}
	join := identity.Join{Addr: address, Token: token, Authority: authority.Fingerprint(), Name: name}
	if gossip {
		join.Gossip, err = authority.GossipSecret()
	}
	return join, err
}

// print says how the job ended.
func (v *coordinatorVerb) print(env *cli.Env, job coordinator.Job, result *coordinator.Result) error {
	mode := &report.Mode{
		Seconds: result.Total.Seconds(), BytesSent: result.BytesSent, BytesReceived: result.BytesReceived,
		AdaptersSHA256: result.AdaptersSHA256, Names: result.Participants, PeakMemory: result.PeakMemory,
	}
	for _, name := range result.Participants {
		mode.Accuracy = append(mode.Accuracy, result.Accuracy[name])
		if loss, tested := result.TestLoss[name]; tested {
			mode.Losses = append(mode.Losses, loss)
		}
		mode.AccuracyMean += result.Accuracy[name] / float64(len(result.Participants))
		mode.Loss += result.TestLoss[name] / float64(len(result.Participants))
	}
	r := report.Report{
		Task: job.Name, Participants: job.Participants, Rounds: int(result.Rounds), Seconds: result.Total.Seconds(),
		Modes: map[string]*report.Mode{string(job.Collaboration): mode}, Language: result.Language, Regression: result.Regression,
	}
	if v.JSON {
		enc := json.NewEncoder(env.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return report.WriteTable(env.Stdout, r)
}
