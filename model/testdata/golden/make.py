"""Writes the golden folders of package model with transformers and peft, by hand:

    python model/testdata/golden/make.py

Each folder is of the form that docs/golden.md describes. Made with torch 2.15.0,
transformers 5.23.0 and peft 0.21.2; float32 on the CPU, no dropout, eager attention.
"""

import json
import os
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    BartConfig, BartForConditionalGeneration, BertConfig, BertForMaskedLM, BertForSequenceClassification, GPT2Config,
    GPT2ForSequenceClassification, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, MistralConfig,
    MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification,
)

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIMIZER = {"name": "adamw", "lr": 3e-4, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 5e-4, "steps": 10}
RANK, ALPHA = 3, 6


def golden(name, model, targets, task, lengths, target_lengths=None, pad=0, left=False, heads=(), regression=False, old=False):
    """One folder: a batch of texts of unequal lengths, padded here. An old one is as transformers 4 and plain torch would
    have it: names of config.json, int64, a loss without dimensions, no decoder_input_ids."""
    torch.manual_seed(sum(map(ord, name)))
    model.eval()
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.25) if p.dim() > 1 else p.add_(torch.randn_like(p) * 0.1)
    model.tie_weights()
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    generation = os.path.join(folder, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)
    vocabulary = model.config.vocab_size
    ids, mask = batch(lengths, vocabulary, pad, left)
    inputs = {"input_ids": ids, "attention_mask": mask}
    extra = {}
    if task == "causal-lm":
        labels = torch.where(mask == 1, ids, -100)
        labels[:, 0:2] = torch.where(torch.rand(len(lengths), 2) < 0.5, labels[:, 0:2], -100)
        if left:  # what padding predicts is nobody's
            for i, n in enumerate(lengths):
                labels[i, max(lengths) - n] = -100
        if left or model.config.model_type == "gpt2":
            extra["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
    elif task == "masked-lm":
        labels = torch.where((mask == 1) & (torch.rand(ids.shape) < 0.6), ids, -100)
    elif task == "seq-cls":
        labels = torch.arange(len(lengths)) % model.config.num_labels
        if regression:
            labels = torch.randn(len(lengths))
    else:
        targets_ids, targets_mask = batch(target_lengths, vocabulary, pad, False)
        labels = torch.where(targets_mask == 1, targets_ids, -100)
        inputs["decoder_input_ids"] = torch.cat([torch.full((len(lengths), 1), model.config.decoder_start_token_id), targets_ids[:, :-1]], 1)
    stored = dict(inputs, labels=labels)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets, fan_in_fan_out=model.config.model_type == "gpt2")
    wrapped = get_peft_model(model, config)
    wrapped.eval()
    lora = {n: p for n, p in wrapped.named_parameters() if "lora_" in n}
    with torch.no_grad():
        for n, p in lora.items():
            p.normal_(0, 0.1)
    adapters = {}  # by half and site; embeddings' have names of their own
    for n, p in lora.items():
        site, half = n.removeprefix("base_model.model.").replace("lora_embedding_", "lora_").split(".lora_")
        adapters[half[0], site] = p
    sites = [site for half, site in adapters if half == "A"]
    for (half, site), p in adapters.items():
        stored[f"lora_{half}.{site}"] = p.detach().clone()
    xs, gs = capture(wrapped, sites + list(heads))
    out = wrapped(**inputs, **extra, labels=labels, use_cache=False) if task in ("causal-lm", "seq2seq-lm") else wrapped(**inputs, **extra, labels=labels)
    out.loss.backward()
    stored["logits"], stored["loss"] = out.logits, out.loss.reshape(1)
    for site in xs:
        stored["x." + site], stored["g." + site] = xs[site], gs[site]
    for (half, site), p in adapters.items():
        stored[f"grad_lora_{half}.{site}"] = p.grad.clone()
    xs.clear()
    train(wrapped, inputs, extra, labels, lora)
    for (half, site), p in adapters.items():
        stored[f"trained_lora_{half}.{site}"] = p
    if old:
        stored["loss"] = out.loss
        stored.pop("decoder_input_ids", None)
        make_old(os.path.join(folder, "config.json"))
    integers = torch.int64 if old else torch.int32
    save_file({k: v.detach().contiguous().clone() if v.is_floating_point() else v.to(integers).clone() for k, v in stored.items()},
              os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "golden.json"), "w") as f:
        json.dump({"task": task, "rank": RANK, "alpha": ALPHA, "optimizer": OPTIMIZER}, f, indent=2)
        f.write("\n")
    print(f"{name}: loss {out.loss.item():.6f}, {len(sites)} sites, "
          f"{sum(os.path.getsize(os.path.join(folder, x)) for x in os.listdir(folder))} bytes")


