package kernel

import "sync"

// panelDepth is how many terms of a panel are widened at once: it stays in the second cache.
const panelDepth = 768

// panel is memory for a panel's block in float32.
type panel struct{ panel [panelDepth * Panel]float32 }

var panels = sync.Pool{New: func() any { return new(panel) }}

func borrowPanel() *panel { return panels.Get().(*panel) }

func (p *panel) giveBack() { panels.Put(p) }
