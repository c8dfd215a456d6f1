#!/usr/bin/env python3
"""Writes the folders beside this file: adapters as PEFT saves them, and what it makes of them.

Run it with torch, transformers and peft installed: PYTHONHASHSEED=0 python3 make.py. The base models are tiny
and random. Each folder holds what PEFT wrote (adapter_config.json, adapter_model.safetensors),
base.json with the layers that the base model has, and delta.safetensors with get_delta_weight()
of every adapted layer.
"""

import json
import os
import shutil
import warnings

import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


class Net(torch.nn.Module):
    """An image classifier as a user writes one."""

    def __init__(self):
        super().__init__()
        self.convs = torch.nn.ModuleList([torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.Conv2d(3, 4, 1)])
        self.out = torch.nn.Linear(4, 3)

    def forward(self, x):
        for conv in self.convs:
            x = torch.relu(conv(x))
        return self.out(x.mean((2, 3)))


def base(name):
    """Returns a tiny model of random weights, the same for the same name."""
    torch.manual_seed(sum(name.encode()))
    if name == "cnn":
        return Net()
    if name.startswith("gpt2"):
        c = transformers.GPT2Config(vocab_size=13, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
                                    pad_token_id=0, num_labels=3)
        return (transformers.GPT2ForSequenceClassification if name == "gpt2-cls" else transformers.GPT2LMHeadModel)(c)
    if name == "roberta":
        c = transformers.RobertaConfig(vocab_size=11, max_position_embeddings=10, hidden_size=8, num_hidden_layers=2,
                                       num_attention_heads=2, intermediate_size=12, num_labels=3)
        return transformers.RobertaForSequenceClassification(c)
    if name == "bart":
        c = transformers.BartConfig(vocab_size=11, max_position_embeddings=8, d_model=8, encoder_layers=1, decoder_layers=2,
                                    encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=12, decoder_ffn_dim=12,
                                    pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
        return transformers.BartForConditionalGeneration(c)
    c = transformers.LlamaConfig(vocab_size=12, hidden_size=8, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                                 intermediate_size=12, max_position_embeddings=8, tie_word_embeddings=False)
    return transformers.LlamaForCausalLM(c)


# The folders: which base, and what LoraConfig is given.
CASES = {
    "gpt2": ("gpt2", dict(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True)),
    "gpt2-cls": ("gpt2-cls", dict(task_type="SEQ_CLS", r=2, lora_alpha=3, target_modules=["attn.c_proj", "c_fc"], fan_in_fan_out=True)),
    "gpt2-embeddings": ("gpt2", dict(task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules=["wte", "wpe", "mlp.c_proj"], fan_in_fan_out=True)),
    "roberta": ("roberta", dict(task_type="SEQ_CLS", r=2, lora_alpha=2, target_modules=["query", "value"])),
    "roberta-biases": ("roberta", dict(task_type="SEQ_CLS", r=2, lora_alpha=2, target_modules=["query"], bias="lora_only")),
    "roberta-lora-bias": ("roberta", dict(task_type="SEQ_CLS", r=2, lora_alpha=6, target_modules=["value"], lora_bias=True)),
    "bart": ("bart", dict(task_type="SEQ_2_SEQ_LM", r=2, lora_alpha=4, target_modules=r".*decoder.*\.(q_proj|v_proj)",
                          alpha_pattern={"encoder_attn.*": 1, "layers.1.self_attn.v_proj": 7})),
    "bart-lookahead": ("bart", dict(task_type="SEQ_2_SEQ_LM", r=1, lora_alpha=4, target_modules=r"^(?!.*encoder_attn).*decoder.*k_proj")),
    "llama-all-linear": ("llama", dict(task_type="CAUSAL_LM", r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True,
                                       rank_pattern={"q_proj": 1, "^model.layers.1.mlp.*": 2}, alpha_pattern={"v_proj": 11.5})),
    "llama-embedding": ("llama", dict(task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules=["embed_tokens", "q_proj", "lm_head"])),
    "llama-layers": ("llama", dict(task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules=["q_proj", "k_proj", "v_proj"],
                                   layers_to_transform=[1], layers_pattern="layers", exclude_modules=["k_proj"])),
    "cnn": ("cnn", dict(r=2, lora_alpha=4, target_modules=["convs.0", "convs.1", "out"])),
}


def layers(model):
    """Lists the layers that could be adapted, as the Go test declares sites."""
    heads = ("classifier.", "score")
    for name, m in model.named_modules():
        entry = dict(name=name, bias=getattr(m, "bias", None) is not None, head=name.startswith(heads) or name == "score")
        if isinstance(m, torch.nn.Linear):
            yield entry | {"kind": "linear", "in": m.in_features, "out": m.out_features}
        elif isinstance(m, Conv1D):
            yield entry | {"kind": "linear", "in": m.nx, "out": m.nf}
        elif isinstance(m, torch.nn.Embedding):
            yield entry | {"kind": "embedding", "in": m.num_embeddings, "out": m.embedding_dim, "bias": False}
        elif isinstance(m, torch.nn.Conv2d):
            yield entry | {"kind": "conv2d", "in": m.weight[0].numel(), "out": m.out_channels, "channels": m.in_channels, "kernel": m.kernel_size[0]}


def main():
    for name, (which, settings) in CASES.items():
        folder = os.path.join(HERE, name)
        shutil.rmtree(folder, ignore_errors=True)
        model = base(which)
        sites = list(layers(model))
        torch.manual_seed(1)
        peft = get_peft_model(model, LoraConfig(**settings))
        g = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for key, p in peft.named_parameters():
                if p.requires_grad:
                    p.copy_(torch.randn(p.shape, generator=g) * 0.5)
        if name == "gpt2-cls":
            peft.to(torch.bfloat16)
        peft.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
        peft.float()  # the sums in full precision, of what was saved
        deltas, full = {}, {}
        for key, m in peft.base_model.model.named_modules():
            if isinstance(m, LoraLayer):
                d = m.get_delta_weight("default").float()
                if getattr(m, "fan_in_fan_out", False) and isinstance(m.get_base_layer(), Conv1D):
                    d = d.T  # (out, in), as cola has it
                deltas[key] = d.detach().reshape(d.shape[0], -1).contiguous()
                if settings.get("lora_bias"):
                    deltas[key + ".bias"] = (m.lora_B["default"].bias * m.scaling["default"]).detach().clone()
                if settings.get("bias") == "lora_only":
                    full[key + ".bias"] = m.get_base_layer().bias
            if isinstance(m, ModulesToSaveWrapper):
                for k, v in m.modules_to_save["default"].state_dict().items():
                    full[f"{key}.{k}"] = v
        save_file(deltas | {"full:" + k: v.detach().float().contiguous().clone() for k, v in full.items()}, os.path.join(folder, "delta.safetensors"))
        with open(os.path.join(folder, "base.json"), "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(s) for s in sites) + "\n]\n")
        print(name, len(deltas), "adapted", sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes")


if __name__ == "__main__":
    main()
