"""Prepares the run of this folder: what the base reads, its tokenizer and its first weights.

    python prepare.py DATA OUT     with numpy, safetensors and tokenizers from PyPI

DATA has dolly15k.jsonl, and may have the other texts below. OUT gets

    train.jsonl, held-out.jsonl    Dolly's rows; 100 of each category are held out
    corpus.txt                     prose for the base: nothing that is held out
    base/                          config.json, tokenizer.json, and weights drawn at random

and `python prepare.py --half FOLDER` rewrites FOLDER/model.safetensors in float16.
"""

import csv
import json
import pathlib
import random
import sys

import numpy
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 3072, 256, 128, 4, 4
END = "<|endoftext|>"
HELD_OUT = 100  # of each category


def rows(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def write_rows(path, list):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in list)


def split(dolly):
    """Holds out rows of each category none of whose texts is in another row."""
    count = {}
    for row in dolly:
        for key in ("instruction", "context", "response"):
            count[row[key]] = count.get(row[key], 0) + 1
    alone = lambda row: all(not row[k] or count[row[k]] == 1 for k in ("instruction", "context", "response"))
    order = list(range(len(dolly)))
    random.Random(1).shuffle(order)
    taken, held = {}, set()
    for i in order:
        category = dolly[i]["category"]
        if alone(dolly[i]) and taken.get(category, 0) < HELD_OUT:
            taken[category] = taken.get(category, 0) + 1
            held.add(i)
    return [r for i, r in enumerate(dolly) if i not in held], [r for i, r in enumerate(dolly) if i in held]


def documents(data, dolly):
    """Prose under licences that let weights be passed on: CC BY-SA, CDLA, BSD, public domain."""
    texts = [t for row in dolly for t in (row["context"], row["response"])]
    for row in rows(data / "glue/qnli_train_subset.jsonl"):
        texts += [row["sentence1"] + " " + row["sentence2"]]
    with open(data / "e2e/devset.csv", encoding="utf-8") as f:
        texts += [row["ref"] for row in csv.DictReader(f)][::3]
    texts += [row["question"] for row in rows(data / "wikisql/dev.jsonl")][::3]
    speeches = (data / "text/tinyshakespeare_first90.txt").read_text("utf-8").split("\n\n")
    texts += ["\n\n".join(speeches[i:i + 8]) for i in range(0, len(speeches), 8)]
    texts += (data / "text/tinystories_sample.txt").read_text("utf-8").split("<|endoftext|>")
    texts = [t.strip() for t in dict.fromkeys(texts) if t.strip()]
    random.Random(2).shuffle(texts)
    return texts


def train_tokenizer(texts):
    """Byte-level BPE with GPT-2's split."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer, t.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    t.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    return t


def weights():
    """GPT-2's: N(0, 0.02), and less where a layer's output is added to the stream."""
    r = numpy.random.default_rng(3)
    draw = lambda *shape, scale=1.0: (0.02 * scale * r.standard_normal(shape)).astype("float32")
    zeros, ones = (lambda n: numpy.zeros(n, "float32")), (lambda n: numpy.ones(n, "float32"))
    w = {"transformer.wte.weight": draw(VOCABULARY, WIDTH), "transformer.wpe.weight": draw(CONTEXT, WIDTH),
         "lm_head.weight": draw(VOCABULARY, WIDTH), "transformer.ln_f.weight": ones(WIDTH), "transformer.ln_f.bias": zeros(WIDTH)}
    small = (2 * LAYERS) ** -0.5
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        for norm in ("ln_1", "ln_2"):
            w[h + norm + ".weight"], w[h + norm + ".bias"] = ones(WIDTH), zeros(WIDTH)
        for name, n, m, scale in (("attn.c_attn", WIDTH, 3 * WIDTH, 1), ("attn.c_proj", WIDTH, WIDTH, small),
                                  ("mlp.c_fc", WIDTH, 4 * WIDTH, 1), ("mlp.c_proj", 4 * WIDTH, WIDTH, small)):
            w[h + name + ".weight"], w[h + name + ".bias"] = draw(n, m, scale=scale), zeros(m)
    return w


def main(data, out):
    base = out / "base"
    base.mkdir(parents=True, exist_ok=True)
    train, held = split(rows(data / "dolly/dolly15k.jsonl"))
    write_rows(out / "train.jsonl", train)
    write_rows(out / "held-out.jsonl", held)
    texts = documents(data, train)
    (out / "corpus.txt").write_text(END.join(texts), "utf-8")
    t = train_tokenizer(texts)
    t.save(str(base / "tokenizer.json"), pretty=False)
    (base / "tokenizer_config.json").write_text(json.dumps({"eos_token": END, "bos_token": END}) + "\n")
    end = t.token_to_id(END)
    (base / "config.json").write_text(json.dumps({
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_embd": WIDTH,
        "n_layer": LAYERS, "n_head": HEADS, "tie_word_embeddings": False, "bos_token_id": end, "eos_token_id": end}, indent=2) + "\n")
    save_file(weights(), base / "model.safetensors", {"format": "pt"})
    tokens = sum(len(e.ids) + 1 for e in t.encode_batch(texts))
    print(f"{len(train)} rows to train on, {len(held)} held out; corpus of {len(texts)} texts, {tokens} tokens; {sum(v.size for v in weights().values())} parameters")


if sys.argv[1] == "--half":
    file = pathlib.Path(sys.argv[2]) / "model.safetensors"
    save_file({name: v.astype("float16") for name, v in load_file(file).items()}, file, {"format": "pt"})
else:
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
