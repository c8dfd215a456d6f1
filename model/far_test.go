package model_test

import "github.com/gradientlearning/cola/linalg"

// The operations of models of text on the far device.

func (d *far) Copy(dst, src *linalg.Tensor) { d.cpu.Copy(in(dst), in(src)) }
func (d *far) CopyColumns(dst, src *linalg.Tensor, to, from, width int, accumulate bool) {
	d.cpu.CopyColumns(in(dst), in(src), to, from, width, accumulate)
}
func (d *far) Gather(y, x, rows *linalg.Tensor) { d.cpu.Gather(in(y), in(x), in(rows)) }
func (d *far) GatherBackward(dx, g, rows *linalg.Tensor) {
	d.cpu.GatherBackward(in(dx), in(g), in(rows))
}
func (d *far) LayerNorm(y, stats, x, weight, bias *linalg.Tensor, eps float32) {
	d.cpu.LayerNorm(in(y), in(stats), in(x), in(weight), in(bias), eps)
}
func (d *far) LayerNormBackward(dx, g, x, stats, weight *linalg.Tensor, accumulate bool) {
	d.cpu.LayerNormBackward(in(dx), in(g), in(x), in(stats), in(weight), accumulate)
}
func (d *far) RMSNorm(y, stats, x, weight *linalg.Tensor, eps float32) {
	d.cpu.RMSNorm(in(y), in(stats), in(x), in(weight), eps)
}
func (d *far) RMSNormBackward(dx, g, x, stats, weight *linalg.Tensor, accumulate bool) {
	d.cpu.RMSNormBackward(in(dx), in(g), in(x), in(stats), in(weight), accumulate)
}
func (d *far) Activate(y, x *linalg.Tensor, f linalg.Activation) { d.cpu.Activate(in(y), in(x), f) }
func (d *far) ActivateBackward(dx, g, x *linalg.Tensor, f linalg.Activation) {
	d.cpu.ActivateBackward(in(dx), in(g), in(x), f)
}
func (d *far) SwiGLU(y, gate, up *linalg.Tensor) { d.cpu.SwiGLU(in(y), in(gate), in(up)) }
func (d *far) SwiGLUBackward(dgate, dup, g, gate, up *linalg.Tensor) {
	d.cpu.SwiGLUBackward(in(dgate), in(dup), in(g), in(gate), in(up))
}
func (d *far) RoPE(y, x, positions, table *linalg.Tensor, inverse bool) {
	d.cpu.RoPE(in(y), in(x), in(positions), in(table), inverse)
}
func (d *far) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.cpu.Attention(in(y), in(lse), in(q), in(k), in(v), a)
}
func (d *far) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	d.cpu.AttentionBackward(in(dq), in(dk), in(dv), in(g), in(y), in(lse), in(q), in(k), in(v), a)
}
func (d *far) SquaredError(loss, dpred, pred, target, scale *linalg.Tensor) {
	d.cpu.SquaredError(in(loss), in(dpred), in(pred), in(target), in(scale))
}
func (d *far) Argmax(index, x *linalg.Tensor) { d.cpu.Argmax(in(index), in(x)) }
