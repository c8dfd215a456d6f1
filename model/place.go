package model

import (
	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// What passes compute with is put into the device's memory here; on a device that computes in
// the host's memory there is nothing to do.

// upload returns a copy of a host tensor on the device.
func upload(dev linalg.Device, host *linalg.Tensor) *linalg.Tensor {
	t := dev.Empty(host.DType(), host.Shape()...)
	dev.Upload(t, host)
	return t
}

// inHostMemory reports whether a device computes in the host's memory.
func inHostMemory(dev linalg.Device) bool { return dev.Empty(linalg.I32, 0).Memory() == nil }

// place returns a tensor on the device: t itself if it is there, which on a device that
// computes in the host's memory it always is.
func place(dev linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	if t.Memory() != nil || inHostMemory(dev) {
		return t
	}
	return upload(dev, t)
}

// download returns a copy of a device's tensor on the host.
func download(dev linalg.Device, t *linalg.Tensor) *linalg.Tensor {
	host := linalg.New(t.DType(), t.Shape()...)
	dev.Download(host, t)
	return host
}

// withPlaced calls do with a tensor on the device, which keeps no copy of it afterwards.
func withPlaced(dev linalg.Device, t *linalg.Tensor, do func(t *linalg.Tensor)) {
	placed := place(dev, t)
	do(placed)
	if placed != t {
		dev.Free(placed)
	}
}

// place puts a tensor on the device until the pass ends.
func (p *pass) place(t *linalg.Tensor) *linalg.Tensor {
	placed := place(p.dev, t)
	if placed != t {
		p.loans = append(p.loans, placed)
	}
	return placed
}

// bring takes a tensor that the pass made to the host.
func (p *pass) bring(t *linalg.Tensor) *linalg.Tensor {
	host := download(p.dev, t)
	p.dev.Free(t)
	return host
}

// placeAdapters returns owners whose adapters are on the device, and a function that lets go of
// what was copied there.
func placeAdapters(dev linalg.Device, owners []Owner) (placed []Owner, release func()) {
	var copies []adapter.Adapter
	for _, o := range owners {
		var list []adapter.Adapter
		for _, a := range o.Adapters {
			there, copied := adapter.Place(dev, a)
			if copied {
				copies = append(copies, there)
			}
			list = append(list, there)
		}
		o.Adapters = list
		placed = append(placed, o)
	}
	return placed, func() {
		for _, a := range copies {
			adapter.Release(dev, a)
		}
	}
}
