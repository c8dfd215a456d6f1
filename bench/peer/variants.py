"""The steps of PyTorch that cola is held against. Each function returns one that runs a step."""

import torch

import workload


def with_lora(model, config, rank, users=1, **more):
    """The model with PEFT's LoRA adapters at the paper's sites, one a user."""
    from peft import LoraConfig, TaskType, get_peft_model

    settings = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0,
                          target_modules=workload.TARGETS[config.model_type], fan_in_fan_out=config.model_type == "gpt2",
                          task_type=TaskType.SEQ_CLS if config.model_type == "roberta" else None)
    model = get_peft_model(model, settings, adapter_name="user0", **more)
    for k in range(1, users):
        model.add_adapter(f"user{k}", settings)
    for name, p in model.named_parameters():  # B is not zero after the first step
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.02)
    return model


def lora(work):
    """PEFT LoRA: forward, loss.backward(); no optimizer step. With several users each has an
    adapter of its own and a pass of its own, one after another."""
    config = workload.configuration(work["arch"])
    model = with_lora(workload.random_model(config, work["attention"]), config, work["rank"], work["users"])
    names = [f"user{k}" for k in range(work["users"])]
    run, arguments = compiled(model, work), workload.batch(work, config)

    def step():
        for name in names:
            if len(names) > 1:
                model.set_adapter(name)
            run(**arguments).loss.backward()
        for p in model.parameters():
            p.grad = None

    return step


def hidden(work):
    """Plain PyTorch with frozen weights: gradients of hidden representations alone."""
    config = workload.configuration(work["arch"])
    model = workload.random_model(config, work["attention"]).requires_grad_(False)
    run, arguments = compiled(model, work), workload.batch(work, config)
    ids = arguments.pop("input_ids")
    if config.model_type == "bart":  # the decoder's side, too
        decoder = model.prepare_decoder_input_ids_from_labels(labels=arguments["labels"])

    def step():
        for _ in range(work["users"]):
            x = {"inputs_embeds": model.get_input_embeddings()(ids).requires_grad_()}
            if config.model_type == "bart":
                x["decoder_inputs_embeds"] = model.get_input_embeddings()(decoder).requires_grad_()
            run(**x, **arguments).loss.backward()

    return step


def full(work):
    """Full fine-tuning: the gradients of all weights, no optimizer step."""
    config = workload.configuration(work["arch"])
    model = workload.random_model(config, work["attention"])
    run, arguments = compiled(model, work), workload.batch(work, config)

    def step():
        for _ in range(work["users"]):
            run(**arguments).loss.backward()
        model.zero_grad(set_to_none=True)

    return step


def compiled(model, work):
    return torch.compile(model) if work["compile"] else model


def fit(work):
    """A participant's fit of all sites from tuples: gradient and AdamW."""
    config = workload.configuration(work["arch"])
    sites, wide, out, rank, rows = config.num_hidden_layers, config.hidden_size, 3 * config.hidden_size, work["rank"], work["tokens"]
    xs = [torch.randn(rows, wide) for _ in range(sites)]
    gs = [torch.randn(rows, out) * 1e-3 for _ in range(sites)]
    if work["variant"] == "low-rank":
        a = [torch.nn.Parameter(torch.randn(rank, wide) * 0.02) for _ in range(sites)]
        b = [torch.nn.Parameter(torch.randn(out, rank) * 0.02) for _ in range(sites)]
        parameters = a + b
    else:
        weights = parameters = [torch.nn.Parameter(torch.zeros(out, wide)) for _ in range(sites)]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, **{work["optimizer"]: True})

    @torch.no_grad()
    def step():
        if work["variant"] == "low-rank":
            for a_, b_, x, g in zip(a, b, xs, gs):
                gb = g @ b_
                a_.grad, b_.grad = gb.T @ x, g.T @ (x @ a_.T)
        else:
            for w, x, g in zip(weights, xs, gs):
                w.grad = g.T @ x
        optimizer.step()

    return step


STEPS = {"lora": lora, "hidden": hidden, "full": full}
KINDS = {"step": lambda work: STEPS[work["variant"]](work), "fit": fit}
