"""The report of a run of cuda/gpu.sh, from what its steps left in a folder. Standard library only.

    python gpu_report.py OUT

Writes OUT/report.md and OUT/report.json, prints the goals last, and ends with status 1 where a test
failed. What was not measured is said to be so; nothing is filled in.
"""

import json
import re
import statistics
import sys
from pathlib import Path

GIB = 1 << 30


class Run:
    """The files of a run. One that is missing, or was cut off, is empty."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.steps = [line.split("\t") for line in self.text("steps").splitlines()]

    def text(self, name):
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def json(self, name):
        try:
            return json.loads(self.text(name))
        except json.JSONDecodeError:
            return {}

    def status(self, name):
        return next((s[1] for s in self.steps if s[0] == name), "left out")


class Goals:
    """What is aimed at, and whether it was reached."""

    def __init__(self):
        self.rows = []

    def add(self, what, target, measured, met):
        """met is None where nothing was measured."""
        self.rows.append({"goal": what, "target": target, "measured": measured, "met": met})

    def least(self, what, value, target, show="{:.2f}"):
        self.bound(what, value, target, show, "at least", lambda v: v >= target)

    def most(self, what, value, target, show="{:.2f}"):
        self.bound(what, value, target, show, "at most", lambda v: v <= target)

    def bound(self, what, value, target, show, word, reached):
        text = "not measured" if value is None else show.format(value)
        self.add(what, f"{word} {show.format(target)}", text, None if value is None else reached(value))

    def table(self):
        word = {True: "met", False: "**short**", None: "–"}
        return table(["goal", "target", "measured", ""], [[r["goal"], r["target"], r["measured"], word[r["met"]]] for r in self.rows])


def table(head, rows):
    """A Markdown table; columns after the first are to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows])


def median(row):
    return statistics.median(row["seconds"]) if row and row.get("seconds") else None


def ratio(a, b):
    return a / b if a is not None and b else None


def tests(run, goals):
    """Tests by package and way of compiling, and the sanitizer's."""
    rows, failed = [], []
    for name, status, seconds, _ in run.steps:
        if not name.startswith(("tests-", "sanitizer-")):
            continue
        log = run.text(name + ".log")
        counts = {kind: re.findall(rf"^ *--- {kind}: (\S+)", log, re.MULTILINE) for kind in ("PASS", "FAIL", "SKIP")}
        ran = bool(counts["PASS"]) and status == "ok"
        if not status.startswith("left out"):
            if status != "ok" or counts["FAIL"]:  # one that was cut short hung, or is too slow for a run
                failed.append(name)
            goals.add(name.replace("-", " "), "nothing fails", f"{len(counts['PASS'])} passed, {len(counts['FAIL'])} failed; {status}", ran and not counts["FAIL"])
        else:
            goals.add(name.replace("-", " "), "nothing fails", status, None)
        rows.append([name, status, len(counts["PASS"]), len(counts["FAIL"]), len(counts["SKIP"]), ", ".join(counts["FAIL"][:8]) or "–"])
    return table(["tests", "status", "passed", "failed", "skipped", "which failed"], rows), failed


def golden(run, goals):
    """The worst error of each kind over all golden folders."""
    rows, failed, kinds = [], [], ["logits", "loss", "x", "g", "grad_lora_A", "grad_lora_B", "trained_lora_A", "trained_lora_B"]
    for jit in ("nvrtc", "ptx"):
        for compute in ("f32", "bf16"):
            name = f"golden-{compute}-{jit}"
            report = run.json(name + ".json")
            worst = {}
            for folder in report.get("folders", []):
                for row in folder["rows"]:
                    worst[row["kind"]] = max(worst.get(row["kind"], 0.0), row["error"])
            rows.append([f"{compute}, {jit}", len(report.get("folders", []))] + [f"{worst[k]:.1e}" if k in worst else "–" for k in kinds])
            if compute == "f32":
                goals.most(f"golden folders in float32, {jit}", max(worst.values()) if worst else None, 1e-4, "{:.1e}")
                if run.status(name).startswith("failed"):
                    failed.append(name)
    return table(["golden folders", "folders"] + kinds, rows), failed


