"""What is measured: architectures, lengths and batches, the same as of `cola bench`."""

import json
from pathlib import Path

import torch

BENCH = Path(__file__).resolve().parents[2] / "internal" / "bench"
TARGETS = {"gpt2": ["c_attn"], "roberta": ["query", "value"], "bart": ["q_proj", "v_proj"], "llama": ["q_proj", "v_proj"]}
TARGET_TOKENS = 64  # of bart's decoder, unless the lengths say otherwise


def configuration(arch):
    """The published configuration, from cola's own files or from a folder with config.json."""
    from transformers import AutoConfig

    path = BENCH / "architectures" / f"{arch}.json"
    if not path.exists():
        path = Path(arch) / "config.json"
    fields = json.loads(path.read_text())
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    for name in vars(config):  # cola has no dropout; it would only cost PyTorch time
        if "drop" in name and isinstance(getattr(config, name), float):
            setattr(config, name, 0.0)
    config.use_cache = False
    return config


def random_model(config, attention, device="cpu", dtype=torch.float32):
    """A model with random weights, drawn in place: speed does not depend on them."""
    import transformers

    with torch.device(device):
        model = getattr(transformers, config.architectures[0])._from_config(config, attn_implementation=attention, dtype=dtype)
    return model.to(dtype).train()


def lengths(work):
    """The tokens of each text of a batch."""
    if work["lengths"] == "dolly":
        order = json.loads((BENCH / "dolly.json").read_text())
        return [order[i % len(order)] for i in range(work["batch"])]
    if work["lengths"]:
        return [int(n) for n in work["lengths"].split(",")]
    return [work["seq"]] * work["batch"]


def real_tokens(work, config):
    """Tokens that count: of the texts and, of bart, of the targets; padding does not."""
    n = sum(lengths(work))
    if config.model_type == "bart":
        n += work["batch"] * TARGET_TOKENS
    return n * work["users"]


def padded(texts, vocabulary, generator):
    """Random ids, padded to the longest text as users of PyTorch do; no mask where none is needed."""
    longest = max(texts)
    ids = torch.randint(3, vocabulary, (len(texts), longest), generator=generator)
    if min(texts) == longest:
        return ids, None
    mask = (torch.arange(longest)[None, :] < torch.tensor(texts)[:, None]).long()
    return ids * mask + (1 - mask), mask


def batch(work, config):
    """The arguments of one user's forward pass."""
    g = torch.Generator().manual_seed(1)
    ids, mask = padded(lengths(work), config.vocab_size, g)
    arguments = {"input_ids": ids}
    if mask is not None:
        arguments["attention_mask"] = mask
    if config.model_type == "bart":
        targets = torch.randint(3, config.vocab_size, (ids.shape[0], TARGET_TOKENS), generator=g)
        return arguments | {"labels": targets}
    if config.model_type == "roberta":
        return arguments | {"labels": torch.randint(0, 2, (ids.shape[0],), generator=g)}
    return arguments | {"labels": ids if mask is None else ids.masked_fill(mask == 0, -100)}
