"""The architectures against PyTorch and torchvision: tests/golden/models.json (sampled outputs and gradients of weights
that both sides make by the same rule) and tests/golden/torchvision.txt (names and shapes of torchvision's tensors)."""
import numpy as np
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional as F

from common import FOLDER, save

torch.set_num_threads(2)
M64 = (1 << 64) - 1


def uniform(name, count):
    """`count` numbers in [−1, 1): splitmix64 of the FNV-1a hash of the name plus the index."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & M64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1


def fill(model):
    for name, t in model.state_dict().items():
        if name.endswith("num_batches_tracked") or name.endswith("centers"):
            continue
        u = uniform(name, t.numel()).reshape(t.shape)
        if t.dim() > 1:
            u = u * np.sqrt(6 / np.prod(t.shape[1:]))
        elif name.endswith("running_var"):
            u = 1 + 0.3 * u
        elif name.endswith("weight"):
            u = 0.6 + 0.2 * u  # below 1, so that deep networks do not grow
        else:
            u = 0.1 * u
        t.copy_(torch.from_numpy(u))


def sample(t, count=8):
    """Elements at even distances, and the greatest absolute value."""
    flat = t.detach().reshape(-1)
    at = [i * (flat.numel() - 1) // (count - 1) for i in range(count)]
    return {"values": [float(f"{float(flat[i]):.8g}") for i in at], "scale": float(f"{float(flat.abs().max()):.8g}")}


class Classic(nn.Module):
    """features, pooling to `pool` pixels, classifier: AlexNet, ZFNet."""

    def __init__(self, features, pool, units, hidden, classes):
        super().__init__()
        self.features = features
        self.pool = pool
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(units * pool * pool, hidden), nn.ReLU(), nn.Dropout(0.5),
                                        nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), self.pool).flatten(1))


LRN = lambda: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)


def alexnet_published():
    pool = lambda: nn.MaxPool2d(3, 2)
    return Classic(nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), LRN(), pool(),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), LRN(), pool(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), pool()), 6, 256, 64, 10)


def zfnet():
    return Classic(nn.Sequential(
        nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), LRN(),
        nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), LRN(),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)), 6, 256, 64, 10)


def alexnet():
    return Classic(tv.alexnet().features, 6, 256, 64, 10)


def vgg(make):
    model = make(num_classes=10)
    model.classifier = nn.Sequential(nn.Linear(25088, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(),
                                     nn.Dropout(), nn.Linear(32, 10))
    return model


class Conv(nn.Module):
    def __init__(self, i, o, k, s=1):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, k // 2)

    def forward(self, x):
        return F.relu(self.conv(x))


class Inception(nn.Module):
    def __init__(self, i, a, b, c, d, e, f):
        super().__init__()
        self.branch1 = Conv(i, a, 1)
        self.branch2 = nn.Sequential(Conv(i, b, 1), Conv(b, c, 3))
        self.branch3 = nn.Sequential(Conv(i, d, 1), Conv(d, e, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv(i, f, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.conv, self.fc1, self.fc2 = Conv(i, 128, 1), nn.Linear(2048, 1024), nn.Linear(1024, 10)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.avg_pool2d(x, 5, 3), 4)
        return self.fc2(F.relu(self.fc1(self.conv(x).flatten(1))))


class GooglenetPublished(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = Conv(3, 64, 7, 2), Conv(64, 64, 1), Conv(64, 192, 3)
        rows = {"3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
                "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
                "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
                "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
                "5b": (832, 384, 192, 384, 48, 128, 128)}
        for name, row in rows.items():
            self.add_module("inception" + name, Inception(*row))
        self.aux1, self.aux2, self.fc = Auxiliary(512), Auxiliary(528), nn.Linear(1024, 10)

    def forward(self, x):
        halve = lambda t: F.max_pool2d(t, 3, 2, ceil_mode=True)
        norm = nn.LocalResponseNorm(5)
        x = halve(norm(self.conv3(self.conv2(norm(halve(self.conv1(x)))))))
        x = self.inception4a(halve(self.inception3b(self.inception3a(x))))
        first = self.aux1(x)
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x)
        x = self.inception5b(self.inception5a(halve(self.inception4e(x))))
        main = self.fc(x.mean((2, 3)))
        return (main, second, first) if self.training else main


TABLE = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
         (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)]


class Named(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape[0] if shape[0] < 60 else 16))


class Lenet5Published(nn.Module):
    """Without its output layer: that is linear here."""

    def __init__(self):
        super().__init__()
        self.conv1, self.pool1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.ModuleList([Named(6)]), Named(60, 5, 5)
        self.pool2 = nn.ModuleList([Named(16)])
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        act = lambda t: 1.7159 * torch.tanh(2 * t / 3)
        sub = lambda t, p: act(4 * F.avg_pool2d(t, 2) * p.weight[:, None, None] + p.bias[:, None, None])
        x = sub(act(self.conv1(x)), self.pool1[0])
        maps, k = [], 0
        for j, inputs in enumerate(TABLE):
            maps.append(sum(F.conv2d(x[:, i:i + 1], self.conv2.weight[None, None, k + n]) for n, i in enumerate(inputs))
                        + self.conv2.bias[j])
            k += len(inputs)
        x = sub(act(torch.cat(maps, 1)), self.pool2[0])
        return self.fc3(act(self.fc2(act(self.fc1(x.flatten(1))))))


# key: (how to make it, options for Lamina, input, in training mode?)
CASES = {
    "lenet5_published": (Lenet5Published, "output: linear", (1, 1, 28, 28), False),
    "alexnet": (alexnet, "hidden: 64", (1, 3, 63, 70), False),
    "alexnet_published": (alexnet_published, "hidden: 64", (1, 3, 67, 80), False),
    "zfnet": (zfnet, "hidden: 64", (1, 3, 63, 70), False),
    "googlenet": (lambda: tv.googlenet(weights=None, aux_logits=False, init_weights=False, num_classes=10), "", (1, 3, 40, 33), False),
    "googlenet/auxiliary": (lambda: tv.googlenet(weights=None, aux_logits=True, init_weights=False, num_classes=10, dropout=0,
                                                 dropout_aux=0),
                            "auxiliary: true, dropout: 0, auxiliary_dropout: 0", (2, 3, 64, 64), True),
    "googlenet_published": (GooglenetPublished, "dropout: 0, auxiliary_dropout: 0", (2, 3, 80, 80), True),
    # The other depths differ in the number of blocks: their names and shapes are compared.
    "vgg11": (lambda: vgg(tv.vgg11), "hidden: 32", (1, 3, 32, 37), False),
    "vgg16_bn": (lambda: vgg(tv.vgg16_bn), "hidden: 32", (1, 3, 32, 37), False),
    **{f"resnet{d}": (lambda d=d: getattr(tv, f"resnet{d}")(num_classes=10), "", (1, 3, 33, 40), False) for d in (18, 50)},
    "resnet18/training": (lambda: tv.resnet18(num_classes=10), "", (2, 3, 64, 64), True),
}


def record(make, options, shape, train):
    model = make().double()
    with torch.no_grad():
        fill(model)
    model.train(train)
    x = torch.from_numpy(uniform("input", int(np.prod(shape))).reshape(shape) * 1.7).requires_grad_()
    out = model(x)
    outputs = [out] if torch.is_tensor(out) else [out[0], out[2], out[1]]  # main, first, second
    target = torch.arange(shape[0]) % 10
    losses = [F.cross_entropy(o, target) for o in outputs]
    loss = losses[0] + 0.3 * sum(losses[1:])
    loss.backward()
    named = dict(model.named_parameters())
    picked = [n for i, n in enumerate(named) if i % max(1, len(named) // 6) == 0 or i == len(named) - 1]
    return {"options": options, "shape": list(shape), "train": train, "output": sample(outputs[0]),
            "loss": float(f"{loss.item():.9g}"), "input_gradient": sample(x.grad),
            "gradients": {n: sample(named[n].grad) for n in picked}}


if __name__ == "__main__":
    save("models.json", {key: record(*case) for key, case in CASES.items()})
    names = ["alexnet", "googlenet"] + [f"vgg{d}{b}" for d in (11, 13, 16, 19) for b in ("", "_bn")] + \
            [f"resnet{d}" for d in (18, 34, 50, 101, 152)]
    with open(FOLDER / "torchvision.txt", "w") as out:
        for name in names:
            with torch.device("meta"):
                model = tv.googlenet(weights=None, init_weights=False) if name == "googlenet" else getattr(tv, name)()
            print(name + (" {auxiliary: true}" if name == "googlenet" else ""), file=out)
            for key, t in model.state_dict().items():
                print(f"  {key} {'x'.join(map(str, t.shape))}", file=out)
