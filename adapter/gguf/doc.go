// Package gguf writes and reads low-rank adapters as the GGUF files (version 3, little-endian)
// that llama.cpp loads beside a base model of architecture llama or gpt2.
//
// For each adapted weight there are two tensors, W.lora_a (r, in) and W.lora_b (out, r), and
// one adapter.lora.alpha for all: what is added is alpha/r·B·A. Two things lie otherwise
// there than here. The rows of Llama's query and key weights, and so of those B, are permuted
// for llama.cpp's rotary embedding. The factors of the tokens' embedding are (vocabulary, r)
// and (width, r), because rows of the first are looked up.
package gguf
