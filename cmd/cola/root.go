package main

import "github.com/gradientlearning/cola/internal/cli"

// root is the command: one line a verb, in the order of cola --help. A verb lives in
// the file of its name; it is a struct with kong tags and a method
// Run(env *cli.Env) error.
type root struct {
	Simulate    simulateVerb    `cmd:"" help:"Run a whole federation in one process."`
	Coordinator coordinatorVerb `cmd:"" help:"Run a job for participants on other machines."`
	Participant cli.Participant `cmd:"" help:"Take part in a job with data of one's own."`
	Invite      inviteVerb      `cmd:"" help:"Print a line that lets one more participant join."`
	Forget      forgetVerb      `cmd:"" help:"Take a participant's name back: its certificate is refused, and the name can join anew."`
	Generate    generateVerb    `cmd:"" help:"Let a language model write, with the adapters of many participants at once."`
	Eval        evalVerb        `cmd:"" help:"Score held-out examples, with and without adapters."`
	Export      exportVerb      `cmd:"" help:"Write adapters for PEFT, llama.cpp, or into a model's weights."`
	Import      importVerb      `cmd:"" help:"Read a LoRA adapter that PEFT wrote."`
	Plan        planVerb        `cmd:"" help:"Say what a round takes, in memory and bytes, before anything runs."`
	Tokenize    tokenizeVerb    `cmd:"" help:"Print the token ids of texts, or the texts of ids."`
	Inspect     inspectVerb     `cmd:"" help:"Show what is in frames, safetensors files, adapters and state folders."`
	Verify      verifyVerb      `cmd:"" help:"Compare gradient learning with classical gradients, or with numbers of another implementation."`
	Bench       benchVerb       `cmd:"" help:"Measure products, steps and fits on this machine."`
	Device      deviceVerb      `cmd:"" help:"List GPUs, and what NVIDIA's libraries lack here."`
	Version     versionVerb     `cmd:"" help:"Print the version of cola, of Go and of the protocol."`
}

// Help is the text under the usage line of cola --help.
func (*root) Help() string {
	return `Collaborative adaptation: many participants fine-tune one frozen model, and the coordinator never computes a parameter gradient.

Start with: cola simulate

Every flag can also be set in the environment: --log-level is COLA_LOG_LEVEL. Exit statuses are in docs/exit-codes.md.`
}
