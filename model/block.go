package model

import "github.com/gradientlearning/cola/linalg"

// checkpoint reports whether the block that begins is one of those that are computed twice.
func (p *pass) checkpoint() bool {
	if p.checkpoints == 0 || p.sink == nil {
		return false
	}
	p.blocks++
	return (p.blocks-1)%p.checkpoints == 0
}

// block runs f on x, its inputs. Of what is computed in it there stays what its backward steps
// need. At a checkpoint that is x alone: f is run again, on the same inputs, when its turn
// comes backwards. A captured x leaves only then, right before the g's that belong to it. No
// bit changes: gradients are added up in the same order.
func (p *pass) block(x []*Var, f func(x []*Var) *Var) *Var {
	if p.cache != nil { // which holds values of every block
		return f(x)
	}
	if !p.checkpoint() {
		begin := len(p.made)
		v := f(x)
		p.end(begin, v)
		return v
	}
	outer := p.Tape
	p.Tape, p.quiet = NewTape(outer.dev, outer.hidden), true
	first := f(x)
	adapted := len(p.steps) > 0
	p.abandon(first, outer)
	p.Tape, p.quiet = outer, false
	v := &Var{Value: first.Value, memory: first.memory, rows: first.rows}
	if !adapted { // nor is anything before it
		return v
	}
	outer.record(v, func(g *linalg.Tensor) {
		inner := NewTape(outer.dev, outer.hidden)
		p.Tape = inner
		f(x).gradient.sum = g
		outer.given = true
		inner.Backward()
		inner.end(0, nil)
		p.Tape = outer
	})
	return outer.keep(v, x...)
}
