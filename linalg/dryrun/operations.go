package dryrun

import "github.com/gradientlearning/cola/linalg"

// The operations, none of which does anything. What [linalg.Device] says of them holds for
// shapes alone.

func (*Device) Upload(_, _ *linalg.Tensor)                                    {}
func (*Device) Download(_, _ *linalg.Tensor)                                  {}
func (*Device) Copy(_, _ *linalg.Tensor)                                      {}
func (*Device) CopyColumns(_, _ *linalg.Tensor, _, _, _ int, _ bool)          {}
func (*Device) Zero(*linalg.Tensor)                                           {}
func (*Device) Axpy(_ *linalg.Tensor, _ float32, _ *linalg.Tensor)            {}
func (*Device) Scale(*linalg.Tensor, float32)                                 {}
func (*Device) MatMul(_, _, _ *linalg.Tensor, _ linalg.MatMul)                {}
func (*Device) Linear(_, _ *linalg.Tensor, _ linalg.Packed, _ *linalg.Tensor) {}
func (*Device) LinearBackward(_, _ *linalg.Tensor, _ linalg.Packed, _ bool)   {}
func (*Device) AddBias(_, _ *linalg.Tensor)                                   {}
func (*Device) AddBiasBackward(_, _ *linalg.Tensor, _ bool)                   {}
func (*Device) ReLU(_, _ *linalg.Tensor)                                      {}
func (*Device) ReLUBackward(_, _, _ *linalg.Tensor)                           {}
func (*Device) Activate(_, _ *linalg.Tensor, _ linalg.Activation)             {}
func (*Device) ActivateBackward(_, _, _ *linalg.Tensor, _ linalg.Activation)  {}
func (*Device) SwiGLU(_, _, _ *linalg.Tensor)                                 {}
func (*Device) SwiGLUBackward(_, _, _, _, _ *linalg.Tensor)                   {}
func (*Device) LayerNorm(_, _, _, _, _ *linalg.Tensor, _ float32)             {}
func (*Device) LayerNormBackward(_, _, _, _, _ *linalg.Tensor, _ bool)        {}
func (*Device) RMSNorm(_, _, _, _ *linalg.Tensor, _ float32)                  {}
func (*Device) RMSNormBackward(_, _, _, _, _ *linalg.Tensor, _ bool)          {}
func (*Device) RoPE(_, _, _, _ *linalg.Tensor, _ bool)                        {}
func (*Device) Attention(_, _, _, _, _ *linalg.Tensor, _ linalg.Attention)    {}
func (*Device) AttentionBackward(_, _, _, _, _, _, _, _, _ *linalg.Tensor, _ linalg.Attention) {
}
func (*Device) Gather(_, _, _ *linalg.Tensor)                             {}
func (*Device) GatherBackward(_, _, _ *linalg.Tensor)                     {}
func (*Device) Unfold(_, _ *linalg.Tensor, _ linalg.Conv)                 {}
func (*Device) UnfoldBackward(_, _ *linalg.Tensor, _ linalg.Conv, _ bool) {}
func (*Device) MaxPool(_, _, _ *linalg.Tensor, _ int)                     {}
func (*Device) MaxPoolBackward(_, _, _ *linalg.Tensor)                    {}
func (*Device) MeanPool(_, _ *linalg.Tensor)                              {}
func (*Device) MeanPoolBackward(_, _ *linalg.Tensor)                      {}
func (*Device) CrossEntropy(_, _, _, _, _ *linalg.Tensor)                 {}
func (*Device) SquaredError(_, _, _, _, _ *linalg.Tensor)                 {}
func (*Device) Argmax(_, _ *linalg.Tensor)                                {}