def speed(run, goals, name, peak):
    """Tokens a second of every variant, by shape."""
    measured = run.json(name + ".json")
    sections, steps = [], measured.get("steps", [])
    for shape in dict.fromkeys((r["batch"], r["seq"]) for r in steps):
        rows = {r["name"]: r for r in steps if (r["batch"], r["seq"]) == shape}
        title = f"{Path(measured['arch']).name} {shape[0]}×{shape[1]}"
        ours = rows.get("cola, pass", {})
        own, flops = median(ours), ours.get("flops_per_step")
        lines = []
        for r in rows.values():
            seconds = median(r)
            if seconds is None:
                lines.append([r["name"], "–", "–", "–", "–", r.get("error", "not measured")])
                continue
            memory = r.get("peak_bytes") or r.get("device_memory_bytes")
            lines.append([("PyTorch, " if r["family"] == "torch" else "") + r["name"], f"{1e3 * seconds:.2f}", f"{1e3 * min(r['seconds']):.2f}",
                          f"{r['tokens'] / seconds:,.0f}", f"{own and seconds / own:.2f}" if own else "–", f"{memory / GIB:.2f} GiB" if memory else "–"])
        floor = ""
        if flops and peak:
            share = ratio(flops / peak, own)
            floor = f"\n\nArithmetic: {flops / 1e12:.3f} TFLOP, {1e3 * flops / peak:.2f} ms at the measured peak" + (f"; the pass has {100 * share:.0f} % of it." if share else ".")
        sections.append(f"### {title}\n\n" + table(["variant", "median ms", "best ms", "tokens/s", "times cola's pass", "memory, or why not"], lines) + floor)
        compiled = [median(r) for r in rows.values() if r["name"].endswith(" compiled") and median(r)]
        goals.least(f"{title}: pass against PEFT LoRA, eager", ratio(median(rows.get("lora")), own), 1.5)
        goals.least(f"{title}: pass against the fastest compiled PyTorch", ratio(min(compiled), own) if compiled else None, 1.0)
        if name == "large":
            goals.least(f"{title}: share of the matrix peak", ratio(flops / peak, own) if flops and peak else None, 0.5)
            lora, cola = rows.get("lora", {}).get("peak_bytes"), ours.get("device_memory_bytes")
            goals.most(f"{title}: memory against PEFT LoRA", ratio(cola, lora) if cola else None, 0.8)
    if not sections:
        goals.add(f"speed, {name}", "–", run.status(name), None)
    return "\n\n".join(sections)


def memory(run, goals):
    """The paper's tables of memory, and what they are to show."""
    measured = run.json("small.json")
    rows = measured.get("memory", [])
    ours = [r for r in rows if r["family"] == "cola" and r.get("device_memory_bytes")]
    ks = sorted({r["participants"] for r in rows if "participants" in r})
    sections = []
    for batch in sorted({r["batch"] for r in rows}):
        of = [r for r in rows if r["batch"] == batch]
        lora = next((r["peak_bytes"] for r in of if r["method"] == "lora" and r.get("peak_bytes")), None)
        lines = [[{"lora": "PyTorch, PEFT LoRA", "full": "PyTorch, full fine-tuning"}[r["method"]], f"{r['peak_bytes'] / GIB:.3f}" if r.get("peak_bytes") else r.get("error", "–")]
                 + ["–"] * (len(ks) - 1) for r in of if r["family"] == "torch"]
        for method, mode in dict.fromkeys((r["method"], r["mode"]) for r in of if r["family"] == "cola"):
            by_k = {r["participants"]: r for r in of if r["method"] == method and r.get("mode") == mode}
            lines.append([f"cola, {method}, {mode}"] + [cell(by_k.get(k)) for k in ks])
        sections.append(f"### Batch {batch}, {of[0]['seq']} tokens each\n\n" + table(["GiB"] + [f"K = {k}" for k in ks], lines))
        merged = [r["device_memory_bytes"] for r in ours if r["batch"] == batch and r["mode"] == "merged"]
        goals.most(f"batch {batch}: merged, over K and adapters", max(merged) / min(merged) - 1 if len(merged) > 1 else None, 0.01, "{:.2%}")
        goals.most(f"batch {batch}: merged against PEFT LoRA", ratio(max(merged), lora) if merged else None, 0.8)
    off = [abs(r["device_memory_bytes"] / r["planned_memory_bytes"] - 1) for r in ours]
    goals.most("memory against cola plan, the worst of all", max(off) if off else None, 0.03, "{:.1%}")
    return "\n\n".join(sections)