def make_old(path):
    """Names as before transformers 5."""
    with open(path) as f:
        config = json.load(f)
    config["torch_dtype"] = config.pop("dtype")
    if "rope_parameters" in config:
        rope = config.pop("rope_parameters")
        config["rope_theta"], kind = rope.pop("rope_theta"), rope.pop("rope_type")
        config["rope_scaling"] = dict(rope, type=kind) if kind != "default" else None
    with open(path, "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")


def batch(lengths, vocabulary, pad, left):
    """Ids and mask; real ids are never the padding's."""
    longest = max(lengths)
    ids, mask = torch.full((len(lengths), longest), pad), torch.zeros(len(lengths), longest, dtype=torch.long)
    for i, n in enumerate(lengths):
        at = slice(longest - n, longest) if left else slice(0, n)
        ids[i, at], mask[i, at] = torch.randint(3, vocabulary, (n,)), 1
    return ids, mask


def capture(model, sites):
    """Hooks that keep the input of each layer and the gradient of its output, adapter and all."""
    xs, gs = {}, {}
    modules = {n.removeprefix("base_model.model."): m for n, m in model.named_modules()}

    def hook(site):
        def forward(_, args, output):
            xs[site] = args[0].detach()
            if not output.requires_grad:
                output.requires_grad_(True)
            output.register_hook(lambda g: gs.__setitem__(site, g.detach()))
        return forward

    for site in sites:
        modules[site].register_forward_hook(hook(site))
    return xs, gs


def train(model, inputs, extra, labels, lora):
    """Ten steps of AdamW on the LoRA parameters."""
    optimizer = torch.optim.AdamW(lora.values(), lr=OPTIMIZER["lr"], betas=OPTIMIZER["betas"], eps=OPTIMIZER["eps"], weight_decay=OPTIMIZER["weight_decay"])
    for _ in range(OPTIMIZER["steps"]):
        optimizer.zero_grad()
        model(**inputs, **extra, labels=labels).loss.backward()
        optimizer.step()


