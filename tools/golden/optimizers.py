"""Parameters after 1, 5 and 20 updates: tests/golden/optimizers.json. The keys are those of tests/optim/optimizer_test.cpp,
which computes the same gradients: sin(0.7·i + 0.3·step) + 0.5·p for element i."""
import torch

from common import pack, save

MAKE = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd/decay": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "momentum/dampening": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
    "adagrad/everything": lambda p: torch.optim.Adagrad(p, lr=0.05, lr_decay=0.1, initial_accumulator_value=0.2, weight_decay=0.05),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop/everything": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.7, centered=True, weight_decay=0.05),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "adadelta/decay": lambda p: torch.optim.Adadelta(p, lr=0.5, rho=0.8, weight_decay=0.05),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam/decay": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), weight_decay=0.1),
    "adam/amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adamw/amsgrad": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.02),
    "adamax/decay": lambda p: torch.optim.Adamax(p, lr=0.02, weight_decay=0.1),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.02),
    "nadam/decay": lambda p: torch.optim.NAdam(p, lr=0.02, weight_decay=0.1),
}


def starts():
    return [torch.cos(torch.arange(12.0)).reshape(3, 4).requires_grad_(), torch.cos(torch.arange(3.0)).requires_grad_()]


def run(make):
    params = starts()
    optimizer = make(params)
    seen = {}
    for step in range(1, 21):
        for p in params:
            i = torch.arange(float(p.numel())).reshape(p.shape)
            p.grad = torch.sin(0.7 * i + 0.3 * step) + 0.5 * p.detach()
        optimizer.step()
        if step in (1, 5, 20):
            seen[str(step)] = {"weight": pack(params[0]), "bias": pack(params[1])}
    return seen


def averaged():
    """v = βv + (1 − β)g has no optimizer in PyTorch; SGD with dampening β has it, but for the first step."""
    params = starts()
    v = [torch.zeros_like(p) for p in params]
    seen = {}
    for step in range(1, 21):
        for k, p in enumerate(params):
            i = torch.arange(float(p.numel())).reshape(p.shape)
            v[k] = 0.9 * v[k] + 0.1 * (torch.sin(0.7 * i + 0.3 * step) + 0.5 * p.detach())
            p.data -= 0.05 * v[k]
        if step in (1, 5, 20):
            seen[str(step)] = {"weight": pack(params[0]), "bias": pack(params[1])}
    return seen


def lbfgs(**options):
    """The Rosenbrock function in four variables: weights and loss after each of three calls."""
    x = torch.tensor([-1.2, 1.0, 0.5, -0.3], requires_grad=True)
    optimizer = torch.optim.LBFGS([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    seen = {}
    for call in range(1, 4):
        optimizer.step(closure)
        seen[str(call)] = {"x": pack(x)}
    return seen


records = {key: run(make) for key, make in MAKE.items()}
records["momentum/average"] = averaged()
records["lbfgs"] = lbfgs(line_search_fn="strong_wolfe", max_iter=8)
records["lbfgs/no line search"] = lbfgs(lr=0.002, max_iter=8, history_size=3)
save("optimizers.json", records)
