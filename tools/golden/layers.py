"""Forward and backward passes of layers: tests/golden/layers.json. The keys are those of tests/nn/layer_catalog.cpp."""
import torch
from torch import nn

from common import pack, save

X1, X2, X3 = (2, 4, 7), (2, 4, 5, 6), (1, 4, 4, 3, 5)


class PerSample(nn.Module):
    """GlobalMaxPool and the like: a function as a module."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class Branches(nn.ModuleList):
    def forward(self, x):
        return torch.cat([m(x) for m in self], 1)


class Recurrent(nn.Module):
    """The results of a recurrent layer, batch first; or its last states, directions side by side."""

    def __new__(cls, layer, last=False):
        layer.batch_first = True
        whole = layer.forward

        def forward(x):
            y, state = whole(x)
            if not last:
                return y
            h = state[0] if isinstance(state, tuple) else state
            return torch.cat(list(h[-2 if layer.bidirectional else -1:]), 1)

        layer.forward = forward
        return layer


class Adaptive(nn.AdaptiveLogSoftmaxWithLoss):
    def forward(self, x):
        return self.log_prob(x)


class LstmCell(nn.LSTMCell):
    def forward(self, x):
        return super().forward(x)[0]


X_SEQUENCE = (3, 5, 4)
LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), (4, 5)),
    "Linear/no bias, three axes": (lambda: nn.Linear(5, 3, bias=False), (2, 4, 5)),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2), X1),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3), X2),
    "Conv2d/uneven": (lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), X2),
    "Conv2d/depthwise": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), X2),
    "Conv3d": (lambda: nn.Conv3d(4, 2, 3, padding=1, stride=2), X3),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1), X1),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, dilation=(1, 2)), X2),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 2, 2, stride=2), (1, 4, 3, 2, 3)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, stride=2), X1),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), X2),
    "MaxPool2d/padded": (lambda: nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), X2),
    "MaxPool2d/dilated": (lambda: nn.MaxPool2d((2, 3), stride=1, dilation=(2, 1)), X2),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), X3),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, stride=2, padding=1), X1),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), X2),
    "AvgPool2d/padding not counted": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), X2),
    "AvgPool3d": (lambda: nn.AvgPool3d(2, stride=1), X3),
    "AdaptiveAvgPool": (lambda: nn.AdaptiveAvgPool2d((3, 4)), X2),
    "AdaptiveMaxPool": (lambda: nn.AdaptiveMaxPool2d((3, 4)), X2),
    "GlobalAvgPool": (lambda: PerSample(lambda x: x.mean((2, 3))), X2),
    "GlobalMaxPool": (lambda: PerSample(lambda x: x.amax((2, 3))), X2),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d/sequences": (lambda: nn.BatchNorm1d(4, affine=False, momentum=0.3), X1),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), X2),
    "BatchNorm2d/cumulative": (lambda: nn.BatchNorm2d(4, momentum=None), X2),
    "BatchNorm2d/untracked": (lambda: nn.BatchNorm2d(4, track_running_stats=False, eps=1e-3), X2),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), X3),
    "LayerNorm": (lambda: nn.LayerNorm(6), X2),
    "LayerNorm/two axes": (lambda: nn.LayerNorm((5, 6), eps=1e-3), X2),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), X2),
    "InstanceNorm": (lambda: nn.InstanceNorm2d(4), X2),
    "InstanceNorm/affine": (lambda: nn.InstanceNorm1d(4, affine=True), X1),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3, alpha=0.2, beta=0.6, k=1.5), X2),
    "LocalResponseNorm/even size": (lambda: nn.LocalResponseNorm(2, alpha=0.2), X2),
    "Embedding": (lambda: nn.Embedding(7, 3, padding_idx=2), None),
    "Dropout": (lambda: nn.Dropout(0.4), X1),
    "SpatialDropout": (lambda: nn.Dropout2d(0.4), X2),
    "Flatten": (lambda: nn.Flatten(), X2),
    "Reshape": (lambda: PerSample(lambda x: x.reshape(2, 8, 15)), X2),
    "Identity": (lambda: nn.Identity(), X1),
    "Relu": (lambda: nn.ReLU(), X1),
    "LeakyRelu": (lambda: nn.LeakyReLU(0.1), X1),
    "Prelu": (lambda: nn.PReLU(), X1),
    "Prelu/per channel": (lambda: nn.PReLU(4), X2),
    "Elu": (lambda: nn.ELU(0.7), X1),
    "Selu": (lambda: nn.SELU(), X1),
    "Gelu": (lambda: nn.GELU(), X1),
    "Gelu/tanh": (lambda: nn.GELU(approximate="tanh"), X1),
    "Silu": (lambda: nn.SiLU(), X1),
    "Softplus": (lambda: nn.Softplus(), X1),
    "Sigmoid": (lambda: nn.Sigmoid(), X1),
    "LogSigmoid": (lambda: nn.LogSigmoid(), X1),
    "Tanh": (lambda: nn.Tanh(), X1),
    "Hardtanh": (lambda: nn.Hardtanh(-0.5, 0.8), X1),
    "HardSigmoid": (lambda: nn.Hardsigmoid(), X1),
    "HardSwish": (lambda: nn.Hardswish(), X1),
    "Softmax": (lambda: nn.Softmax(dim=1), X2),
    "LogSoftmax": (lambda: nn.LogSoftmax(dim=-1), X2),
    "Sequential": (lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(36, 5)), X2),
    "Residual": (lambda: Residual(nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6)), nn.Conv2d(4, 6, 1)), X2),
    "Branches": (lambda: Branches([nn.Conv2d(4, 2, 3, padding=1), nn.AvgPool2d(3, 1, 1)]), X2),
    "Lambda": (lambda: PerSample(lambda x: x * 2 + 1), X1),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), X2),
    "Lstm": (lambda: Recurrent(nn.LSTM(4, 6)), X_SEQUENCE),
    "Lstm/two layers, both directions": (lambda: Recurrent(nn.LSTM(4, 3, 2, bidirectional=True)), X_SEQUENCE),
    "Lstm/no bias, last": (lambda: Recurrent(nn.LSTM(4, 3, 2, bidirectional=True, bias=False), True), X_SEQUENCE),
    "Lstm/projection": (lambda: Recurrent(nn.LSTM(4, 6, 2, proj_size=3)), X_SEQUENCE),
    "Gru": (lambda: Recurrent(nn.GRU(4, 6)), X_SEQUENCE),
    "Gru/two layers, both directions": (lambda: Recurrent(nn.GRU(4, 3, 2, bidirectional=True)), X_SEQUENCE),
    "Gru/no bias, last": (lambda: Recurrent(nn.GRU(4, 3, bias=False), True), X_SEQUENCE),
    "Rnn": (lambda: Recurrent(nn.RNN(4, 6)), X_SEQUENCE),
    "Rnn/relu, two layers, both directions":
        (lambda: Recurrent(nn.RNN(4, 3, 2, bidirectional=True, nonlinearity="relu")), X_SEQUENCE),
    "LstmCell": (lambda: LstmCell(4, 3), (2, 4)),
    "GruCell": (lambda: nn.GRUCell(4, 3), (2, 4)),
    "RnnCell": (lambda: nn.RNNCell(4, 3), (2, 4)),
    "RnnCell/relu": (lambda: nn.RNNCell(4, 3, nonlinearity="relu"), (2, 4)),
    "AdaptiveSoftmax": (lambda: Adaptive(8, 12, [4, 9], div_value=2.0), (3, 8)),
    "SampledSoftmax": (lambda: nn.Linear(4, 6), (3, 4)),
    "Last": (lambda: PerSample(lambda x: x[:, -1]), X_SEQUENCE),
    "PoolOverTime": (lambda: PerSample(lambda x: x.amax(1)), X_SEQUENCE),
    "PoolOverTime/mean": (lambda: PerSample(lambda x: x.mean(1)), X_SEQUENCE),
}


def record(make, shape, train):
    layer = make()
    for p in layer.parameters():  # beyond the starting values of normalization layers
        if p.dim() <= 1:
            p.data = p.data + 0.3 * torch.randn_like(p)
    layer.train(train)
    x = torch.randint(0, 7, (2, 5)) if shape is None else 1.5 * torch.randn(shape)
    state = {k: pack(v) for k, v in layer.state_dict().items()}
    if shape is not None:
        x.requires_grad_()
    y = layer(x)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    return {
        "input": pack(x),
        "state": state,
        "output": pack(y),
        "grad_output": pack(weights),
        "grad_input": None if shape is None else pack(x.grad),
        "grads": {k: pack(p.grad) for k, p in layer.named_parameters()},
        "buffers": {k: pack(b) for k, b in layer.named_buffers()},
    }


torch.manual_seed(1)
records = {}
for key, (make, shape) in LAYERS.items():
    records[key] = {"eval": record(make, shape, False)}
    if "Norm" in key or key == "Residual":
        records[key]["train"] = record(make, shape, True)
save("layers.json", records)
