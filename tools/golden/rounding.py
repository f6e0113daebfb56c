"""Losses of a small residual network over steps of momentum, by PyTorch in f64 and in f32: tests/golden/rounding.json.

Weights and batch are the waves of tests/graph/rounding_test.cpp. The f64 losses are the exact ones for all that f32 can tell; how
far the f32 ones are from them is what rounding alone does.
"""
import json
import sys

import torch
import torch.nn.functional as F

STEPS, LR, MOMENTUM = 8, 0.05, 0.9


def wave(shape, scale, step):
    n = torch.Size(shape).numel()
    return (scale * torch.sin(step * torch.arange(n, dtype=torch.float64) + 0.3)).reshape(shape)


def losses(dtype):
    sizes = [((16, 3, 3, 3), 0.3, 0.7), ((16,), 0.5, 1.1), ((16,), 0.1, 1.3), ((16, 16, 3, 3), 0.15, 0.31), ((16,), 0.5, 1.7),
             ((16,), 0.1, 1.9), ((16, 16, 3, 3), 0.15, 0.53), ((16,), 0.5, 2.1), ((16,), 0.1, 2.3), ((16, 5), 0.5, 0.91)]
    p = [wave(*s).to(dtype).requires_grad_() for s in sizes]
    x, labels = wave((8, 3, 12, 12), 1, 0.37).to(dtype), torch.arange(8) % 5
    moments = [torch.zeros_like(q) for q in p]

    def bn(y, weight, bias):
        return F.batch_norm(y, None, None, weight, bias, training=True, eps=1e-5)
    result = []
    for _ in range(STEPS):
        y = F.relu(bn(F.conv2d(x, p[0], padding=1), p[1], p[2]))
        z = F.relu(bn(F.conv2d(y, p[3], padding=1), p[4], p[5]))
        y = F.relu(bn(F.conv2d(z, p[6], padding=1), p[7], p[8]) + y)
        loss = F.cross_entropy(y.mean((2, 3)) @ p[9], labels)
        grads = torch.autograd.grad(loss, p)
        with torch.no_grad():
            for q, m, g in zip(p, moments, grads):
                m.mul_(MOMENTUM).add_(g)
                q.sub_(LR * m)
        result.append(loss.item())
    return result


with open(sys.argv[1], "w") as file:
    json.dump({"f64": losses(torch.float64), "f32": losses(torch.float32)}, file, indent=1)
    file.write("\n")
