"""Shows that adapters of every type of model pass between cola and PEFT, heads included, by hand:

    python model/testdata/golden/exchange_types.py COLA DATA TOKENIZERS

COLA is the command; DATA has dolly/dolly15k.jsonl, glue/*.jsonl and e2e/devset.csv; TOKENIZERS has the folders gpt2,
bert-base-uncased and roberta. For each type a small random model is made. cola trains an adapter for it, which PEFT
loads; then PEFT trains one, which cola imports. Both times cola's weights with the adapter merged into them are held
against PEFT's logits and loss with the adapter unmerged, as a golden folder.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification, BartConfig, BertConfig, GPT2Config, RobertaConfig,
)

ENCODER = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=256, initializer_range=0.2)
CONFIGS = {
    "gpt2": GPT2Config(n_positions=256, n_embd=16, n_layer=1, n_head=2, pad_token_id=0, initializer_range=0.2),
    "bert": BertConfig(**ENCODER),
    "roberta": RobertaConfig(vocab_size=50265, type_vocab_size=1, **ENCODER),
    "bart": BartConfig(max_position_embeddings=256, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                       decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, init_std=0.2),
}
TOKENIZERS = {"bert": "bert-base-uncased", "bart": "roberta"}  # others are in the folder of their type
MODELS = {"causal-lm": AutoModelForCausalLM, "seq-cls": AutoModelForSequenceClassification, "seq2seq-lm": AutoModelForSeq2SeqLM}
# Type, task, classes, data, cola's targets and PEFT's.
CASES = [
    ("gpt2", "causal-lm", 0, "dolly:dolly/dolly15k.jsonl", ["c_attn", "mlp.c_proj"], ["c_attn"]),
    ("gpt2", "seq-cls", 3, "mnli:glue/mnli_train_subset.jsonl", ["c_attn"], "all-linear"),
    ("bert", "seq-cls", 3, "mnli:glue/mnli_train_subset.jsonl", ["all-linear"], ["query", "dense"]),
    ("roberta", "seq-cls", 2, "rte:glue/rte_train.jsonl", ["query", "value"], "all-linear"),
    ("roberta", "seq-cls", 1, "stsb:glue/stsb_train.jsonl", ["query", "word_embeddings"], ["query", "key"]),
    ("bart", "seq2seq-lm", 0, "e2e:e2e/devset.csv", ["all-linear"], ["q_proj", "fc1"]),
]


def main(cola, data, tokenizers):
    run = lambda *args: subprocess.run([cola, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for n, (kind, task, classes, source, ours, theirs) in enumerate(CASES):
        work = tempfile.mkdtemp()
        at = lambda name: os.path.join(work, name)
        torch.manual_seed(n)
        shutil.copytree(os.path.join(tokenizers, TOKENIZERS.get(kind, kind)), at("base"))
        config = CONFIGS[kind]
        if classes:
            config.num_labels = classes
        MODELS[task].from_config(config).save_pretrained(at("base"))
        load = lambda folder: MODELS[task].from_pretrained(at(folder), attn_implementation="eager")
        inputs = batch(kind, task, classes)
        same_model = ["--model", at("base"), "--task", task]
        preset, path = source.split(":")
        run("simulate", "--model-path", at("base"), "--task", task, "--data", f"{preset}:{os.path.join(data, path)}", "--max-length", "48", "--held-out",
            "0", "--rounds", "6", "--batch", "4", "--participants", "2", "--mode", "alone", "--rank", "4", "--learning-rate", "0.02", "--out", at("out"),
            *(f"--targets={t}" for t in ours))
        adapter = at("out/alone/p0/adapter.safetensors")
        run("export", "--adapter", adapter, *same_model, "--format", "peft", "--out", at("lora"))
        wrapped = PeftModel.from_pretrained(load("base"), at("lora"))
        keys = set(load_file(at("lora/adapter_model.safetensors"))) ^ set(get_peft_model_state_dict(wrapped))
        assert not keys, keys
        run("export", "--adapter", adapter, *same_model, "--format", "merged", "--out", at("to-peft"))
        there = compare(cola, wrapped, inputs, task, at("to-peft"))

        wrapped = get_peft_model(load("base"), LoraConfig(
            r=3, lora_alpha=5, target_modules=theirs, use_rslora=n % 2 == 1, fan_in_fan_out=kind == "gpt2",
            task_type={"causal-lm": "CAUSAL_LM", "seq-cls": "SEQ_CLS", "seq2seq-lm": "SEQ_2_SEQ_LM"}[task]))
        optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], lr=0.05)
        for _ in range(4):
            optimizer.zero_grad()
            wrapped(**inputs).loss.backward()
            optimizer.step()
        wrapped.save_pretrained(at("theirs"))
        run("import", "--adapter", at("theirs"), *same_model, "--out", at("theirs.safetensors"))
        run("export", "--adapter", at("theirs.safetensors"), *same_model, "--format", "merged", "--out", at("to-cola"))
        back = compare(cola, wrapped, inputs, task, at("to-cola"))
        print(f"{kind}, {task}, {classes} classes: to PEFT {there}, to cola {back}", flush=True)
        shutil.rmtree(work)


def batch(kind, task, classes):
    """Three texts, one of which is padded: GPT-2 finds a text's end by the padding's id."""
    ids, mask = torch.randint(5, 300, (3, 12)), torch.ones(3, 12, dtype=torch.long)
    mask[1, 7:], ids[1, 7:] = 0, 0 if kind == "gpt2" else 1
    labels = torch.where(mask == 1, ids, -100)
    if task == "seq2seq-lm":
        labels = torch.randint(5, 300, (3, 6))
    elif task == "seq-cls":
        labels = torch.randn(3) if classes == 1 else torch.arange(3) % classes
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def compare(cola, wrapped, inputs, task, folder):
    """The worst relative error of logits and loss between cola with the folder's weights and PEFT."""
    wrapped.eval()
    with torch.no_grad():
        out = wrapped(**inputs)
    integers = {k: v.int() if v.dtype == torch.long else v for k, v in inputs.items()}
    save_file(dict(integers, logits=out.logits.contiguous(), loss=out.loss.reshape(1)), os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "golden.json"), "w") as f:
        json.dump({"task": task, "rank": 1, "alpha": 1}, f)
    report = subprocess.run([cola, "verify", "--golden", folder, "--json"], check=True, capture_output=True, text=True).stdout
    return f"{max(row['error'] for row in json.loads(report)['folders'][0]['rows']):.1e}"


if __name__ == "__main__":
    main(*sys.argv[1:])
