#!/usr/bin/env python3
"""Reads a file that cola wrote with the gguf package, as llama.cpp's loader would check it.

Run it by hand, with numpy and gguf installed: python3 check.py. It has the Go test write the
files, and what they add, first.
"""

import json
import os
import subprocess
import tempfile

import gguf
import numpy as np

from make import permute

HERE = os.path.dirname(os.path.abspath(__file__))


def check(path):
    reader = gguf.GGUFReader(path)
    text = {k: f.contents() for k, f in reader.fields.items()}
    assert text["general.type"] == "adapter" and text["adapter.type"] == "lora" and text["GGUF.version"] == 3, text
    tensors = {t.name: t for t in reader.tensors}
    with open(path + ".json") as f:
        want = json.load(f)
    assert set(tensors) == {s["tensor"] + end for s in want["sites"] for end in (".lora_a", ".lora_b")}
    worst = 0.0
    for s in want["sites"]:
        a, b = (tensors[s["tensor"] + end].data.reshape(tensors[s["tensor"] + end].shape[::-1]) for end in (".lora_a", ".lora_b"))
        delta = np.array(s["delta"], np.float32)
        scale = text["adapter.lora.alpha"] / b.shape[1]  # llama.cpp: alpha / b->ne[0]
        if s["tensor"] == "token_embd.weight":
            assert a.shape == (s["in"], b.shape[1]) and b.shape[0] == s["out"]
            got = scale * a @ b.T
        else:  # ne: base.ne[0] == a.ne[0], base.ne[1] == b.ne[1], a.ne[1] == b.ne[0]
            assert a.shape == (b.shape[1], s["in"]) and b.shape[0] == s["out"]
            got, delta = scale * b @ a, delta.reshape(s["out"], s["in"])
            if s["heads"]:
                delta = permute(delta, s["heads"])
        delta = delta.reshape(got.shape)
        worst = max(worst, np.linalg.norm(got - delta) / np.linalg.norm(delta))
    assert worst < 1e-6, worst
    print(f"{os.path.basename(path)}: {len(want['sites'])} weights of a {text['general.architecture']}, worst relative difference {worst:.1e}")


def main():
    out = tempfile.mkdtemp()
    subprocess.run(["go", "test", "-count=1", "-run", "TestWriteAndRead", "."], check=True, cwd=os.path.dirname(HERE),
                   env=os.environ | {"COLA_GGUF_FILES": out})
    for name in sorted(os.listdir(out)):
        if name.endswith(".gguf"):
            check(os.path.join(out, name))


if __name__ == "__main__":
    main()