def cell(row):
    """Memory as it was, and as it was planned."""
    if not row or row.get("error"):
        return row["error"] if row else "–"
    planned = f"{row['planned_memory_bytes'] / GIB:.3f} planned"
    return f"{row['device_memory_bytes'] / GIB:.3f} ({planned})" if row.get("device_memory_bytes") else f"– ({planned})"


def curves(run, goals):
    """Losses of training by each, and hidden gradients of a real model."""
    peer = run.json("curve/peer.json")
    theirs = peer.get("losses", {})
    losses = {f"PyTorch, {k}": v for k, v in theirs.items()}
    errors = {"PyTorch, bf16": peer.get("bf16_errors", {})} if peer else {}
    for name, file in (("cola, f32", "curve-f32.json"), ("cola, bf16", "curve-bf16.json"), ("cola on the CPU, f32", "curve-cpu.json")):
        for folder in run.json(file).get("folders", []):
            losses[name] = folder.get("losses", [])
            errors[name] = {}
            for row in folder["rows"]:
                errors[name][row["kind"]] = max(errors[name].get(row["kind"], 0.0), row["error"])
    rows = []
    for name, own in losses.items():
        gaps = [gap(own, theirs.get(k)) for k in ("f32", "bf16")]
        e = errors.get(name, {})
        rows.append([name, f"{own[0]:.5f}", f"{own[-1]:.5f}", *(f"{g:.2e}" if g is not None else "–" for g in gaps)]
                    + [f"{e[k]:.1e}" if k in e else "–" for k in ("x", "g", "grad_lora_B")])
    f32, bf16 = (gap(losses.get(f"cola, {k}"), theirs.get("f32")) for k in ("f32", "bf16"))
    goals.most("losses of training in float32, the largest gap to PyTorch's", f32, 1e-3, "{:.1e}")
    goals.most("losses of training in bfloat16, the largest gap to PyTorch's in float32", bf16, 1e-2, "{:.1e}")
    g = errors.get("cola, bf16", {}).get("g")
    bound = errors.get("PyTorch, bf16", {}).get("g")
    goals.most("hidden gradients in bfloat16: error over PyTorch's own", ratio(g, bound), 2.0)
    steps = len(theirs.get("f32", []))
    return f"{steps} steps of AdamW on LoRA matrices, from the same numbers on the same texts.\n\n" + table(
        ["run", "first loss", "last loss", "largest gap to PyTorch f32", "to PyTorch bf16", "x", "g", "grad of B"], rows)


def gap(a, b):
    """The largest relative difference of two curves."""
    if not a or not b or len(a) != len(b):
        return None
    return max(abs(x - y) / abs(y) for x, y in zip(a, b))


