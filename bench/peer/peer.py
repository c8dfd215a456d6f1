"""PyTorch beside cola, on the same machine in the same run. See README.md.

    python peer.py step --arch gpt2 --batch 8 --seq 128
    python peer.py fit --adapter linear
    python peer.py gemm
    python peer.py compare --cola ./cola step --arch gpt2 --batch 8 --seq 128
    python peer.py suite --cola ./cola
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import process
import workload


# What docs/performance.md shows, each as the arguments of compare.
SUITE = [
    "gemm --rounds 2 --repeats 5",
    "step --arch gpt2 --batch 8 --seq 128 --compile",
    "step --arch gpt2 --batch 8 --seq 128 --variants lora --settings mkl",  # for its memory
    "step --arch gpt2 --batch 8 --lengths dolly --variants lora --rounds 3 --repeats 2",
    "step --arch roberta-base --batch 8 --seq 128 --variants lora,hidden",
    "step --arch roberta-base --batch 8 --lengths dolly --variants lora --rounds 3 --repeats 2",
    "step --arch bart-base --batch 8 --seq 128 --variants lora,hidden",
    "step --arch gpt2 --batch 4 --seq 128 --users 8 --variants lora --rounds 2 --repeats 2",
    "step --arch gpt2 --batch 1 --seq 64 --users 8 --variants lora --compile",
    "fit --adapter low-rank --rounds 10 --repeats 5",
    "fit --adapter linear --rounds 10 --repeats 3",
]


def arguments(words=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = p.add_subparsers(dest="verb", required=True)
    for name in ("step", "fit", "gemm"):
        measured(verbs.add_parser(name), name)
    compare = verbs.add_parser("compare", help="cola and PyTorch in turn")
    compare.add_argument("--cola", default="./cola", help="the program")
    compare.add_argument("--flags", default="", help="further flags of cola bench, as one word: \"--mode unmerged\"")
    kinds = compare.add_subparsers(dest="kind", required=True)
    for name in ("step", "fit", "gemm"):
        measured(kinds.add_parser(name), name)
    suite = verbs.add_parser("suite", help="all comparisons of docs/performance.md")
    suite.add_argument("--cola", default="./cola", help="the program")
    suite.add_argument("--only", default="", help="those that begin so")
    return p.parse_args(words)


def measured(p, kind):
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3, help="turns of each")
    p.add_argument("--repeats", type=int, default=3, help="measurements in a turn")
    p.add_argument("--warmup", type=int, default=2)
    p.add_argument("--settings", default="malloc+mkl", help="of the environment, with commas; + joins: " + ", ".join(process.SETTINGS))
    if kind == "gemm":
        p.add_argument("--tokens", default="256,512,1024,4096")
        return
    p.add_argument("--arch", default="gpt2")
    p.add_argument("--rank", type=int, default=8)
    if kind == "fit":
        p.add_argument("--tokens", type=int, default=512)
        p.add_argument("--adapter", default="low-rank", choices=["low-rank", "linear"])
        return
    p.add_argument("--batch", type=int, default=8, help="texts of each user")
    p.add_argument("--seq", type=int, default=128)
    p.add_argument("--lengths", default="", help="dolly, or numbers with commas; PyTorch pads to the longest")
    p.add_argument("--users", type=int, default=1, help="passes one after another, each with an adapter of its own")
    p.add_argument("--variants", default="lora,hidden,full")
    p.add_argument("--attention", default="sdpa", help="sdpa, eager, or both with a comma")
    p.add_argument("--compile", action="store_true", help="torch.compile too")


def workers(kind, o):
    """The variants of PyTorch that are asked for, each warm."""
    work = {"kind": kind, "threads": o.threads, "repeats": o.repeats, "warmup": o.warmup}
    list_ = []
    for settings in o.settings.split(","):
        if kind == "fit":
            for optimizer in ("fused", "foreach"):
                more = {"arch": o.arch, "tokens": o.tokens, "rank": o.rank, "variant": o.adapter, "optimizer": optimizer, "settings": settings}
                list_.append(process.Worker(f"torch {o.adapter}, AdamW {optimizer}, {settings}", work | more))
            continue
        for variant in o.variants.split(","):
            for attention in o.attention.split(","):
                for compile_ in (False, True) if o.compile else (False,):
                    more = {"arch": o.arch, "batch": o.batch, "seq": o.seq, "lengths": o.lengths, "users": o.users, "rank": o.rank,
                            "variant": variant, "attention": attention, "compile": compile_, "settings": settings}
                    name = f"torch {variant}, {attention}{', compiled' if compile_ else ''}, {settings}"
                    list_.append(process.Worker(name, work | more))
    return list_


def cola(kind, o):
    """The same as a command of cola."""
    flags = ["--arch", o.arch, "--repeats", str(o.repeats), "--warmup", str(o.warmup)]
    if kind == "fit":
        flags += ["--tokens", str(o.tokens), "--adapter", o.adapter, "--rank", str(o.rank)]
    else:
        flags += ["--batch", str(o.batch), "--seq", str(o.seq), "--participants", str(o.users), "--rank", str(o.rank)]
        flags += ["--lengths", o.lengths] if o.lengths else []
        flags += ["--mode", "unmerged"] if o.users > 1 else []
    return process.Cola("cola", o.cola, [kind, *flags, *o.flags.split()], o.threads)


def gemm(o):
    """GFLOP/s of every way that PyTorch has, and of cola where it is compared."""
    asked = {"threads": o.threads, "tokens": [int(n) for n in o.tokens.split(",")], "rounds": o.repeats}
    torch_command = [sys.executable, str(Path(__file__).with_name("gemm.py")), json.dumps(asked)]
    seconds, shares, peaks = {}, {}, []  # by (site, direction, m, k, n), then by way
    for _ in range(o.rounds):
        out = subprocess.run(torch_command, env=process.environment(o.threads, o.settings.split(",")[0]), check=True, stdout=subprocess.PIPE, text=True)
        for row in map(json.loads, out.stdout.splitlines()):
            ways = seconds.setdefault((row["site"], row["direction"], row["m"], row["k"], row["n"]), {})
            for way, list_ in row["seconds"].items():
                ways.setdefault(way, []).extend(list_)
        if o.verb == "compare":
            report = process.cola_report([o.cola, "bench", "gemm", "--tokens", o.tokens, "--repeats", str(o.repeats), *o.flags.split()], o.threads)
            peaks.append(report["peak_gflops"])
            for row in report["rows"]:
                key = (row["direction"], row["m"], row["k"], row["n"])
                shares.setdefault(key, []).append((row["gflops"], row["share_of_peak"]))
    names = list(next(iter(seconds.values())))
    print("| product | tokens | " + " | ".join(names) + " | cola | of the peak | cola / best |\n|" + "---|" * (len(names) + 5))
    ratios = []
    for (site, direction, m, k, n), ways in seconds.items():
        rates = [2e-9 * m * k * n / statistics.median(ways[name]) for name in names]
        cells = [f"{direction} {site}", str(m), *(f"{g:.0f}" for g in rates)]
        if own := shares.get((direction, m, k, n)):
            rate, share = (statistics.median(v) for v in zip(*own))
            ratios.append(rate / max(rates))
            cells += [f"{rate:.0f}", f"{100 * share:.0f} %", f"{ratios[-1]:.2f}"]
        print("| " + " | ".join(cells) + " |")
    if ratios:
        print(f"\nGFLOP/s, medians. Peak {statistics.median(peaks):.0f}; cola against PyTorch's best way, median: {statistics.median(ratios):.2f}")


def main():
    o = arguments()
    if o.verb != "suite":
        return measure(o)
    for words in SUITE:
        if words.startswith(o.only):
            print(f"\npeer.py compare {words}\n", flush=True)
            measure(arguments(["compare", "--cola", o.cola, *words.split()]))


def measure(o):
    kind = o.kind if o.verb == "compare" else o.verb
    if kind == "gemm":
        return gemm(o)
    runners = workers(kind, o)
    if o.verb == "compare":
        runners.append(cola(kind, o))
    process.interleave(runners, o.rounds)
    tokens = o.tokens if kind == "fit" else workload.real_tokens(vars(o), workload.configuration(o.arch))
    process.table(runners, tokens)


if __name__ == "__main__":
    main()
