package dryrun

import "github.com/gradientlearning/cola/linalg"

// nothing has the operations of a device, none of which does anything.
type nothing struct{}

func (nothing) Upload(_, _ *linalg.Tensor)                                             {}
func (nothing) Download(_, _ *linalg.Tensor)                                           {}
func (nothing) Copy(_, _ *linalg.Tensor)                                               {}
func (nothing) CopyColumns(_, _ *linalg.Tensor, _, _, _ int, _ bool)                   {}
func (nothing) Zero(*linalg.Tensor)                                                    {}
func (nothing) Axpy(_ *linalg.Tensor, _ float32, _ *linalg.Tensor)                     {}
func (nothing) Add(_, _, _ *linalg.Tensor)                                             {}
func (nothing) Scale(*linalg.Tensor, float32)                                          {}
func (nothing) MatMul(_, _, _ *linalg.Tensor, _ linalg.MatMul)                         {}
func (nothing) Linear(_, _ *linalg.Tensor, _ linalg.Packed, _ linalg.Epilogue)         {}
func (nothing) LowRank(_, _ *linalg.Tensor, _ []linalg.LowRank)                        {}
func (nothing) LowRankBackward(_, _ *linalg.Tensor, _ []linalg.LowRank)                {}
func (nothing) Err() error                                                             { return nil }
func (nothing) LinearBackward(_, _ *linalg.Tensor, _ linalg.Packed, _ linalg.Backward) {}
func (nothing) AddBias(_, _ *linalg.Tensor)                                            {}
func (nothing) AddBiasBackward(_, _ *linalg.Tensor, _ bool)                            {}
func (nothing) ReLU(_, _ *linalg.Tensor)                                               {}
func (nothing) ReLUBackward(_, _, _ *linalg.Tensor)                                    {}
func (nothing) Activate(_, _ *linalg.Tensor, _ linalg.Activation)                      {}
func (nothing) ActivateBackward(_, _, _ *linalg.Tensor, _ linalg.Activation)           {}
func (nothing) SwiGLU(_, _, _ *linalg.Tensor)                                          {}
func (nothing) SwiGLUBackward(_, _, _, _, _ *linalg.Tensor)                            {}
func (nothing) LayerNorm(_, _, _, _, _ *linalg.Tensor, _ float32)                      {}
func (nothing) LayerNormBackward(_, _, _, _, _ *linalg.Tensor, _ bool)                 {}
func (nothing) RMSNorm(_, _, _, _ *linalg.Tensor, _ float32)                           {}
func (nothing) RMSNormBackward(_, _, _, _, _ *linalg.Tensor, _ bool)                   {}
func (nothing) RoPE(_, _, _, _ *linalg.Tensor, _ bool)                                 {}
func (nothing) Attention(_, _, _, _, _ *linalg.Tensor, _ linalg.Attention)             {}
func (nothing) AttentionBackward(_, _, _, _, _, _, _, _, _ *linalg.Tensor, _ linalg.Attention) {
}
func (nothing) Gather(_, _, _ *linalg.Tensor)                             {}
func (nothing) GatherBackward(_, _, _ *linalg.Tensor)                     {}
func (nothing) Unfold(_, _ *linalg.Tensor, _ linalg.Conv)                 {}
func (nothing) UnfoldBackward(_, _ *linalg.Tensor, _ linalg.Conv, _ bool) {}
func (nothing) MaxPool(_, _, _ *linalg.Tensor, _ int)                     {}
func (nothing) MaxPoolBackward(_, _, _ *linalg.Tensor)                    {}
func (nothing) MeanPool(_, _ *linalg.Tensor)                              {}
func (nothing) MeanPoolBackward(_, _ *linalg.Tensor)                      {}
func (nothing) CrossEntropy(_, _, _, _, _ *linalg.Tensor)                 {}
func (nothing) SquaredError(_, _, _, _, _ *linalg.Tensor)                 {}
func (nothing) Argmax(_, _ *linalg.Tensor)                                {}
