package adapter

import "github.com/gradientlearning/cola/linalg"

// Part is an adapter on rows Lo to Hi-1 of a batch.
type Part struct {
	Adapter Adapter
	Lo, Hi  int
}

// Apply computes y += g_w(x) on every part's rows, each with its own adapter: the low-rank
// ones in one operation of the device, whatever their ranks, and the others side by side.
func Apply(dev linalg.Device, y, x *linalg.Tensor, parts []Part) {
	low, others := group(parts)
	if len(low) > 0 {
		dev.LowRank(y, x, low)
	}
	linalg.Each(dev, len(others), func(i int) {
		p := others[i]
		p.Adapter.Apply(dev, dev.Rows(y, p.Lo, p.Hi), dev.Rows(x, p.Lo, p.Hi))
	})
}

// Backward computes dx += (∂g_w/∂x)ᵀ g on every part's rows.
func Backward(dev linalg.Device, dx, x, g *linalg.Tensor, parts []Part) {
	low, others := group(parts)
	if len(low) > 0 {
		dev.LowRankBackward(dx, g, low)
	}
	linalg.Each(dev, len(others), func(i int) {
		p := others[i]
		p.Adapter.Backward(dev, dev.Rows(dx, p.Lo, p.Hi), dev.Rows(x, p.Lo, p.Hi), dev.Rows(g, p.Lo, p.Hi))
	})
}

// group tells the low-rank adapters from the others.
func group(parts []Part) (low []linalg.LowRank, others []Part) {
	for _, p := range parts {
		if l, ok := p.Adapter.(*lowRank); ok {
			low = append(low, l.on(p.Lo, p.Hi))
		} else {
			others = append(others, p)
		}
	}
	return low, others
}
