// Package participant is a party that fine-tunes: it keeps its data, its adapters and
// its optimizer state to itself, gives the coordinator the mini-batches that it is
// asked for, fits its adapters from the tuples that come back, and gives its update.
//
// # State
//
// A participant's state is versioned by commits. Before it gives the update meant for
// version v it writes state-<v>.cola; when the coordinator says that v is committed,
// it goes on from there. After any crash, of either side, the coordinator's Welcome
// names the version to continue from, and the participant has it: it keeps the last
// two and the one that is under way, and the one that it would end with if the job ended
// with its best commit so far.
//
// # Caveats
//
// The coordinator sees the inputs and labels of the mini-batches it asks for. What left
// the machine is written to ledger.jsonl, a line a message.
package participant
