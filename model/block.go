package model

import "github.com/gradientlearning/cola/linalg"

// block runs f on x, its inputs. With checkpointing none of what f's backward steps need is
// kept: f is run again, on the same inputs, when its turn comes backwards. A captured x
// leaves only then, right before the g's that belong to it. No bit changes: gradients are
// added up in the same order.
func (p *pass) block(x []*Var, f func(x []*Var) *Var) *Var {
	if !p.checkpointing || p.sink == nil {
		return f(x)
	}
	outer := p.Tape
	p.Tape, p.quiet = NewTape(outer.dev), true
	first := f(x)
	adapted := len(p.steps) > 0
	p.Tape, p.quiet = outer, false
	v := &Var{Value: first.Value, rows: first.rows}
	if !adapted { // nor is anything before it
		return v
	}
	outer.record(v, func(g *linalg.Tensor) {
		p.Tape = NewTape(outer.dev)
		f(x).gradient.sum = g
		p.Backward()
		p.Tape = outer
	})
	return v
}
