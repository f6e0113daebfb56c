"""PyTorch's side of the bench. Request: {file, dropout, mode: eager|compile, threads, channels_last, seconds}."""
import time

import torch

import networks
from measure import measure, serve


def handle(request):
    torch.set_num_threads(request["threads"])
    torch._dynamo.reset()
    net, loss, optimizer, x, y, expected = networks.load(request["file"])
    if request["channels_last"] and x.dim() == 4:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    clip = networks.clip_of(request["file"])
    compiled = request["mode"] == "compile"
    if optimizer is None:
        net.eval()
        call = torch.compile(net) if compiled else net

        def step():
            with torch.inference_mode():
                return call(x)
    else:
        net.train()
        networks.set_dropout(net, 0)  # the results to compare with were made without
        update = optimizer(net.parameters())

        def forward(a, b):
            return loss(net(a), b)
        call = torch.compile(forward) if compiled else forward
        if compiled:
            update.step = torch.compile(update.step)

        def step():
            update.zero_grad(set_to_none=True)
            value = call(x, y)
            value.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            update.step()
            return value
    start = time.perf_counter()
    got = [step()]
    first = time.perf_counter() - start
    if optimizer is not None:
        got += [step(), step()]
        got = torch.stack([v.detach().double() for v in got])
        networks.set_dropout(net, request["dropout"])
    else:
        got = got[0]
    errors = ((got - expected).abs() / expected.abs().max().clamp_min(1e-12)).flatten().tolist()
    return {"first_ms": first * 1e3, "errors": errors if optimizer is not None else [max(errors)], **measure(step, request["seconds"])}


serve(handle)
