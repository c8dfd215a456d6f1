"""cola and PyTorch on one GPU in one run, in turn. cuda/gpu.sh runs it; by hand:

    python gpu.py peaks --out peaks.json
    python gpu.py steps --cola ../../cola --arch gpt2 --shapes 32x128,8x1024 --memory 1,8,32 --out gpt2.json

Every variant is a process of its own that waits for its turn. What one cannot do is in the file as its
error, and the others go on. The file is written again after every turn: a run that is cut short leaves
what it had.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VARIANTS = ["lora", "lora compiled", "hidden", "hidden compiled", "full"]
PARTICIPANTS = [1, 8, 64]  # of the memory tables
KINDS = {"low-rank": {"rank": 8}, "linear": {}, "mlp": {"hidden": [128, 256]}}  # the paper's


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = p.add_subparsers(dest="verb", required=True)
    peaks = verbs.add_parser("peaks", help="what the card does at most: bfloat16 products of matrices, and copies")
    peaks.add_argument("--size", type=int, default=8192, help="of the square matrices")
    steps = verbs.add_parser("steps", help="a step, of every shape by every variant, and memory")
    steps.add_argument("--cola", default="cola", help="the program")
    steps.add_argument("--cola-flags", default="--device cuda --compute bf16", help="as one word")
    steps.add_argument("--arch", default="gpt2")
    steps.add_argument("--shapes", default="32x128", help="texts x tokens, with commas")
    steps.add_argument("--variants", default=",".join(VARIANTS), help="of PyTorch")
    steps.add_argument("--memory", default="", help="texts of the passes whose memory is measured too, with commas")
    steps.add_argument("--memory-seq", type=int, default=128, help="tokens of each of these texts")
    steps.add_argument("--rank", type=int, default=8)
    steps.add_argument("--turns", type=int, default=3)
    steps.add_argument("--repeats", type=int, default=10, help="steps in a turn")
    steps.add_argument("--warmup", type=int, default=3, help="steps before those, in each turn")
    steps.add_argument("--apart", action="store_true", help="one variant after another: the card has no room for all models at once")
    steps.add_argument("--after", default="", help="a file: models are made and compiled at once, and measured when it is there")
    for v in (peaks, steps):
        v.add_argument("--device", default="cuda", help="PyTorch's")
        v.add_argument("--out", required=True)
    return p.parse_args()


class Runner:
    """A program that answers each line of JSON with one."""

    def __init__(self, family, name, command):
        self.family, self.name, self.command, self.process, self.dead = family, name, command, None, ""

    def start(self):
        self.errors = tempfile.TemporaryFile("w+")
        try:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        except OSError as e:
            self.dead = str(e)

    def tell(self, request):
        if not self.dead:
            try:
                print(json.dumps(request), file=self.process.stdin, flush=True)
            except OSError:
                pass  # hear says why

    def hear(self):
        while not self.dead:
            line = self.process.stdout.readline()
            if line.startswith("{"):
                return json.loads(line)
            if not line:
                self.dead = f"ended with status {self.process.wait()}: {self.last_words()}"
        return {"error": self.dead}

    def last_words(self):
        """What cola says is wrong, or the last line of a traceback."""
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines() or ["it said nothing"]
        return next((line for line in lines if line.startswith("error:")), lines[-1])[:300]

    def ask(self, request):
        self.tell(request)
        return self.hear()

    def end(self):
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Torch(Runner):
    """A variant of PyTorch."""

    def __init__(self, o, variant):
        kind, _, compiled = variant.partition(" ")
        work = {"arch": o.arch, "variant": kind, "compile": bool(compiled), "device": o.device, "rank": o.rank}
        super().__init__("torch", variant, [sys.executable, str(Path(__file__).with_name("gpu_worker.py")), json.dumps(work)])
        self.trains = kind != "hidden"

    def requests(self, shape):
        return {self.name: {"batch": shape[0], "seq": shape[1]}}

    def memory(self, o, batch):
        if not self.trains or " " in self.name:
            return
        yield {"method": self.name}, {"batch": batch, "seq": o.memory_seq, "optimizer": True}


class Cola(Runner):
    """cola, the pass alone and with its tuples on the host."""

    def __init__(self, o):
        super().__init__("cola", "cola", [o.cola, "bench", "serve", "--arch", o.arch, *o.cola_flags.split()])
        self.rank = o.rank

    def requests(self, shape):
        of = {"batch": shape[0], "seq": shape[1], "participants": 1, "mode": "merged", "adapter": "low-rank", "rank": self.rank}
        return {"cola, pass": of, "cola, tuples": of | {"tuples": True}}

    def memory(self, o, batch):
        """Passes over so many texts for K participants. Where there are more of them than texts the rest
        wait for their turn; in an unmerged pass their adapters wait on the device."""
        for kind, widths in KINDS.items():
            for mode in ("unmerged", "merged"):
                for k in PARTICIPANTS:
                    if kind == "mlp" and mode == "merged":
                        continue  # an MLP is not linear: nothing to merge
                    in_pass = min(k, batch)
                    yield ({"method": kind, "mode": mode, "participants": k},
                           {"batch": batch // in_pass, "seq": o.memory_seq, "participants": in_pass, "waiting": k - in_pass, "mode": mode, "adapter": kind} | widths)


class File:
    """What was measured so far."""

    def __init__(self, path, head):
        self.path, self.content, self.rows = Path(path), head, {}

    def add(self, family, name, shape, answer):
        row = self.rows.setdefault((name, shape), {"family": family, "name": name, "batch": shape[0], "seq": shape[1], "seconds": []})
        row["seconds"] += answer.pop("seconds", None) or []
        row.update(answer)
        self.write()

    def write(self):
        aside = self.path.with_suffix(".part")
        aside.write_text(json.dumps(self.content | {"steps": list(self.rows.values())}, indent=1) + "\n")
        os.replace(aside, self.path)


def steps(o):
    shapes = [tuple(int(n) for n in s.split("x")) for s in o.shapes.split(",")]
    runners = [Cola(o)] + [Torch(o, v) for v in o.variants.split(",") if v]
    out = File(o.out, {"arch": o.arch, "memory": [], "apart": o.apart})
    for group in [[r] for r in runners] if o.apart else [runners]:
        for r in group:
            r.start()
        for r in group:
            if error := r.hear().get("error"):
                print(f"{r.name}: {error}", file=sys.stderr)
        warm(o, group, shapes)
        while o.after and not Path(o.after).exists():
            time.sleep(0.2)
        for _ in range(o.turns):
            for shape in shapes:
                for r in group:
                    for name, request in r.requests(shape).items():
                        out.add(r.family, name, shape, r.ask(request | {"warmup": o.warmup, "repeats": o.repeats}))
        for batch in [int(n) for n in o.memory.split(",") if n]:
            for r in group:
                for row, request in r.memory(o, batch):
                    answer = r.ask(request | {"warmup": 1, "repeats": 1})
                    out.content["memory"].append({"family": r.family, "batch": batch, "seq": o.memory_seq} | row | answer)
                    out.write()
        for r in group:
            r.end()


def warm(o, group, shapes):
    """Compiles: small models all at once, since a compiler keeps one processor busy, and not the GPU."""
    compiled = [r for r in group if r.name.endswith(" compiled")]
    for shape in shapes:
        request = {"batch": shape[0], "seq": shape[1], "warmup": 1, "repeats": 0}
        if o.arch.startswith("llama-2"):
            for r in compiled:
                r.ask(request)
            continue
        for r in compiled:
            r.tell(request)
        for r in compiled:
            r.hear()


def peaks(o):
    import torch

    cuda = o.device == "cuda"
    rows = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "cpu", "cuda": torch.version.cuda}

    def median(run):
        for _ in range(3):
            run()
        seconds = []
        for _ in range(20 if cuda else 1):
            if cuda:
                begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                run()
                end.record()
                end.synchronize()
                seconds.append(1e-3 * begin.elapsed_time(end))
            else:
                start = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - start)
        return sorted(seconds)[len(seconds) // 2]

    n = o.size
    a, b = (torch.randn(n, n, device=o.device, dtype=torch.bfloat16) for _ in range(2))
    c = torch.empty_like(a)
    rows["matrix_flops"] = 2 * n**3 / median(lambda: torch.mm(a, b, out=c))
    source = torch.randn(32 * n, n, device=o.device, dtype=torch.bfloat16)
    to = torch.empty_like(source)
    rows["copy_bytes"] = 2 * source.numel() * source.element_size() / median(lambda: to.copy_(source))
    host = torch.empty(n, n, dtype=torch.bfloat16, pin_memory=cuda)
    rows["to_host_bytes"] = host.numel() * host.element_size() / median(lambda: host.copy_(a, non_blocking=True))
    Path(o.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    options = arguments()
    {"peaks": peaks, "steps": steps}[options.verb](options)
