"""The bench's networks in PyTorch, with parameters in the order of bench/workloads.cpp."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def conv_bn(i, o, k, s=1, p=0):
    return nn.Sequential(nn.Conv2d(i, o, k, s, p, bias=False), nn.BatchNorm2d(o))


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def shortcut(i, o, s):
    return nn.Identity() if i == o and s == 1 else conv_bn(i, o, 1, s)


class CifarBlock(nn.Module):
    """The shortcut is every stride-th pixel, with channels of zeros on both sides (option A of the paper)."""
    def __init__(self, i, o, s):
        super().__init__()
        self.body = nn.Sequential(conv_bn(i, o, 3, s, 1), nn.ReLU(), conv_bn(o, o, 3, 1, 1))
        self.stride, self.added = s, o - i

    def forward(self, x):
        y = x[:, :, ::self.stride, ::self.stride]
        if self.added:
            y = F.pad(y, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(self.body(x) + y)


def resnet20():
    layers, i = [conv_bn(3, 16, 3, 1, 1), nn.ReLU()], 16
    for o in (16, 32, 64):
        for block in range(3):
            layers.append(CifarBlock(i, o, 2 if block == 0 and o != 16 else 1))
            i = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    layers, i = [conv_bn(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            s, o = stride if block == 0 else 1, 4 * width
            body = nn.Sequential(conv_bn(i, width, 1), nn.ReLU(), conv_bn(width, width, 3, s, 1), nn.ReLU(),
                                 conv_bn(width, o, 1))
            layers.append(Residual(body, shortcut(i, o, s)))
            i = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def classifier(features):
    return [nn.Flatten(), nn.Linear(features, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Dropout(), nn.Linear(4096, 1000)]


def vgg16():
    layers, i = [], 3
    for c in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if c == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(i, c, 3, 1, 1), nn.ReLU()]
            i = c
    return nn.Sequential(*layers, *classifier(25088))


def alexnet():
    def lrn():
        return nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, 1, 1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2), *classifier(9216))


def basic(i, o, k, s=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o, eps=1e-3), nn.ReLU())


class Inception(nn.Module):
    def __init__(self, i, one, reduce3, three, reduce5, five, pooled):
        super().__init__()
        self.branches = nn.ModuleList([
            basic(i, one, 1), nn.Sequential(basic(i, reduce3, 1), basic(reduce3, three, 3)),
            nn.Sequential(basic(i, reduce5, 1), basic(reduce5, five, 3)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), basic(i, pooled, 1))])

    def forward(self, x):
        return torch.cat([b(x) for b in self.branches], 1)


def googlenet():
    def halve(k):
        return nn.MaxPool2d(k, 2, ceil_mode=True)
    return nn.Sequential(
        basic(3, 64, 7, 2), halve(3), basic(64, 64, 1), basic(64, 192, 3), halve(3),
        Inception(192, 64, 96, 128, 16, 32, 32), Inception(256, 128, 128, 192, 32, 96, 64), halve(3),
        Inception(480, 192, 96, 208, 16, 48, 64), Inception(512, 160, 112, 224, 24, 64, 64),
        Inception(512, 128, 128, 256, 24, 64, 64), Inception(512, 112, 144, 288, 32, 64, 64),
        Inception(528, 256, 160, 320, 32, 128, 128), halve(2), Inception(832, 256, 160, 320, 32, 128, 128),
        Inception(832, 384, 192, 384, 48, 128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(1024, 1000))


def lenet5():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
                         nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
                         nn.Linear(84, 10))


def mnist_cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10))


def mlp():
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))


def xor():
    return nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1))


def deep_ae():
    widths = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
    layers = []
    for i in range(8):
        layers.append(nn.Linear(widths[i], widths[i + 1]))
        if i == 7:
            layers.append(nn.Sigmoid())
        elif i != 3:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def cae():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 128, 3, 2, 1),
        nn.ReLU(), nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Sigmoid())


class UNet(nn.Module):
    def __init__(self, classes=11, b=32):
        super().__init__()

        def stage(i, o):
            return nn.Sequential(conv_bn(i, o, 3, 1, 1), nn.ReLU(), conv_bn(o, o, 3, 1, 1), nn.ReLU())
        self.down = nn.ModuleList([stage(3, b), stage(b, 2 * b), stage(2 * b, 4 * b), stage(4 * b, 8 * b)])
        self.up = nn.ModuleList()
        for w in (4 * b, 2 * b, b):
            self.up += [nn.ConvTranspose2d(2 * w, w, 2, 2), stage(2 * w, w)]
        self.head = nn.Conv2d(b, classes, 1)

    def forward(self, x):
        skips = []
        for i, stage in enumerate(self.down):
            x = stage(x if i == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for i in range(3):
            x = self.up[2 * i + 1](torch.cat([skips[2 - i], self.up[2 * i](x)], 1))
        return self.head(x)


class TextCnn(nn.Module):
    def __init__(self, words=18000, dim=300):
        super().__init__()
        self.words = nn.Embedding(words, dim)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, 100, k) for k in (3, 4, 5))
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(300, 2)

    def forward(self, x):
        x = self.words(x).transpose(1, 2)
        return self.head(self.dropout(torch.cat([F.relu(c(x)).amax(2) for c in self.convolutions], 1)))


class LanguageModel(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.e, self.r, self.o = nn.Embedding(words, width), nn.LSTM(width, width, 2), nn.Linear(width, words)

    def forward(self, x):
        return self.o(self.r(self.e(x))[0]).flatten(0, 1)


class Translator(nn.Module):
    def __init__(self, words=6000, width=256):
        super().__init__()
        self.ee, self.ed = nn.Embedding(words, width), nn.Embedding(words, width)
        self.enc = nn.GRU(width, width, bidirectional=True, batch_first=True)
        self.cell = nn.GRUCell(3 * width, width)
        self.wq, self.wk = nn.Linear(width, width), nn.Linear(2 * width, width, bias=False)
        self.v = nn.Linear(width, 1, bias=False)
        self.init, self.out = nn.Linear(2 * width, width), nn.Linear(width, words)

    def forward(self, x):
        source, target = x.chunk(2, 1)
        memory, _ = self.enc(self.ee(source))
        keys, h, words, states = self.wk(memory), torch.tanh(self.init(memory.mean(1))), self.ed(target), []
        for t in range(target.shape[1]):
            weights = torch.softmax(self.v(torch.tanh(keys + self.wq(h).unsqueeze(1))), 1)
            h = self.cell(torch.cat([words[:, t], (weights * memory).sum(1)], 1), h)
            states.append(h)
        return self.out(torch.stack(states, 1)).flatten(0, 1)


class Speech(nn.Module):
    def __init__(self, inputs=128, width=256, classes=28):
        super().__init__()
        self.r, self.o = nn.LSTM(inputs, width, 2, bidirectional=True), nn.Linear(2 * width, classes)

    def forward(self, x):
        return self.o(self.r(x)[0]).log_softmax(-1)


class Forecaster(nn.Module):
    def __init__(self, series=7, width=64):
        super().__init__()
        self.r, self.o = nn.LSTM(series, width), nn.Linear(width, series)

    def forward(self, x):
        return self.o(self.r(x)[0][-1])


def ctc(x, y):
    frames, n = x.shape[:2]
    return F.ctc_loss(x, y, torch.full((n,), frames), torch.full((n,), y.shape[1]))


def sgd(p):
    return torch.optim.SGD(p, 0.01)


def momentum(p):
    return torch.optim.SGD(p, 0.01, momentum=0.9, weight_decay=1e-4)


def adam(p):
    return torch.optim.Adam(p, 1e-3)


CE, MSE, BCE = F.cross_entropy, F.mse_loss, F.binary_cross_entropy_with_logits
# name: network, loss, optimizer (None: inference), norm to which gradients are clipped
WORKLOADS = {
    "xor": (xor, BCE, sgd), "mlp-b1": (mlp, CE, sgd), "mlp-sgd": (mlp, CE, sgd), "mlp-adam": (mlp, CE, adam),
    "deep-ae": (deep_ae, MSE, adam), "lenet5-b1": (lenet5, CE, momentum), "lenet5": (lenet5, CE, momentum),
    "mnist-cnn": (mnist_cnn, CE, adam), "resnet20": (resnet20, CE, momentum), "alexnet": (alexnet, CE, momentum),
    "vgg16": (vgg16, CE, momentum), "googlenet": (googlenet, CE, momentum), "resnet50": (resnet50, CE, momentum),
    "resnet50-b16": (resnet50, CE, momentum), "resnet50-b16-recompute": (resnet50, CE, momentum),
    "cae": (cae, MSE, adam), "unet": (UNet, CE, adam), "textcnn": (TextCnn, CE, adam),
    "lstm-lm": (lambda: LanguageModel(10000, 200), CE, sgd, 0.25),
    "lstm-lm-650": (lambda: LanguageModel(10000, 650), CE, sgd, 0.25), "seq2seq": (Translator, CE, adam, 1.0),
    "bilstm-ctc": (Speech, ctc, adam, 1.0), "forecast": (Forecaster, MSE, adam),
    "infer-lenet5": (lenet5, None, None), "infer-resnet20": (resnet20, None, None),
    "infer-resnet50-b1": (resnet50, None, None), "infer-resnet50-b16": (resnet50, None, None),
    "infer-vgg16": (vgg16, None, None), "infer-alexnet": (alexnet, None, None),
    "infer-googlenet": (googlenet, None, None), "infer-cae": (cae, None, None), "infer-unet": (UNet, None, None),
    "infer-lstm": (lambda: LanguageModel(10000, 200), None, None),
}


def load(path):
    """The network of a file that the bench saved, its optimizer's maker, loss, input, target and expected values."""
    from pathlib import Path

    from safetensors.torch import load_file
    tensors = load_file(path)
    make, loss, optimizer, *_ = WORKLOADS[Path(path).stem]
    net = make()
    saved = [t for name, t in tensors.items() if name.startswith("parameter.")]
    names = ordered_parameter_names(path)
    with torch.no_grad():
        own = list(net.parameters())
        assert len(own) == len(saved), f"{len(own)} parameters here, {len(saved)} in the file"
        for p, name in zip(own, names):
            assert p.shape == tensors[name].shape, f"{name}: {tuple(p.shape)} here, {tuple(tensors[name].shape)} in the file"
            p.copy_(tensors[name])
    expected = tensors["losses"] if optimizer else tensors["output"]
    return net, loss, optimizer, tensors["input"], tensors.get("target"), expected


def set_dropout(net, p):
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = p


def export_onnx(net, x, target):
    torch.onnx.export(net.eval(), (x,), target, dynamo=False, input_names=["x"], output_names=["y"], opset_version=17)


def clip_of(path):
    """The norm to which gradients are clipped, or None."""
    from pathlib import Path
    return (*WORKLOADS[Path(path).stem], None)[3]


def ordered_parameter_names(path):
    """In the order of their bytes: that of the network's own listing."""
    import json
    import struct
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    names = [n for n in header if n.startswith("parameter.")]
    return sorted(names, key=lambda n: header[n]["data_offsets"][0])
