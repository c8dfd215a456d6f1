package model

import (
	"path/filepath"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Base is a base model on a device: frozen parameters W₀, and the working copy that passes
// multiply with, W₀ or W₀ + ΔW̄. It is for one goroutine at a time.
type Base struct {
	dev        linalg.Device
	config     Config
	network    network
	parameters []parameter
	layers     []*layer // all of them
	sites      []*layer // those that are adapted, in the order of the sites
	loaded     Loaded
}

// Parameter is a tensor of the base model under its checkpoint name.
type Parameter struct {
	Name  string
	Value *linalg.Tensor
}

// New puts the model that a configuration declares on a device, with random weights from
// the seed or with those of a file. Tensors that the file lacks, has over, or has in
// another shape are all named in the error.
func New(dev linalg.Device, c Config) (*Base, error) {
	b, err := build(dev, c)
	if err != nil {
		return nil, err
	}
	if err := b.load(); err != nil {
		return nil, err
	}
	b.place()
	return b, dev.Err()
}

// Replica puts the same model on another device: one that may change on its own from there on.
// On the host both share what they began with.
func (b *Base) Replica(dev linalg.Device) (*Base, error) {
	r, err := build(dev, b.config)
	if err != nil {
		return nil, err
	}
	for i, p := range b.parameters {
		value := p.pristine
		if p.onHost {
			value = *p.value
		}
		*r.parameters[i].value, r.parameters[i].held = value, p.held
	}
	r.loaded = b.loaded
	r.place()
	return r, dev.Err()
}

// SaveMemory makes passes hold as little as they can, by computing every block twice. It says
// whether that is less than before.
func (b *Base) SaveMemory() bool {
	if b.config.Path == "" || b.config.Checkpoints == 1 {
		return false
	}
	b.config.Checkpoints = 1
	return true
}

// Declare puts a model without numbers on a device that computes nothing, to see what it
// would take: of its files config.json alone is read. [New] on such a device maps the
// weights and packs none, which is all that reading parameters needs.
func Declare(dev linalg.Device, c Config) (*Base, error) {
	b, err := build(dev, c)
	if err != nil {
		return nil, err
	}
	b.place()
	return b, nil
}

// build declares the model and chooses its sites.
func build(dev linalg.Device, c Config) (*Base, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Base{dev: dev}
	var err error
	if b.config, b.network, err = declare(c); err != nil {
		return nil, err
	}
	b.parameters, b.layers = parameters(b.network), layers(b.network)
	if b.config.Path != "" && !b.config.Random {
		for i, p := range b.parameters { // as loading finds it, unless the files hold another type
			b.parameters[i].mapped = p.onHost && filepath.Ext(b.config.Path) != ".bin"
		}
	}
	wanted, err := wantedSites(b.layers, b.config)
	if err != nil {
		return nil, err
	}
	b.sites = choose(b.layers, wanted)
	for _, l := range b.layers {
		l.precision = b.config.Precision
		if l.index >= 0 && l.precision == linalg.BF16Weights {
			l.precision = linalg.F32Products
		}
	}
	return b, nil
}

// load fills the parameters, on the host: from the files that the configuration names, or
// at random.
func (b *Base) load() error {
	switch {
	case b.config.Random || b.config.Path == "" && b.config.Weights == "":
		initialise(b.network, b.parameters, b.config.Seed)
		return nil
	case b.config.Path != "":
		var err error
		b.loaded, err = loadFolder(b.network, b.parameters, b.config)
		return err
	}
	return loadFile(b.parameters, b.config.Weights)
}

// place puts what passes compute with on the device.
func (b *Base) place() {
	b.attach()
	for i, p := range b.parameters {
		if !p.onHost {
			b.parameters[i].pristine = (*p.value).Convert(linalg.F32)
			*p.value = upload(b.dev, b.parameters[i].pristine)
			p.done()
		}
	}
	if t, ok := b.network.(interface{ prepare(dev linalg.Device) }); ok {
		t.prepare(b.dev)
	}
	b.restore()
}

// restore makes the pristine parameters the working copy.
func (b *Base) restore() {
	s := &scratch{}
	for _, l := range b.layers {
		l.restore(b.dev, s)
	}
}

// Config returns the configuration, with what it leaves open filled in: the paper's widths,
// or what the files say.
func (b *Base) Config() Config {
	c := b.config
	c.Input, c.Hidden, c.Targets = slices.Clone(c.Input), slices.Clone(c.Hidden), slices.Clone(c.Targets)
	return c
}

// Device returns the device that the model is on.
func (b *Base) Device() linalg.Device { return b.dev }

// Loaded says what was noteworthy about the files that the model came from.
func (b *Base) Loaded() Loaded { return b.loaded }

// Sites returns the sites, in the order in which x reaches them; those that share an input
// follow each other.
func (b *Base) Sites() []adapter.Site { return sitesOf(b.sites) }

// Layers returns every layer that could be a site, in the order of the model.
func (b *Base) Layers() []adapter.Site { return sitesOf(b.layers) }

func sitesOf(layers []*layer) []adapter.Site {
	sites := make([]adapter.Site, len(layers))
	for i, l := range layers {
		sites[i] = l.site
	}
	return sites
}

// Parameters returns copies of the pristine parameters W₀, on the host and in F32.
func (b *Base) Parameters() []Parameter {
	list := make([]Parameter, len(b.parameters))
	for i, p := range b.parameters {
		list[i] = Parameter{p.name, b.pristine(p)}
	}
	return list
}

// Parameter returns a copy of one of the pristine parameters; nil where there is none of the name.
func (b *Base) Parameter(name string) *linalg.Tensor {
	for _, p := range b.parameters {
		if p.name == name {
			return b.pristine(p)
		}
	}
	return nil
}

func (b *Base) pristine(p parameter) *linalg.Tensor {
	defer p.done()
	t := p.pristine
	if p.onHost {
		t = *p.value
	}
	if whole := p.whole(t); whole != t {
		return whole
	}
	return t.Clone()
}

// Bytes returns the memory that the model holds between passes: pristine parameters, but
// for those that are mapped from a file, and the working copy.
func (b *Base) Bytes() int64 {
	var n int64
	for _, p := range b.parameters {
		if !p.mapped {
			n += bytesOf(*p.value)
		}
	}
	for _, l := range b.layers {
		n += l.bytes()
	}
	return n
}

// OnDevice returns what of the model a device with memory of its own holds between passes: the
// working copy, and what has no other.
func (b *Base) OnDevice() int64 {
	var n int64
	for _, p := range b.parameters {
		if !p.onHost {
			n += bytesOf(*p.value)
		}
	}
	for _, l := range b.layers {
		if n += l.bytes(); l.table != nil && l.table == *l.weight { // which such a device copies
			n += bytesOf(l.table)
		}
	}
	return n
}

// Mapped returns the bytes of the pristine parameters that are mapped from a file.
func (b *Base) Mapped() int64 {
	var n int64
	for _, p := range b.parameters {
		if p.mapped {
			n += bytesOf(*p.value)
		}
	}
	return n
}

func bytesOf(t *linalg.Tensor) int64 { return int64(t.Len()) * int64(t.DType().Size()) }
