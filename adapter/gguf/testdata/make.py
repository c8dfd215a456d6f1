#!/usr/bin/env python3
"""Writes the .gguf files beside this file, with the gguf package, and what they add.

Run it with numpy and gguf installed: python3 make.py. Each file comes with NAME.json: the
sites by Hugging Face's names and ΔW = alpha/r·B·A of each (out, in), at the embedding (in, out).
"""

import json
import os

import gguf
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
Q8 = gguf.GGMLQuantizationType.Q8_0
BF16 = gguf.GGMLQuantizationType.BF16


def permute(w, heads):
    """Puts rows in the order that llama.cpp wants them in."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def write(name, arch, alpha, layers, kind):
    rng = np.random.default_rng(1)
    w = gguf.GGUFWriter(os.path.join(HERE, name + ".gguf"), arch)
    w.add_type(gguf.GGUFType.ADAPTER)
    w.add_string(gguf.Keys.Adapter.TYPE, "lora")
    w.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    w.add_array("general.tags", ["lora", "test"])
    w.add_uint32("general.quantization_version", 2)
    sites = []

    def add(key, t):
        if kind is None:
            w.add_tensor(key, t)
            return t
        if kind == np.float16:
            w.add_tensor(key, t.astype(np.float16))
            return t.astype(np.float16).astype(np.float32)
        q = gguf.quantize(t, kind)
        w.add_tensor(key, q, raw_dtype=kind)
        return gguf.dequantize(q, kind)

    for site, tensor, n_in, n_out, heads in layers:
        r = 32 if kind == Q8 else 2
        a = rng.standard_normal((r, n_in)).astype(np.float32)
        b = rng.standard_normal((n_out, r)).astype(np.float32)
        table = tensor == "token_embd"
        a = add(tensor + ".weight.lora_a", np.ascontiguousarray(a.T) if table else a)
        stored = add(tensor + ".weight.lora_b", permute(b, heads) if heads else b)
        if heads:  # back again, row by row
            b = np.empty_like(stored)
            b[permute(np.arange(n_out), heads)] = stored
        else:
            b = stored
        delta = alpha / r * (a @ b.T if table else b @ a)
        sites.append(dict(name=site, kind="embedding" if table else "linear", out=n_out, delta=[float(f"{v:.8g}") for v in delta.ravel()]) | {"in": n_in})
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(sites, f)
        f.write("\n")


LLAMA = [
    ("model.embed_tokens", "token_embd", 6, 8, 0),
    ("model.layers.0.self_attn.q_proj", "blk.0.attn_q", 8, 8, 2),
    ("model.layers.0.self_attn.k_proj", "blk.0.attn_k", 8, 4, 1),
    ("model.layers.1.mlp.down_proj", "blk.1.ffn_down", 5, 8, 0),
    ("lm_head", "output", 8, 6, 0),
]
GPT2 = [("transformer.wte", "token_embd", 5, 4, 0), ("transformer.h.0.attn.c_attn", "blk.0.attn_qkv", 4, 12, 0),
        ("transformer.h.1.mlp.c_fc", "blk.1.ffn_up", 4, 16, 0)]

if __name__ == "__main__":
    write("llama", "llama", 3.0, LLAMA, None)
    write("llama-f16", "llama", 0.25, LLAMA, np.float16)
    write("gpt2", "gpt2", 4.0, GPT2, None)
    write("gpt2-bf16", "gpt2", 4.0, GPT2, BF16)
    write("llama-q8", "llama", 8.0, [("model.layers.0.self_attn.v_proj", "blk.0.attn_v", 32, 4, 0)], Q8)
