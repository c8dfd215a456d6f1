// Package model holds base models: what they compute forwards, the gradients of their
// hidden representations backwards, and the sites where x and g leave them.
//
// A model is declared as structs that read like the architecture, with field tags that
// name the tensors of its checkpoint. [Base] puts one on a device and runs passes:
// x leaves through the [Sink] during forward, g during backward.
//
// The pristine parameters W₀ stay in the file that they are mapped from, as it has them.
// Passes compute with a working copy on the device: matrices are packed from W₀, or
// W₀ + ΔW̄, one at a time, and what was read of the file for it goes again.
//
// Frozen parameters never get a gradient, and a pass takes no memory for any. The one
// exception is [Base.Classical], which differentiates parameters on the tape as any
// framework does: it is what cola verify and the tests compare with.
//
// # The models
//
// Images (height, width, channels) to classes. The names of the tensors are PyTorch's:
//
//	linear  linear.{weight,bias}
//	mlp     layers.{i}.{weight,bias}, head.{weight,bias}
//	cnn     convs.{i}.{weight,bias}, head.{weight,bias}
//
// A linear weight is (out, in), a convolution's (out, C, K, K). Every layer is a site, the
// last one too: it is not marked as a head, since the paper adapts it like the others.
//
// # Where things go
//
// A new architecture is a file like mlp.go and a case in declare. A new operation is a
// method of [Tape] with its backward step in its own body. What is special about a site
// (adapters, the working copy, the sink) is in site.go and nowhere else. Nothing outside
// the images' own files takes a row for an example: a [Var] knows which of its rows are
// whose.
//
// # Caveats
//
// Inputs, labels and results are host tensors, and are copied to the device and back; the
// tensors that a Sink gets are the device's own. A Base is for one goroutine at a time.
package model
