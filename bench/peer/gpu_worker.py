"""One variant of PyTorch on a GPU, in a process of its own, which answers requests.

    python gpu_worker.py '{"arch": "gpt2", "variant": "lora", "compile": false, "device": "cuda"}'

Every line of input is a request, {"batch", "seq", "warmup", "repeats", "optimizer"}, and every answer
a line of JSON: the seconds of each repeat, the most bytes that tensors took meanwhile, and that
PyTorch's allocator had of the driver for them; or {"error"}. A request without repeats compiles and warms up.
"""

import json
import sys
import time

import torch

import variants
import workload


def build(o):
    """The model of a variant, and what makes the arguments of a pass."""
    config = workload.configuration(o["arch"])
    device = torch.device(o["device"])
    model = workload.random_model(config, "sdpa", device, torch.bfloat16)
    if o["variant"] == "lora":
        # Adapters in bfloat16 too: PEFT would keep them in float32 and convert x at every site.
        model = variants.with_lora(model, config, o["rank"], autocast_adapter_dtype=False)
    elif o["variant"] == "hidden":
        model.requires_grad_(False)
    if o["compile"]:
        compile_(model, config)
    return model, config, device


def compile_(model, config):
    """Compiles in place. Of a deep model each block by itself, which all of them share: PyTorch's
    advice for transformers, a tenth of the time, and what stands between blocks is little."""
    torch._dynamo.config.cache_size_limit = 64  # shapes, times with and without gradients
    blocks = [m for m in model.modules() if type(m).__name__.endswith("DecoderLayer")]
    if config.num_hidden_layers > 12 and blocks:
        for block in blocks:
            block.compile(dynamic=False)
    else:
        model.compile(dynamic=False)


class Step:
    """A step on a batch: forward, loss.backward(), and an optimizer's step where it is asked for."""

    def __init__(self, model, config, device, hidden, request):
        self.model = model
        generator = torch.Generator().manual_seed(1)
        ids = torch.randint(3, config.vocab_size, (request["batch"], request["seq"]), generator=generator).to(device)
        self.inputs, self.labels, self.hidden = ids, ids, hidden
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=device.type == "cuda") if request.get("optimizer") and trained else None

    def __call__(self):
        if self.hidden:
            x = self.model.get_input_embeddings()(self.inputs).requires_grad_()
            loss = self.model(inputs_embeds=x, labels=self.labels).loss
        else:
            loss = self.model(input_ids=self.inputs, labels=self.labels).loss
        loss.backward()
        if self.optimizer:
            self.optimizer.step()
        self.model.zero_grad(set_to_none=True)
        return loss


def answer(model, config, device, o, request):
    """Measures what a request asks for."""
    step = Step(model, config, device, o["variant"] == "hidden", request)
    for _ in range(request["warmup"]):
        step()
    wait, cuda = nothing, device.type == "cuda"
    if cuda:
        wait = torch.cuda.synchronize
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(request["repeats"]):
        wait()
        begin = time.perf_counter()
        step()
        wait()
        seconds.append(time.perf_counter() - begin)
    memory = {"peak_bytes": torch.cuda.max_memory_allocated(), "reserved_bytes": torch.cuda.max_memory_reserved()} if cuda else {}
    return {"seconds": seconds} | memory | {"tokens": request["batch"] * request["seq"]}


def nothing():
    """The CPU computes at once."""


def say(message):
    print(json.dumps(message), flush=True)


def main():
    o = json.loads(sys.argv[1])
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True
    model, config, device = build(o)
    say({"ready": True, "weights_bytes": sum(p.numel() * p.element_size() for p in model.parameters())})
    for line in sys.stdin:
        try:
            reply = answer(model, config, device, o, json.loads(line))
        except Exception as e:  # out of memory, or a compiler that is not there: the next request may do
            reply = {"error": f"{type(e).__name__}: {e}".splitlines()[0][:300]}
            model.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.empty_cache()  # the others share the card
        say(reply)


if __name__ == "__main__":
    main()
