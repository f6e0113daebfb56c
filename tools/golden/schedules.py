"""Learning rates over 30 epochs of an optimizer with rate 1: tests/golden/schedules.json. The keys are those of
tests/optim/schedule_test.cpp."""
import torch
from torch.optim import lr_scheduler as s

from common import save

EPOCHS = 30


def run(make, observe=None, lr=1.0):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for epoch in range(EPOCHS):
        rates.append(float(f"{optimizer.param_groups[0]['lr']:.9g}"))
        optimizer.step()
        if observe is None:
            scheduler.step()
        else:
            scheduler.step(observe(epoch))
    return rates


def stalling(epoch):
    """Falls for six epochs, then hardly."""
    return 1 / (1 + min(epoch, 6)) + 1e-6 * max(0, 20 - epoch)


def warm(after):
    return lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, total_iters=5), after(o)], milestones=[5])


records = {
    "constant": run(lambda o: s.ConstantLR(o, factor=0.5, total_iters=100)),
    "step": run(lambda o: s.StepLR(o, 4, 0.5)),
    "multi_step": run(lambda o: s.MultiStepLR(o, [3, 10, 20], 0.2)),
    "exponential": run(lambda o: s.ExponentialLR(o, 0.9)),
    "inverse_time": run(lambda o: s.LambdaLR(o, lambda e: 1 / (1 + 0.3 * e))),
    "polynomial": run(lambda o: s.PolynomialLR(o, total_iters=20, power=2.0)),
    "cosine": run(lambda o: s.CosineAnnealingLR(o, T_max=EPOCHS, eta_min=0.1)),
    "cosine/restarts": run(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.05)),
    "cosine/even restarts": run(lambda o: s.CosineAnnealingWarmRestarts(o, T_0=7)),
    "one_cycle": run(lambda o: s.OneCycleLR(o, max_lr=1.0, total_steps=EPOCHS, cycle_momentum=False)),
    "one_cycle/linear": run(
        lambda o: s.OneCycleLR(o, 1.0, total_steps=EPOCHS, pct_start=0.5, anneal_strategy="linear", div_factor=10,
                               final_div_factor=100, cycle_momentum=False)),
    "warmup": run(warm(lambda o: s.CosineAnnealingLR(o, T_max=EPOCHS - 5))),
    "sequence": run(lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.5, 100), s.ExponentialLR(o, 0.9)], milestones=[8])),
    "product": run(lambda o: s.ChainedScheduler([s.StepLR(o, 10, 0.5), s.ExponentialLR(o, 0.9)])),
    "reduce_on_plateau": run(lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=3, cooldown=2, min_lr=0.01), stalling),
    "reduce_on_plateau/maximize": run(
        lambda o: s.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=2, threshold=0.01, threshold_mode="abs"),
        lambda e: -stalling(e)),
}
save("schedules.json", records)
