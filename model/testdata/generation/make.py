#!/usr/bin/env python3
"""Writes what transformers generates with tiny random models, for generate_golden_test.go.

    python make.py FOLDER [MODELS_OF_A_TYPE] [FIRST_SEED]

Each model is a folder: config.json, model.safetensors, and cases.json, a list of
{"prompt": ids, "settings": …, "ids": what follows the prompt, "score": of a beam search}.
Run by hand with transformers and torch from PyPI; committed is what `make.py .` writes.
"""
import json
import os
import random
import sys

import torch
import transformers
from transformers import BartConfig, GPT2Config, LlamaConfig


def config(kind, r):
    vocabulary, eos = r.choice([19, 31, 53]), r.choice([0, 2, 7])
    if kind == "gpt2":
        return GPT2Config(vocab_size=vocabulary, n_positions=40, n_embd=12, n_layer=2, n_head=3, bos_token_id=eos,
                          eos_token_id=eos, initializer_range=0.4)
    if kind == "llama":
        return LlamaConfig(vocab_size=vocabulary, max_position_embeddings=40, hidden_size=12, intermediate_size=17,
                           num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=4, bos_token_id=1,
                           eos_token_id=eos, initializer_range=0.4, tie_word_embeddings=r.random() < 0.5)
    forced = r.random() < 0.5
    return BartConfig(vocab_size=vocabulary, max_position_embeddings=40, d_model=12, encoder_layers=2, decoder_layers=2,
                      encoder_attention_heads=3, decoder_attention_heads=2, encoder_ffn_dim=17, decoder_ffn_dim=13,
                      bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
                      forced_bos_token_id=0 if forced else None, init_std=0.4)


def settings(r):
    s = {"max_new_tokens": r.choice([1, 5, 14, 20]), "num_beams": r.choice([1, 1, 2, 3, 5])}
    if r.random() < 0.5:
        s["no_repeat_ngram_size"] = r.choice([1, 2, 2, 3])
    if r.random() < 0.3:
        s["min_new_tokens"] = r.randint(1, s["max_new_tokens"])
    if r.random() < 0.3:
        s["repetition_penalty"] = r.choice([0.7, 1.3])
    if s["num_beams"] > 1:
        s["length_penalty"] = r.choice([1.0, 1.0, 0.0, 2.0, -0.5])
        s["early_stopping"] = r.random() < 0.4
    return s


def main():
    folder, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for kind in ["gpt2", "llama", "bart"]:
        for seed in range(first, first + count):
            r = random.Random(f"{kind} {seed}")
            torch.manual_seed(seed)
            c = config(kind, r)
            make = transformers.AutoModelForSeq2SeqLM if kind == "bart" else transformers.AutoModelForCausalLM
            model = make.from_config(c).eval()
            path = os.path.join(folder, kind if count == 1 else f"{kind}-{seed}")
            model.save_pretrained(path)
            cases = []
            for _ in range(8):
                prompt = [r.randrange(3, c.vocab_size) for _ in range(r.randint(1, 9))]
                s = settings(r)
                if kind != "bart" and r.random() < 0.3:
                    s["eos_token_id"] = [c.eos_token_id, 5, 11]
                ids = torch.tensor([prompt])
                out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=1,
                                     return_dict_in_generate=True, output_scores=True, **s)
                read = 1 if kind == "bart" else len(prompt)
                case = {"prompt": prompt, "settings": s, "ids": out.sequences[0, read:].tolist()}
                if s["num_beams"] > 1:
                    case["score"] = out.sequences_scores[0].item()
                cases.append(case)
            with open(os.path.join(path, "cases.json"), "w") as f:
                f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


main()
