package model

import (
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
	parameters []parameter // pristine, on the device
	layers     []*layer
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
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := declare(c)
	b := &Base{dev: dev, config: c, network: n, parameters: parameters(n)}
	if c.Weights == "" {
		initialise(b.parameters, c.Seed)
	} else if err := loadFile(b.parameters, c.Weights); err != nil {
		return nil, err
	}
	for _, p := range b.parameters {
		*p.value = upload(dev, *p.value)
	}
	b.layers = layers(n)
	for _, l := range b.layers {
		l.packed, l.workingBias = dev.Pack(l.weight), l.bias
	}
	return b, nil
}

// upload returns a copy of a host tensor on the device.
func upload(dev linalg.Device, host *linalg.Tensor) *linalg.Tensor {
	t := dev.New(host.DType(), host.Shape()...)
	dev.Upload(t, host)
	return t
}

// download returns a copy of a device's tensor on the host.
func download(dev linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	dev.Download(host, t)
	return host
}

// Config returns the configuration, with the paper's widths filled in.
func (b *Base) Config() Config {
	c := b.config
	c.Input, c.Hidden = slices.Clone(c.Input), slices.Clone(c.Hidden)
	return c
}

// Device returns the device that the model is on.
func (b *Base) Device() linalg.Device { return b.dev }

// Sites returns the sites, in the order in which x reaches them.
func (b *Base) Sites() []adapter.Site {
	sites := make([]adapter.Site, len(b.layers))
	for i, l := range b.layers {
		sites[i] = l.site
	}
	return sites
}

// Parameters returns copies of the pristine parameters W₀, on the host.
func (b *Base) Parameters() []Parameter {
	list := make([]Parameter, len(b.parameters))
	for i, p := range b.parameters {
		list[i] = Parameter{p.name, download(b.dev, *p.value)}
	}
	return list
}

// Bytes returns the device's memory that the model holds between passes: pristine
// parameters and the working copy.
func (b *Base) Bytes() int64 {
	var n int64
	for _, p := range b.parameters {
		n += bytesOf(*p.value)
	}
	for _, l := range b.layers {
		n += l.packed.Bytes()
		if l.workingBias != l.bias {
			n += bytesOf(l.workingBias)
		}
	}
	return n
}

func bytesOf(t *linalg.Tensor) int64 { return int64(t.Len()) * int64(t.DType().Size()) }
