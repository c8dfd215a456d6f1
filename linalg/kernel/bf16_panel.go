package kernel

import "sync"

// panelDepth is how many terms of a panel are widened at once: it stays in the second cache.
const panelDepth = 768

// panel is memory for a panel's block in float32, and for what is asked for meanwhile.
type panel struct {
	panel    [panelDepth * Panel]float32
	next     [1][]float32
	fetching fetching
}

var panels = sync.Pool{New: func() any { return new(panel) }}

func borrowPanel() *panel { return panels.Get().(*panel) }

func (p *panel) giveBack() {
	p.next[0] = nil // what was asked for is another's
	panels.Put(p)
}
