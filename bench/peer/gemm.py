"""Every way that PyTorch has to multiply activations with a frozen matrix, at GPT-2's shapes.

Run by peer.py, which sets the environment; prints JSON rows, of each the seconds of every way.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

SITES = {"qkv": (768, 2304), "proj": (768, 768), "fc1": (768, 3072), "fc2": (3072, 768), "head": (768, 50257)}
MOST = 1 << 26  # elements of a product
LEAST = 5e-3  # seconds of a measurement


def ways(m, k, n):
    """y (m, n) = x (m, k)·Wᵀ. Plain: W as it lies in a Linear, forward, or turned as its
    backward pass reads it. Packed: once, for MKL and for oneDNN, as torch.compile does."""
    x, w = torch.randn(m, k), torch.randn(n, k)
    turned = w.t().contiguous()
    mkl = torch.ops.mkl._mkl_reorder_linear_weight(w, m)
    onednn = torch.ops.mkldnn._reorder_linear_weight(w, m)
    return {
        "F.linear": lambda: F.linear(x, w),
        "torch.mm": lambda: torch.mm(x, turned),
        "MKL packed": lambda: torch.ops.mkl._mkl_linear(x, mkl, w, None, m),
        "oneDNN packed": lambda: torch.ops.mkldnn._linear_pointwise(x, onednn, None, "none", [], ""),
    }


@torch.no_grad()
def main():
    o = json.loads(sys.argv[1])
    torch.set_num_threads(o["threads"])
    for m in o["tokens"]:
        for name, (a, b) in SITES.items():
            for direction, k, n in (("forward", a, b), ("backward", b, a)):
                if m * max(k, n) > MOST:
                    continue
                seconds = measure(ways(m, k, n), o["rounds"])
                print(json.dumps({"site": name, "direction": direction, "m": m, "k": k, "n": n, "seconds": seconds}), flush=True)


def measure(list_, rounds):
    """Seconds of each way, taken in turn."""
    seconds = {name: [] for name in list_}
    for turn in range(rounds + 1):
        for name, run in list_.items():
            begin, n = time.perf_counter(), 0
            while n == 0 or time.perf_counter() - begin < LEAST:
                run()
                n += 1
            if turn > 0:  # the first is the warm-up
                seconds[name].append((time.perf_counter() - begin) / n)
    return seconds


if __name__ == "__main__":
    main()
