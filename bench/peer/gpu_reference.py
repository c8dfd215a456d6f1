"""PyTorch's numbers for one model and one batch, in float32 and in bfloat16 on the same device.

    python gpu_reference.py --model FOLDER --device cuda --out FOLDER

Writes a golden folder (docs/golden.md) from the float32 run: the tuples of every site, the gradients
of LoRA matrices, and the losses of some steps of AdamW on them. peer.json beside it has the same
losses in bfloat16, and how far that run's numbers are from float32's: what rounding alone does.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

import workload

RANK, ALPHA = 8, 16


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help="a folder with a language model in Hugging Face layout; random weights where it has none")
    p.add_argument("--texts", default="", help="a .jsonl file whose instructions and responses are trained on; the model's tokenizer.json reads them")
    p.add_argument("--device", default="cuda")
    p.add_argument("--out", required=True)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--seq", type=int, default=64)
    p.add_argument("--steps", type=int, default=50)
    p.add_argument("--lr", type=float, default=1e-3)
    return p.parse_args()


def load(o, dtype):
    """The model with frozen weights and LoRA matrices, which PEFT keeps in float32."""
    import transformers
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(7)
    config = workload.configuration(o.model)
    if (Path(o.model) / "model.safetensors").exists():
        model = transformers.AutoModelForCausalLM.from_pretrained(o.model, config=config, dtype=torch.float32, attn_implementation="eager")
    else:
        model = workload.random_model(config, "eager")
    settings = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=workload.TARGETS[config.model_type],
                          fan_in_fan_out=config.model_type == "gpt2")
    # In bfloat16 before LoRA: the matrices of both runs are the same numbers.
    model = get_peft_model(model.to(o.device, dtype), settings).eval()
    g = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for _, p in lora(model):
            p.copy_(0.02 * torch.randn(p.shape, generator=g))
    return model


def lora(model):
    return [(name, p) for name, p in model.named_parameters() if "lora_" in name]


def batch(o, vocabulary):
    """Ids and a mask: texts cut at --seq and padded on the right, or random ids."""
    g = torch.Generator().manual_seed(9)
    if not o.texts:
        ids = torch.randint(3, vocabulary, (o.batch, o.seq), generator=g)
        return ids, torch.ones_like(ids)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(o.model) / "tokenizer.json"))
    records = [json.loads(line) for line in Path(o.texts).read_text().splitlines()[: o.batch]]
    texts = [tokenizer.encode(f"{r['instruction']}\n{r['response']}").ids[: o.seq] for r in records]
    longest = max(map(len, texts))
    ids = torch.tensor([t + [0] * (longest - len(t)) for t in texts])
    mask = torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in texts])
    return ids, mask


def capture(model):
    """What each site's layer reads, and the gradient of what it gives with its adapter."""
    xs, gs = {}, {}

    def hook(site):
        def forward(_, args, output):
            xs[site] = args[0].detach()
            output.register_hook(lambda g: gs.__setitem__(site, g.detach()))
        return forward

    handles = []
    for name, module in model.named_modules():
        if hasattr(module, "lora_A"):
            handles.append(module.register_forward_hook(hook(name.removeprefix("base_model.model."))))
    return xs, gs, handles


def run(o, dtype, ids, mask):
    """Everything that is compared, of one precision, and the model that it is of."""
    model = load(o, dtype)
    inputs = {"input_ids": ids.to(o.device), "attention_mask": mask.to(o.device)}
    labels = torch.where(inputs["attention_mask"] == 1, inputs["input_ids"], -100)
    model.get_input_embeddings().register_forward_hook(lambda _, __, out: out.requires_grad_())
    xs, gs, handles = capture(model)
    numbers = {f"{half}.{site}": p.detach().clone() for half, site, p in named(model)}
    out = model(**inputs, labels=labels, use_cache=False)
    out.loss.backward()
    numbers |= {"logits": out.logits, "loss": out.loss.reshape(1)}
    for site in xs:
        numbers["x." + site], numbers["g." + site] = xs[site], gs[site]
    for half, site, p in named(model):
        numbers[f"grad_{half}.{site}"] = p.grad.clone()
    for h in handles:
        h.remove()
    numbers["losses"] = torch.tensor(train(o, model, inputs, labels))
    for half, site, p in named(model):
        numbers[f"trained_{half}.{site}"] = p
    return {name: v.detach().float().cpu() for name, v in numbers.items()}, model


def named(model):
    """The halves of the LoRA matrices, lora_A or lora_B, with their sites."""
    for name, p in lora(model):
        site, half = name.removeprefix("base_model.model.").split(".lora_")
        yield f"lora_{half[0]}", site, p


def train(o, model, inputs, labels):
    """The losses of steps of AdamW, each before its step."""
    optimizer = torch.optim.AdamW([p for _, p in lora(model)], lr=o.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    losses = []
    for _ in range(o.steps):
        optimizer.zero_grad()
        loss = model(**inputs, labels=labels, use_cache=False).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def errors(got, want, mask):
    """The worst relative error of each kind, max|a - b| / max|b| outside of padding, as cola verify has it."""
    worst = {}
    for name, b in want.items():
        a, kind = got[name], name.split(".")[0]
        if b.dim() == 3:
            a, b = a[mask == 1], b[mask == 1]
        size = b.abs().max().item()
        worst[kind] = max(worst.get(kind, 0.0), (a - b).abs().max().item() / (size or 1.0))
    return worst


def write(o, folder, numbers, model, ids, mask):
    """The golden folder."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    source = Path(o.model) / "model.safetensors"
    if source.exists():
        shutil.copy(source, folder)
    else:
        state = {k.removeprefix("base_model.model.").replace(".base_layer", ""): v.contiguous().clone()
                 for k, v in model.state_dict().items() if "lora_" not in k and not (k.endswith("lm_head.weight") and model.config.tie_word_embeddings)}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(Path(o.model) / "config.json", folder)
    inputs = {"input_ids": ids.int(), "attention_mask": mask.int(), "labels": torch.where(mask == 1, ids, -100).int()}
    save_file({k: v.contiguous() for k, v in (inputs | numbers).items()}, folder / "golden.safetensors")
    optimizer = {"name": "adamw", "lr": o.lr, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01, "steps": o.steps}
    (folder / "golden.json").write_text(json.dumps({"task": "causal-lm", "rank": RANK, "alpha": ALPHA, "optimizer": optimizer}, indent=2) + "\n")


def main():
    o = arguments()
    torch.use_deterministic_algorithms(True, warn_only=True)
    ids, mask = batch(o, workload.configuration(o.model).vocab_size)
    want, model = run(o, torch.float32, ids, mask)
    write(o, Path(o.out), want, model, ids, mask)
    got, _ = run(o, torch.bfloat16, ids, mask)
    report = {"losses": {"f32": want["losses"].tolist(), "bf16": got["losses"].tolist()}, "bf16_errors": errors(got, want, mask)}
    (Path(o.out) / "peer.json").write_text(json.dumps(report) + "\n")
    print(f"loss {want['losses'][0]:.4f} to {want['losses'][-1]:.4f}; bfloat16's g is off by {report['bf16_errors']['g']:.2g}")


if __name__ == "__main__":
    main()