def delivery(run, goals):
    """Whole rounds against the pass alone."""
    rows = []
    for name in ("deliver-small", "deliver-large"):
        r = run.json(name + ".json")
        title = f"{Path(r['arch']).name}, {r['participants']} participants, {r['tokens']} tokens" if r else name.replace("-", " ")
        goals.most(f"{title}: whole round over the pass alone", r.get("overhead"), 0.10, "{:+.1%}")
        if r:
            rows.append([title, r["wire"], f"{1e3 * r['pass_seconds_median']:.2f}", f"{1e3 * r['round_seconds_median']:.2f}", f"{r['overhead']:+.1%}",
                         f"{r['bytes_per_round'] / 2**20:.1f}", f"{r['bytes_per_round'] / r['round_seconds_median'] / 1e9:.2f}"])
    return table(["round", "x and g as", "pass, ms", "round, ms", "", "MiB a round", "GB/s"], rows)


def environment(run):
    device, versions = run.json("device.json"), run.json("versions.json")
    lines = [f"- {d['name']}, compute capability {d['compute_capability_major']}.{d['compute_capability_minor']}, {d['memory_bytes'] / GIB:.1f} GiB" for d in device.get("devices") or []]
    lines += [f"- {c['library']} {c.get('version', '')}: {c.get('path') or c.get('problem')}" for c in (device.get(k, {}) for k in ("driver", "compiler", "blas")) if c]
    lines += ["- " + line for line in run.text("card.csv").splitlines()]
    lines.append("- " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    lines.append(f"- cola {run.text('version').strip()}")
    return "\n".join(lines)


def peaks(run):
    p = run.json("peaks.json")
    if not p:
        return f"Not measured: {run.status('peaks')}."
    return table(["peak", "measured by PyTorch"], [
        ["products of bfloat16 matrices", f"{p['matrix_flops'] / 1e12:.1f} TFLOP/s"],
        ["copies within the card, read and written", f"{p['copy_bytes'] / 1e12:.2f} TB/s"],
        ["copies to pinned memory of the host", f"{p['to_host_bytes'] / 1e9:.1f} GB/s"],
    ])


def main():
    run, goals = Run(sys.argv[1]), Goals()
    peak = run.json("peaks.json").get("matrix_flops")
    test_table, failed = tests(run, goals)
    golden_table, off = golden(run, goals)
    sections = [
        ("Machine", environment(run)), ("Tests", test_table), ("Golden folders", golden_table), ("Peaks", peaks(run)),
        ("Speed", "\n\n".join(filter(None, (speed(run, goals, name, peak) for name in ("small", "large"))))),
        ("Whole rounds", delivery(run, goals)), ("Memory", memory(run, goals)), ("Training", curves(run, goals)),
    ]
    failed += off
    steps = table(["step", "s", "status", "command"], [[s[0], s[2], s[1], f"`{s[3]}`" if s[3] else "–"] for s in run.steps])
    date = run.text("date").strip()
    rehearsal = run.text("rehearsal").strip()
    parts = [f"# cola on a GPU, {date}", *([f"**{rehearsal}**"] if rehearsal else []), "Written by cuda/gpu.sh; docs/gpu-measurements.md says what each figure means.", "## Goals", goals.table()]
    for title, text in sections + [("Steps", steps)]:
        parts += [f"## {title}", text or "Not measured."]
    (run.folder / "report.md").write_text("\n\n".join(parts) + "\n")
    whole = {"date": date, "rehearsal": bool(rehearsal), "version": run.text("version").strip(), "goals": goals.rows, "failed": failed, "steps": [
        {"name": s[0], "status": s[1], "seconds": int(s[2]), "command": s[3]} for s in run.steps]}
    whole |= {path.stem: run.json(path.name) for path in sorted(run.folder.glob("*.json")) if path.stem != "report"}
    whole["peer_curve"] = run.json("curve/peer.json")
    (run.folder / "report.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(f"\n{rehearsal}\n{goals.table()}\n\n{run.folder}/report.md has all of it.")
    if failed:
        print("failed: " + ", ".join(failed))
        sys.exit(1)


if __name__ == "__main__":
    main()
