"""Shows that adapters pass between cola and PEFT, by hand:

    python model/testdata/golden/exchange.py COLA MODEL ADAPTER

COLA is the command, MODEL a llama2.c file or a folder that a job was run with, ADAPTER an
adapter.safetensors that a participant of the job was left with. The base model goes to
transformers and the adapter to PEFT; then a LoRA adapter that PEFT trained comes back. Each time PEFT's
logits, loss and gradients are written as a golden folder whose LoRA matrices are those in
cola's file, and cola is held against them.
"""

import json
import os
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM


def main(cola, model, adapter):
    work = tempfile.mkdtemp()
    at = lambda name: os.path.join(work, name)
    run = lambda *args: subprocess.run([cola, *args], check=True)
    base_tensors = load_file(adapter)
    site = next(n.removesuffix(".A") for n in base_tensors if n.endswith(".A"))
    shape = (base_tensors[site + ".B"].shape[0], base_tensors[site + ".A"].shape[1])
    save_file({site + ".weight": torch.zeros(shape)}, at("none.safetensors"), {"format": "cola-merged"})
    run("export", "--adapter", at("none.safetensors"), "--model", model, "--format", "merged", "--out", at("base"))

    run("export", "--adapter", adapter, "--model", at("base"), "--format", "peft", "--out", at("lora"))
    wrapped = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(at("base"), attn_implementation="eager"), at("lora"), is_trainable=True)
    check_keys(wrapped, at("lora"))
    golden(wrapped, at("base"), adapter)
    print("cola to PEFT:", flush=True)
    run("verify", "--golden", at("base"))

    torch.manual_seed(1)
    wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(at("base"), attn_implementation="eager"),
                             LoraConfig(r=4, lora_alpha=6, target_modules="all-linear", lora_dropout=0.0))
    optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        ids = torch.randint(3, wrapped.config.vocab_size, (2, 16))
        wrapped(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    wrapped.save_pretrained(at("theirs"))
    run("import", "--adapter", at("theirs"), "--model", at("base"), "--out", at("theirs.safetensors"))
    golden(wrapped, at("base"), at("theirs.safetensors"))
    print("PEFT to cola:", flush=True)
    run("verify", "--golden", at("base"))


def check_keys(wrapped, folder):
    """No key of the file is unexpected, and none is missing."""
    stored = {k.replace(".weight", ".default.weight") for k in load_file(os.path.join(folder, "adapter_model.safetensors"))}
    wanted = {k for k in wrapped.state_dict() if "lora_" in k}
    assert stored == wanted, stored ^ wanted
    print(f"{len(stored)} tensors: none missing, none unexpected")


def golden(wrapped, folder, adapter):
    """PEFT's numbers beside the LoRA matrices of cola's file."""
    wrapped.eval()
    torch.manual_seed(2)
    ids = torch.randint(3, wrapped.config.vocab_size, (3, 24))
    mask = torch.ones_like(ids)
    mask[1, 17:] = 0
    labels = torch.where(mask == 1, ids, -100)
    wrapped.zero_grad()
    out = wrapped(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False)
    out.loss.backward()
    stored = {"input_ids": ids.int(), "attention_mask": mask.int(), "labels": labels.int(), "logits": out.logits.detach().contiguous(),
              "loss": out.loss.detach().reshape(1)}
    for name, value in load_file(adapter).items():
        site, half = name.rsplit(".", 1)
        stored[f"lora_{half}.{site}"] = value
        stored[f"grad_lora_{half}.{site}"] = wrapped.get_parameter(f"base_model.model.{site}.lora_{half}.default.weight").grad.clone()
    config = wrapped.peft_config["default"]
    save_file(stored, os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "golden.json"), "w") as f:
        json.dump({"task": "causal-lm", "rank": config.r, "alpha": config.lora_alpha}, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
