"""recipes/cifar10-fast.yaml in PyTorch: the same network, data, augmentation, rate and number of epochs, for comparison.

    python tools/peers/cifar10_resnet20.py FOLDER [--seed 1] [--epochs 38]

FOLDER holds data_batch_*.bin and test_batch.bin, gzipped or not. Prints the accuracy on the test images.
"""
import argparse
import gzip
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def records(paths):
    raw = b"".join(gzip.open(p).read() if p.suffix == ".gz" else p.read_bytes() for p in paths)
    a = np.frombuffer(raw, np.uint8).reshape(-1, 3073)
    return torch.from_numpy(a[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255), torch.from_numpy(a[:, 0].astype(np.int64))


class Block(nn.Module):
    def __init__(self, before, filters, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.stride, self.more = stride, filters - before

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        short = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return F.relu(y + short)


def resnet20():
    layers, before = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, filters in enumerate([16, 32, 64]):
        for i in range(3):
            layers.append(Block(before, filters, 2 if stage > 0 and i == 0 else 1))
            before = filters
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out")
    return net


def augmented(x, generator):
    n = len(x)
    wide = F.pad(x, (4, 4, 4, 4), mode="reflect")
    places = torch.randint(0, 9, (n, 2), generator=generator)
    flips = torch.rand(n, generator=generator) < 0.5
    out = torch.stack([wide[i, :, t : t + 32, l : l + 32] for i, (t, l) in enumerate(places.tolist())])
    out[flips] = out[flips].flip(-1)
    return out


parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--epochs", type=int, default=38)
options = parser.parse_args()
torch.manual_seed(options.seed)
generator = torch.Generator().manual_seed(options.seed)
x, y = records(sorted(options.folder.glob("data_batch_*.bin*")))
test_x, test_y = records(sorted(options.folder.glob("test_batch.bin*")))
mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True, correction=0)
net = resnet20()
decayed = [p for p in net.parameters() if p.dim() > 1]
others = [p for p in net.parameters() if p.dim() <= 1]
groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0}]
optimizer = torch.optim.SGD(groups, lr=0.2, momentum=0.9, nesterov=True)
steps = -(-len(x) // 128) * options.epochs
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, steps, pct_start=0.3, cycle_momentum=False)
for epoch in range(options.epochs):
    net.train()
    for part in torch.randperm(len(x), generator=generator).split(128):
        loss = F.cross_entropy(net((augmented(x[part], generator) - mean) / std), y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
net.eval()
with torch.no_grad():
    right = sum((net((test_x[p] - mean) / std).argmax(1) == test_y[p]).sum().item() for p in torch.arange(len(test_x)).split(500))
print(f"accuracy {right / len(test_x):.4f} after {options.epochs} epochs, seed {options.seed}")
