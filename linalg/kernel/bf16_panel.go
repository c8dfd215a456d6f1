package kernel

import "sync"

// panel is memory for a panel's block in float32.
type panel struct{ panel [Depth * Panel]float32 }

var panels = sync.Pool{New: func() any { return new(panel) }}

func borrowPanel() *panel { return panels.Get().(*panel) }

func (p *panel) giveBack() { panels.Put(p) }
