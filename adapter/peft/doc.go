// Package peft writes and reads folders of adapters: those of Hugging Face's PEFT
// (adapter_config.json beside adapter_model.safetensors), which hold low-rank adapters as
// LoRA, and cola's own (cola_config.json beside cola_model.safetensors), which hold every
// kind.
//
// PEFT's LoRA is exactly the low-rank adapter of package adapter: A is (r, in) and B is
// (out, r) whatever way round the base model stores its weight, and s is lora_alpha/r. What
// PEFT has that adapters here do not, such as DoRA, is refused with the reason.
package peft
