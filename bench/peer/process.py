"""Runs workers, and cola, in turn, so that what disturbs the machine disturbs all alike."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import mkl

# Ways to run PyTorch on a CPU, which "+" joins. The first is its default on a clean machine.
SETTINGS = {
    "plain": {},
    # glibc keeps large buffers instead of giving each back to the system and faulting it in again.
    "malloc": {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 36), "MALLOC_TOP_PAD_": str(1 << 26)},
    "thp": {"THP_MEM_ALLOC_ENABLE": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    "bind": {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "spin": {"GOMP_SPINCOUNT": "1000000000"},
    "mkl": None,  # what mkl.py says
}


def environment(threads, settings):
    """The environment without what slows PyTorch down on the development machines."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "OMP_", "MKL_", "KMP_", "GOMP_"))}
    env |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    for name in settings.split("+"):
        env |= mkl.environment() if name == "mkl" else SETTINGS[name]
    return env


class Worker:
    """A variant of PyTorch that waits for its turn."""

    def __init__(self, name, work):
        self.name, self.work, self.seconds, self.peak = name, work, [], 0
        self.errors = tempfile.TemporaryFile("w+")
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), json.dumps(work)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=environment(work["threads"], work["settings"]))
        self.answer("ready")

    def answer(self, key):
        for line in self.process.stdout:
            if line.startswith("{") and key in (message := json.loads(line)):
                return message
        self.errors.seek(0)
        raise SystemExit(f"{self.name}: the worker ended early, status {self.process.wait()} (-9: too little memory?)\n{self.errors.read()[-2000:]}")

    def tell(self, word):
        try:
            print(word, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # answer says why

    def turn(self):
        self.tell("go")
        self.seconds += self.answer("seconds")["seconds"]

    def end(self):
        self.tell("end")
        self.peak = self.answer("peak")["peak"]
        self.process.wait()


class Cola:
    """`cola bench …`, a process each turn."""

    def __init__(self, name, program, arguments, threads):
        self.name, self.seconds, self.peak, self.report = name, [], 0, {}
        self.command, self.threads = [program, "bench", *arguments], threads

    def turn(self):
        self.report = cola_report(self.command, self.threads)
        self.seconds += self.report.get("seconds") or [self.report["seconds_median"]]
        self.peak = max(self.peak, self.report.get("peak_memory_bytes", 0))

    def end(self):
        pass


def cola_report(command, threads):
    """What a command of cola tells."""
    out = subprocess.run([*command, "--json"], env={**os.environ, "GOMAXPROCS": str(threads)}, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout)


def interleave(runners, rounds):
    """Takes turns, and returns the runners."""
    for _ in range(rounds):
        for r in runners:
            r.turn()
    for r in runners:
        r.end()
    return runners


def table(runners, tokens):
    """Prints a Markdown table: seconds, tokens a second, peak memory, and speed against the first."""
    print("\n| what | best s | median s | tokens/s (median) | peak MiB | times the first |")
    print("|---|---|---|---|---|---|")
    first = statistics.median(runners[0].seconds)
    for r in runners:
        m = statistics.median(r.seconds)
        print(f"| {r.name} | {min(r.seconds):.4g} | {m:.4g} | {tokens / m:.0f} | {r.peak / 2**20:.0f} | {first / m:.2f} |")
    ours = [r for r in runners if isinstance(r, Cola)]
    theirs = [r for r in runners if not isinstance(r, Cola)]
    if ours and theirs:
        by = {"median": statistics.median, "best": min}
        print("\ncola against the fastest of PyTorch: " + ", ".join(
            f"{min(f(r.seconds) for r in theirs) / f(ours[0].seconds):.2f} times by the {name}" for name, f in by.items()))
