package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/participant"
	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
	"github.com/gradientlearning/cola/protocol/membership"
)

// Participant is the verb cola participant, and all of cola-participant.
type Participant struct {
	Join string `placeholder:"LINE" help:"Join line that the coordinator printed; needed until the participant is enrolled."`
	Name string `placeholder:"NAME" help:"The participant's name in the job; by default the join line's, the certificate's, or the machine's."`
	Data string `required:"" placeholder:"DATA" help:"The participant's own data: mnist, idx:FOLDER, synthetic:…; of text PRESET:PATH, jsonl:PATH, csv:PATH, text:FILE …"`
	DataFlags
	PartFlags
	State    string        `placeholder:"FOLDER" help:"Folder of identity, state and ledger; by default cola-NAME."`
	Out      string        `placeholder:"FOLDER" help:"Folder that gets adapter.safetensors and merged.safetensors at the end; by default the state folder."`
	Address  string        `placeholder:"HOST:PORT" help:"Address of the coordinator, where it has changed since the participant joined."`
	Discover []string      `placeholder:"HOST:PORT" help:"Find the coordinator's address by gossip, beginning with these members; needs a join line from a coordinator with --gossip."`
	MaxRows  int           `help:"Give at most so many examples a round, whatever the job asks for; 0 is no bound."`
	Wait     time.Duration `default:"1m" help:"How long the coordinator may be out of reach at first; 0 waits without end."`
	JSON     bool          `help:"Print one JSON object at the end."`
}

// Help is the text of the verb's help.
func (v *Participant) Help() string {
	return `Joins a job, trains, and leaves its adapter as safetensors. The data stay here; what leaves the machine is written to ledger.jsonl in the state folder. Killed or cut off at any moment, it goes on from where it was when started again.

Data of text need the tokenizer of the job's base model: its folder without the weights will do.

Examples: cola participant --join 'cola://192.0.2.7:7433/…' --data mnist --shard 3/8
cola participant --join 'cola://192.0.2.7:7433/…' --data dolly:dolly15k.jsonl --category open_qa --tokenizer gpt2`
}

// Run takes part until the job is done.
func (v *Participant) Run(env *Env) error {
	own, err := v.dataset(env)
	if err != nil {
		return err
	}
	var join identity.Join
	if v.Join != "" {
		if join, err = identity.ParseJoin(v.Join); err != nil {
			return err
		}
	}
	name, state := v.where(join)
	id, err := identity.OpenIdentity(filepath.Join(state, "identity"), name)
	if err != nil {
		return err
	}
	if err := v.enroll(env.Context, id, join); err != nil {
		return err
	}
	address, stop, err := v.addresses(env, id)
	if err != nil {
		return err
	}
	defer stop()
	cfg := participant.DefaultConfig()
	cfg.Name, cfg.Data, cfg.StateDir, cfg.Out = id.Name(), own, state, v.Out
	cfg.MaxRows, cfg.FirstContact, cfg.Software, cfg.Log = v.MaxRows, v.Wait, ReadVersion().String(), env.Log
	cfg.Dial = func(ctx context.Context) (*protocol.Conn, error) { return id.Dial(ctx, address()) }
	if cfg.Out == "" {
		cfg.Out = state
	}
	screen := telemetry.ScreenOf(env.Stderr)
	cfg.Observe = func(o participant.Observation) {
		screen.Status(fmt.Sprintf("%s: round %d of %d, loss %.4f, accuracy %.1f %%", id.Name(), o.Round, o.Rounds, o.Loss, 100*o.Accuracy))
	}
	result, err := participant.Run(env.Context, cfg)
	screen.Status("")
	if err != nil {
		return err
	}
	return v.print(env, id.Name(), cfg.Out, own.Format().Task, result)
}

// print says what the participant has.
func (v *Participant) print(env *Env, name, out string, task data.Task, r *participant.Result) error {
	digest := hex.EncodeToString(r.AdaptersSHA256[:])
	if v.JSON {
		return json.NewEncoder(env.Stdout).Encode(map[string]any{
			"participant": name, "rounds": r.Rounds, "version": r.Version, "accuracy": r.Accuracy, "loss": r.TestLoss, "adapter_sha256": digest,
			"bytes_sent": r.BytesSent, "bytes_received": r.BytesReceived, "adapter": filepath.Join(out, "adapter.safetensors"),
		})
	}
	tested := fmt.Sprintf("accuracy on the common test set %.2f %%", 100*r.Accuracy)
	if task == data.CausalLM || task == data.SequenceToSequence {
		tested = fmt.Sprintf("loss on the common test set %.4f", r.TestLoss)
	}
	_, err := fmt.Fprintf(env.Stdout, "%s: %d rounds done; %s; adapter %s in %s\n",
		name, r.Rounds, tested, digest[:16], filepath.Join(out, "adapter.safetensors"))
	return err
}

// dataset opens the participant's part of the data.
func (v *Participant) dataset(env *Env) (data.Dataset, error) {
	ds, err := v.DataFlags.Open(env.Context, env.Log, v.Data, "", 0)
	if err != nil {
		return nil, err
	}
	return v.Part(ds)
}

// where picks the participant's name and its state folder.
func (v *Participant) where(join identity.Join) (name, state string) {
	name = v.Name
	if name == "" {
		name = join.Name
	}
	label := name
	if label == "" {
		if host, err := os.Hostname(); err == nil {
			label, _, _ = strings.Cut(host, ".")
		}
	}
	if v.State != "" {
		if name == "" && v.Join != "" {
			name = label
		}
		return name, v.State
	}
	return label, "cola-" + label
}

// enroll makes the participant known to the job's authority. With the join line of
// before it asks nobody; a new one renews the certificate, or joins another job.
func (v *Participant) enroll(ctx context.Context, id *identity.Identity, join identity.Join) error {
	switch {
	case v.Join == "" && id.Enrolled():
		return nil
	case v.Join == "" && id.Joined().Addr != "":
		return nil // its certificate is past its date: Dial says so
	case v.Join == "":
		return protocol.Faultf(protocol.CodeUsage, "paste the join line that the coordinator printed: --join 'cola://…'",
			"the participant is not enrolled in a job yet")
	}
	begin := time.Now()
	for {
		err := id.Enroll(ctx, join)
		if err == nil || protocol.AsFault(err).Code != protocol.CodeUnreachable || v.Wait > 0 && time.Since(begin) > v.Wait {
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// addresses returns a function that tells where the coordinator is whenever it is asked:
// as given, as gossip says now, or as it was when the participant joined.
func (v *Participant) addresses(env *Env, id *identity.Identity) (where func() string, stop func(), err error) {
	joined, stop := id.Joined(), func() {}
	fixed := v.Address
	if fixed == "" {
		fixed = joined.Addr
	}
	if len(v.Discover) == 0 {
		return func() string { return fixed }, stop, nil
	}
	cfg := membership.DefaultDiscoverConfig()
	cfg.Seeds, cfg.JobID, cfg.Key, cfg.Logger = v.Discover, joined.Authority, []byte(joined.Gossip), env.Log
	ctx := env.Context
	if v.Wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Wait)
		defer cancel()
	}
	pool, err := membership.Discover(ctx, cfg)
	if err != nil {
		return nil, stop, err
	}
	stop = func() {
		if err := pool.Shutdown(); err != nil {
			env.Log.Debug("leaving the gossip pool", "error", err)
		}
	}
	return func() string {
		if known := pool.Coordinators(); len(known) > 0 {
			return known[0]
		}
		return fixed
	}, stop, nil
}
