"""One variant in a process of its own: warm-up, then a measurement for every line of input.

Lines of output are JSON: {"ready"} once, {"seconds": [...]} for each "go", {"peak"} at the end.
"""

import json
import sys
import time

import torch

import variants


def peak():
    """The process's peak resident memory in bytes."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024


def say(**message):
    print(json.dumps(message), flush=True)


def main():
    work = json.loads(sys.argv[1])
    torch.set_num_threads(work["threads"])
    torch.manual_seed(1)
    imported = peak()
    step = variants.KINDS[work["kind"]](work)
    for _ in range(work["warmup"]):
        step()
    say(ready=True)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        seconds = []
        for _ in range(work["repeats"]):
            begin = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - begin)
        say(seconds=seconds)
    say(peak=peak(), imported=imported)


if __name__ == "__main__":
    main()
