#!/usr/bin/env python3
"""Loads folders that cola wrote into PEFT: no key may be missing or unexpected, ΔW must be ours.

Run it by hand, with torch, transformers and peft installed, from anywhere:

    python3 check.py [FOLDER OF FOLDERS]

Without an argument it has the Go tests write the folders first. Folders of cola's own format
are loaded with the loader that docs/adapters.md shows.
"""

import os
import re
import subprocess
import sys
import tempfile
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils import load_peft_weights, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
from transformers.pytorch_utils import Conv1D

import make

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "../../../docs/adapters.md")


def off(got, want):
    return ((got - want).norm() / want.norm().clamp(min=1e-30)).item()


def check_peft(folder):
    want = load_file(os.path.join(folder, "delta.safetensors"))
    with safe_open(os.path.join(folder, "delta.safetensors"), "pt") as f:
        which = f.metadata()["base"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(make.base(which), folder)
    for w in caught:
        assert "missing" not in str(w.message).lower() and "unexpected" not in str(w.message).lower(), w.message
    # Once more, for the keys that from_pretrained does not report: unexpected ones.
    again = get_peft_model(make.base(which), LoraConfig.from_pretrained(folder))
    result = set_peft_model_state_dict(again, load_peft_weights(folder))
    missing = [k for k in result.missing_keys if "lora_" in k or "modules_to_save" in k]
    assert not missing and not result.unexpected_keys, (missing, result.unexpected_keys)
    worst, state = 0.0, {k.removeprefix("base_model.model."): v for k, v in model.state_dict().items()}
    adapted = {k: m for k, m in model.base_model.model.named_modules() if isinstance(m, LoraLayer)}
    assert set(adapted) == {k for k in want if not k.startswith("full:")}, set(adapted) ^ set(want)
    for name, tensor in want.items():
        if name.startswith("full:"):
            name = name.removeprefix("full:")
            layer, _, kind = name.rpartition(".")
            head = layer.split(".")[0]
            rest = layer[len(head):]
            keys = [f"{layer}.base_layer.{kind}", f"{head}.modules_to_save.default{rest}.{kind}"]
            got = [state[k] for k in keys if k in state]
            assert len(got) == 1, (name, keys)
            worst = max(worst, off(got[0], tensor))
            continue
        m = adapted[name]
        got = m.get_delta_weight("default")
        if isinstance(m.get_base_layer(), Conv1D):
            got = got.T
        worst = max(worst, off(got.reshape(tensor.shape), tensor))
    assert worst < 1e-6, worst
    print(f"{os.path.basename(folder)}: {len(adapted)} layers of PEFT's {which}, worst relative difference {worst:.1e}")


def check_cola(folder):
    with open(DOCS) as f:
        loader = {}
        exec(re.search(r"```python\n(.*?)```", f.read(), re.S).group(1), loader)
    want = load_file(os.path.join(folder, "check.safetensors"))
    with safe_open(os.path.join(folder, "check.safetensors"), "pt") as f:
        model = make.base(f.metadata()["base"]).eval()
    layers = {n.removeprefix("x:") for n in want if n.startswith("x:")}
    with torch.no_grad():
        before = {n: model.get_submodule(n)(want[f"x:{n}"]) for n in layers}
        loader["attach"](model, folder)
        worst = max(off(model.get_submodule(n)(want[f"x:{n}"]) - before[n], want[f"y:{n}"]) for n in layers)
    assert worst < 1e-5, worst
    print(f"{os.path.basename(folder)}: {len(layers)} layers of cola's own format, worst relative difference {worst:.1e}")


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    if len(sys.argv) < 2:
        subprocess.run(["go", "test", "-count=1", "-run", "TestWriteAndRead|TestCola", "."], check=True,
                       cwd=os.path.dirname(HERE), env=os.environ | {"COLA_PEFT_FOLDERS": out})
    for name in sorted(os.listdir(out)):
        folder = os.path.join(out, name)
        check = check_cola if os.path.exists(os.path.join(folder, "cola_config.json")) else check_peft
        check(folder)


if __name__ == "__main__":
    main()
