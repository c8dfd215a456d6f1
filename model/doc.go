// Package model holds base models: what they compute forwards, the gradient of the
// hidden representations backwards, and the sites where x and g leave them.
//
// A model is declared as structs that read like the architecture, with tags that name
// the tensors of its checkpoint. [Base] puts one on a device and runs passes:
//
//	x leaves through the [Sink] during forward, g during backward
//
// Frozen parameters never get a gradient, and the pass takes no memory for any. The only
// exception is [Base.Classical], which differentiates parameters on the tape the way any
// framework does: it is what cola verify and the tests compare with.
//
// # Where things go
//
// A new architecture is a file like mlp.go and a case in declare. A new operation is a
// method of [Tape], its backward step appended in its own body. What is special about a
// site (adapters, merging, the sink) is in site.go and nowhere else.
//
// # Caveats
//
// Tensors handed to a Sink are valid until the pass returns.
package model
