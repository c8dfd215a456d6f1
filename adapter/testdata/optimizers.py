#!/usr/bin/env python3
"""Writes optimizers.json: what PyTorch's optimizers make of fixed gradients, in float64.

Run it with torch installed: python3 optimizers.py. Every number that goes in is a
multiple of 1/1024, so that it is the same in float32.
"""

import json
import os
import random

import torch

OUT, IN, STEPS = 3, 4, 20

CASES = {
    "sgd": dict(name="sgd", rate=0.1),
    "sgd, decay": dict(name="sgd", rate=0.1, decay=0.05),
    "sgd, momentum": dict(name="sgd", rate=0.1, momentum=0.9),
    "sgd, momentum, decay": dict(name="sgd", rate=0.05, momentum=0.9, decay=0.05),
    "sgd, nesterov": dict(name="sgd", rate=0.05, momentum=0.9, nesterov=True),
    "sgd, nesterov, decay, clip": dict(name="sgd", rate=0.1, momentum=0.5, nesterov=True, decay=0.01, clip=0.5),
    "adam": dict(name="adam", rate=0.01),
    "adam, decay": dict(name="adam", rate=0.01, decay=0.05, beta2=0.99, epsilon=1e-6),
    "adam, clip": dict(name="adam", rate=0.01, clip=0.5),
    "adamw": dict(name="adamw", rate=0.01, decay=0.0005),
    "adamw, decay, clip": dict(name="adamw", rate=0.02, decay=0.1, beta1=0.8, beta2=0.95, clip=1.0),
}
DEFAULTS = dict(momentum=0.0, nesterov=False, decay=0.0, beta1=0.9, beta2=0.999, epsilon=1e-8, clip=0.0)


def draw(rng, *shape):
    if not shape:
        return rng.randint(-1024, 1024) / 1024
    return [draw(rng, *shape[1:]) for _ in range(shape[0])]


def run(c, weight, bias, gradients):
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in (weight, bias)]
    if c["name"] == "sgd":
        optimizer = torch.optim.SGD(params, lr=c["rate"], momentum=c["momentum"], nesterov=c["nesterov"], weight_decay=c["decay"])
    else:
        kind = torch.optim.Adam if c["name"] == "adam" else torch.optim.AdamW
        optimizer = kind(params, lr=c["rate"], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"], weight_decay=c["decay"])
    after = []
    for step, g in enumerate(gradients):
        params[0].grad = torch.tensor(g, dtype=torch.float64)
        params[1].grad = params[0].grad.sum(1)
        if c["clip"]:
            torch.nn.utils.clip_grad_norm_(params, c["clip"])
        for group in optimizer.param_groups:
            group["lr"] = c["rate"] / (1 + step / 8)
        optimizer.step()
        after.append({"weight": params[0].flatten().tolist(), "bias": params[1].tolist()})
    return after


def main():
    rng = random.Random(7)
    weight, bias, gradients = draw(rng, OUT, IN), draw(rng, OUT), draw(rng, STEPS, OUT, IN)
    cases = []
    for title, settings in CASES.items():
        c = DEFAULTS | settings
        cases.append({"title": title} | c | {"after": run(c, weight, bias, gradients)})
    golden = {"torch": torch.__version__.split("+")[0], "weight": weight, "bias": bias, "gradients": gradients, "cases": cases}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, indent=None, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