def main():
    three = dict(num_hidden_layers=2, num_attention_heads=3, hidden_size=12, intermediate_size=20, attn_implementation="eager")
    gpt2 = dict(vocab_size=41, n_positions=16, n_embd=12, n_layer=2, n_head=3, attn_implementation="eager", bos_token_id=0, eos_token_id=0)
    llama = dict(three, vocab_size=41, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
    bert = dict(three, vocab_size=41, max_position_embeddings=20, type_vocab_size=2)
    golden("gpt2", GPT2LMHeadModel(GPT2Config(**gpt2)), ["c_attn"], "causal-lm", [7, 3, 5])
    golden("gpt2-left-odd", GPT2LMHeadModel(GPT2Config(**dict(gpt2, n_inner=17, tie_word_embeddings=False, activation_function="gelu",
           scale_attn_by_inverse_layer_idx=True))), ["c_attn", "c_fc", "c_proj"], "causal-lm", [6, 2, 4], left=True)
    golden("gpt2-seq-cls", GPT2ForSequenceClassification(GPT2Config(**dict(gpt2, num_labels=3, pad_token_id=0, activation_function="relu"))),
           ["c_attn"], "seq-cls", [6, 3, 5], heads=["score"])
    golden("llama", LlamaForCausalLM(LlamaConfig(**llama)), ["q_proj", "v_proj"], "causal-lm", [7, 3, 5])
    golden("llama-grouped-tied-llama3", LlamaForCausalLM(LlamaConfig(**dict(llama, num_attention_heads=6, num_key_value_heads=2, head_dim=4,
           tie_word_embeddings=True, attention_bias=True, mlp_bias=True, rope_parameters=dict(rope_type="llama3", rope_theta=50.0, factor=4.0,
           low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8)))), "all-linear", "causal-lm", [9, 2, 6], left=True)
    golden("llama-linear", LlamaForCausalLM(LlamaConfig(**dict(llama, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5)))),
           ["q_proj", "v_proj"], "causal-lm", [8, 4])
    golden("llama-yarn", LlamaForCausalLM(LlamaConfig(**dict(llama, rope_parameters=dict(rope_type="yarn", rope_theta=100.0, factor=4.0,
           original_max_position_embeddings=8)))), ["q_proj", "v_proj"], "causal-lm", [8, 4])
    golden("llama-seq-cls", LlamaForSequenceClassification(LlamaConfig(**dict(llama, num_key_value_heads=1, num_labels=3, pad_token_id=0))),
           ["q_proj", "v_proj"], "seq-cls", [6, 3, 5], heads=["score"])
    golden("qwen2", Qwen2ForCausalLM(Qwen2Config(**dict(llama, num_key_value_heads=1))), ["q_proj", "v_proj"], "causal-lm", [7, 4])
    golden("bert", BertForSequenceClassification(BertConfig(**dict(bert, num_labels=3))), ["query", "value"], "seq-cls", [7, 3, 5], heads=["classifier"])
    golden("bert-masked", BertForMaskedLM(BertConfig(**dict(bert, hidden_act="gelu_new"))), ["query", "value"], "masked-lm", [7, 4, 5])
    golden("roberta", RobertaForSequenceClassification(RobertaConfig(**dict(bert, num_labels=3, type_vocab_size=1, pad_token_id=1))),
           ["query", "value"], "seq-cls", [7, 3, 5], pad=1, heads=["classifier.dense", "classifier.out_proj"])
    golden("roberta-regression", RobertaForSequenceClassification(RobertaConfig(**dict(bert, num_labels=1, type_vocab_size=1, pad_token_id=1))),
           ["query", "value"], "seq-cls", [4, 6], pad=1, heads=["classifier.dense", "classifier.out_proj"], regression=True)
    golden("roberta-masked", RobertaForMaskedLM(RobertaConfig(**dict(bert, type_vocab_size=1, pad_token_id=1))), ["query", "value"], "masked-lm",
           [7, 4, 5], pad=1)
    bart = dict(vocab_size=41, d_model=12, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3, decoder_attention_heads=2, encoder_ffn_dim=20,
                decoder_ffn_dim=16, max_position_embeddings=16, attn_implementation="eager")
    golden("bart", BartForConditionalGeneration(BartConfig(**bart)), ["q_proj", "v_proj"], "seq2seq-lm", [7, 3, 5], [4, 6, 2], pad=1)
    golden("bart-scaled", BartForConditionalGeneration(BartConfig(**dict(bart, scale_embedding=True, activation_function="relu"))), "all-linear",
           "seq2seq-lm", [3, 6], [5, 4], pad=1)
    more(gpt2, llama, bert, bart)


def more(gpt2, llama, bert, bart):
    """Adapters at embeddings and at heads, weights that nothing shares, and files as before transformers 5."""
    golden("gpt2-embeddings", GPT2LMHeadModel(GPT2Config(**dict(gpt2, scale_attn_weights=False))), ["wte", "wpe", "c_attn"], "causal-lm", [5, 2, 7])
    golden("llama-embedding-head", LlamaForCausalLM(LlamaConfig(**llama)), ["embed_tokens", "lm_head"], "causal-lm", [6, 3])
    golden("llama-dynamic-old", LlamaForCausalLM(LlamaConfig(**dict(llama, num_key_value_heads=1, rope_parameters=dict(rope_type="dynamic",
           rope_theta=500.0, factor=2.0)))), ["q_proj", "v_proj"], "causal-lm", [7, 4], old=True)
    golden("mistral", MistralForCausalLM(MistralConfig(**dict(llama, num_key_value_heads=1, sliding_window=None))), ["q_proj", "v_proj"], "causal-lm", [7, 4])
    golden("bert-head-adapter", BertForSequenceClassification(BertConfig(**dict(bert, num_labels=3))), ["query", "classifier"], "seq-cls", [6, 3, 5],
           heads=["bert.pooler.dense"])
    untied = dict(tie_word_embeddings=False)
    golden("bert-masked-untied", BertForMaskedLM(BertConfig(**dict(bert, **untied))), ["query", "value"], "masked-lm", [7, 4])
    golden("roberta-masked-untied", RobertaForMaskedLM(RobertaConfig(**dict(bert, type_vocab_size=1, pad_token_id=1, **untied))), ["query", "value"],
           "masked-lm", [7, 4], pad=1, left=True)
    model = BartForConditionalGeneration(BartConfig(**dict(bart, encoder_layers=1, **untied)))
    torch.manual_seed(0)
    model.final_logits_bias.normal_()
    golden("bart-untied-old", model, ["q_proj", "v_proj"], "seq2seq-lm", [3, 6], [5, 4], pad=1, old=True)


if __name__ == "__main__":
    sys.exit(main())
