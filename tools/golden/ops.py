"""Functions of tensors and their gradients: tests/golden/ops.json. The keys are those of tests/catalog/function_test.cpp.

The gradient is that of the sum of all outputs, weighted by sin(1), sin(2), …"""
import torch
import torch.nn.functional as F

from common import pack, save

torch.manual_seed(5)
records = {}


def draw(*shape, low=-2.0, high=2.0):
    return ((high - low) * torch.rand(shape) + low).round(decimals=3)


def add(key, f, *inputs):
    xs = [x.clone().requires_grad_(x.dtype.is_floating_point) for x in inputs]
    out = f(*xs)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    floating = [o for o in outs if o.dtype.is_floating_point]
    record = {"in": [pack(x) for x in xs], "out": [pack(o) for o in outs], "grad": []}
    wanted = [x for x in xs if x.requires_grad]
    if any(o.requires_grad for o in floating):
        flat = torch.cat([o.reshape(-1) for o in floating])
        weights = torch.sin(torch.arange(1, flat.numel() + 1, dtype=torch.float64))
        record["grad"] = [pack(g) for g in torch.autograd.grad((flat * weights).sum(), wanted)]
    records[key] = record


x, y, m = draw(3, 4), draw(3, 4), draw(2, 3, 5)
positive = draw(3, 4, low=0.2, high=3)
for name in ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "hardtanh", "hardsigmoid", "hardswish", "logsigmoid"):
    add(name, getattr(F, name), 2 * x)
add("gelu/tanh", lambda a: F.gelu(a, approximate="tanh"), 2 * x)
add("leaky_relu/0.2", lambda a: F.leaky_relu(a, 0.2), x)
add("elu/0.7", lambda a: F.elu(a, 0.7), x)
add("hardtanh/bounds", lambda a: F.hardtanh(a, -0.5, 1.5), x)
add("prelu/one", F.prelu, m, torch.tensor([0.3]))
add("prelu/channels", F.prelu, m, torch.tensor([0.3, -0.2, 0.1]))
add("clamp", lambda a: torch.clamp(a, -0.5, 1), x)
add("square", torch.square, x)
add("reciprocal", torch.reciprocal, positive)
add("log2", torch.log2, positive)
add("log10", torch.log10, positive)
add("pow/number", lambda a: a**2.7, positive)
add("pow/cube", lambda a: a**3, x)
add("pow/tensors", torch.pow, positive, y)
add("atan2", torch.atan2, x, y)
add("fmod", torch.fmod, 3 * x, positive)
add("broadcast", lambda a, b: a * b + b, m, draw(3, 1))
add("where", lambda a, b: torch.where(a > b, a * b, a + 1), x, y)
add("maximum", torch.maximum, x, y)
add("erf", torch.erf, x)
add("sum", lambda a: a.sum((0, 2)), m)
add("mean", lambda a: a.mean(1, keepdim=True), m)
add("var", lambda a: a.var((0, 2)), m)
add("var/biased", lambda a: a.var(1, correction=0), m)
add("std", lambda a: a.std(2), m)
add("prod", lambda a: a.prod(1), m)
add("prod/zeros", lambda a: a.prod(1), torch.tensor([[2.0, 0, 3], [0, 0, 5], [1, 2, 3]]))
add("amax", lambda a: a.amax((0, 2)), m)
add("amax/ties", lambda a: a.amax(1), torch.tensor([[1.0, 3, 3], [2, 2, 2]]))
add("amin", lambda a: a.amin(1), m)
add("norm", lambda a: torch.linalg.vector_norm(a, 2, 1), m)
add("norm/1", lambda a: torch.linalg.vector_norm(a, 1, 1), m)
add("norm/3", lambda a: torch.linalg.vector_norm(a, 3, (0, 2)), m)
add("norm/inf", lambda a: torch.linalg.vector_norm(a, float("inf"), 2), m)
add("logsumexp", lambda a: torch.logsumexp(a, (0, 1)), 10 * m)
add("cumsum", lambda a: a.cumsum(1), m)
add("argmax", lambda a: a.argmax(1), m)
add("argmin", lambda a: a.argmin(2), m)
add("matmul/vectors", torch.matmul, draw(5), draw(5))
add("matmul/row", torch.matmul, draw(4), draw(2, 4, 3))
add("matmul/column", torch.matmul, draw(2, 3, 4), draw(4))
add("matmul/broadcast", torch.matmul, draw(2, 1, 3, 4), draw(5, 4, 2))
add("linear", F.linear, draw(2, 3, 4), draw(5, 4), draw(5))
for formula in ("ij,jk->ik", "bij,bjk->bik", "bhqd,bhkd->bhqk", "i,j->ij", "ij,ij->", "bi,ij->bj"):
    left, right = formula.split("->")[0].split(",")[:2]
    extent = dict(i=2, j=3, k=4, b=2, h=3, q=2, d=3)
    shape = lambda labels: [extent[c] for c in labels]
    add("einsum/" + formula, lambda a, b, f=formula: torch.einsum(f, a, b), draw(*shape(left)), draw(*shape(right)))
add("einsum/ii->i", lambda a: torch.einsum("ii->i", a), draw(3, 3))
add("einsum/ijk->ki", lambda a: torch.einsum("ijk->ki", a), draw(2, 3, 4))
add("softmax", lambda a: F.softmax(a, 1), 3 * m)
add("log_softmax", lambda a: F.log_softmax(a, 0), 3 * m)
add("sort", lambda a: torch.sort(a, 1, descending=True), m)
add("topk", lambda a: torch.topk(a, 2, 2), m)
add("topk/smallest", lambda a: torch.topk(a, 2, 1, largest=False), m)
ids = torch.tensor([[0, 2], [2, 1]])
add("embedding", lambda w, i: F.embedding(i, w), draw(4, 3), ids)
add("embedding/padding", lambda w, i: F.embedding(i, w, padding_idx=2), draw(4, 3), ids)
add("pad", lambda a: F.pad(a, (1, 2, 0, 1), value=0.5), x)
add("concat", lambda a, b: torch.cat([a, b], 1), x, y)
add("stack", lambda a, b: torch.stack([a, b], 1), x, y)
add("masked_fill", lambda a: a.masked_fill(a > 0.5, -3), x)

# Convolutions.
add("conv/1-d", lambda a, w, b: F.conv1d(a, w, b, stride=2, padding=2, dilation=2), draw(2, 3, 11), draw(4, 3, 3), draw(4))
add("conv/2-d", lambda a, w, b: F.conv2d(a, w, b), draw(2, 3, 5, 6), draw(4, 3, 3, 2), draw(4))
add("conv/2-d, odd", lambda a, w: F.conv2d(a, w, stride=(2, 3), padding=(1, 2), dilation=(2, 1)), draw(1, 2, 9, 8), draw(3, 2, 3, 3))
add("conv/2-d, groups", lambda a, w, b: F.conv2d(a, w, b, padding=1, groups=2), draw(2, 4, 5, 5), draw(6, 2, 3, 3), draw(6))
add("conv/2-d, depthwise", lambda a, w: F.conv2d(a, w, stride=2, padding=1, groups=3), draw(1, 3, 6, 6), draw(6, 1, 3, 3))
add("conv/3-d", lambda a, w, b: F.conv3d(a, w, b, stride=(1, 2, 1), padding=1, dilation=(1, 1, 2)), draw(1, 2, 4, 5, 5), draw(2, 2, 2, 3, 2), draw(2))
add("conv_transpose/1-d", lambda a, w, b: F.conv_transpose1d(a, w, b, stride=3, padding=1, output_padding=2), draw(2, 3, 4), draw(3, 2, 4), draw(2))
add("conv_transpose/2-d", lambda a, w, b: F.conv_transpose2d(a, w, b, stride=2, padding=1, output_padding=1, dilation=2), draw(1, 4, 3, 4), draw(4, 3, 3, 3), draw(3))
add("conv_transpose/groups", lambda a, w: F.conv_transpose2d(a, w, stride=(2, 1), groups=2), draw(2, 4, 3, 3), draw(4, 1, 2, 3))
add("conv_transpose/3-d", lambda a, w: F.conv_transpose3d(a, w, stride=2, padding=1), draw(1, 2, 2, 3, 2), draw(2, 2, 3, 3, 3))

# Pooling: the indices of max_pool are outputs too.
pixels, row, volume = draw(2, 2, 7, 8), draw(2, 2, 9), draw(1, 2, 5, 6, 4)
add("max_pool/1-d", lambda a: F.max_pool1d(a, 3, 2, 1, return_indices=True), row)
add("max_pool/2-d", lambda a: F.max_pool2d(a, 2, return_indices=True), pixels)
add("max_pool/padded", lambda a: F.max_pool2d(a, 3, 2, 1, return_indices=True), pixels)
add("max_pool/ceil", lambda a: F.max_pool2d(a, 3, 2, 1, ceil_mode=True, return_indices=True), pixels)
add("max_pool/dilated", lambda a: F.max_pool2d(a, (2, 3), (1, 2), (1, 1), (2, 2), return_indices=True), pixels)
add("max_pool/3-d", lambda a: F.max_pool3d(a, (2, 3, 2), (2, 2, 1), (1, 1, 0), ceil_mode=True, return_indices=True), volume)
add("avg_pool/1-d", lambda a: F.avg_pool1d(a, 3, 2, 1), row)
add("avg_pool/2-d", lambda a: F.avg_pool2d(a, 2), pixels)
add("avg_pool/ceil", lambda a: F.avg_pool2d(a, 3, 2, 1, ceil_mode=True), pixels)
add("avg_pool/padding not counted", lambda a: F.avg_pool2d(a, 3, 2, 1, count_include_pad=False), pixels)
add("avg_pool/ceil, padding not counted", lambda a: F.avg_pool2d(a, (3, 2), 3, (1, 0), True, False), pixels)
add("avg_pool/3-d", lambda a: F.avg_pool3d(a, (2, 3, 2), (2, 2, 1), (1, 1, 0), True), volume)
add("adaptive_avg_pool", lambda a: F.adaptive_avg_pool2d(a, (3, 5)), pixels)
add("adaptive_avg_pool/3-d", lambda a: F.adaptive_avg_pool3d(a, (2, 4, 3)), volume)
add("adaptive_max_pool", lambda a: F.adaptive_max_pool2d(a, (3, 5)), pixels)
add("adaptive_max_pool/1-d", lambda a: F.adaptive_max_pool1d(a, 4), row)
add("global_avg_pool", lambda a: a.mean((2, 3)), pixels)

# Normalization.
scale, shift = draw(4, low=0.5, high=1.5), draw(4)
maps = draw(3, 4, 3, 2)
add("batch_norm", lambda a, w, b: F.batch_norm(a, None, None, w, b, True, eps=1e-3), maps, scale, shift)
add("batch_norm/plain", lambda a: F.batch_norm(a, None, None, training=True), draw(6, 4))
running_mean, running_var = torch.tensor([0.5, -1, 0, 2]), torch.tensor([0.5, 1, 2, 0.25])
add("batch_norm/inference", lambda a, w, b: F.batch_norm(a, running_mean, running_var, w, b), maps, scale, shift)
add("layer_norm", lambda a, w, b: F.layer_norm(a, (4,), w, b), draw(2, 3, 4), scale, shift)
add("layer_norm/two axes", lambda a, w, b: F.layer_norm(a, (3, 4), w, b, 0.01), draw(2, 3, 4), draw(3, 4), draw(3, 4))
add("group_norm", lambda a, w, b: F.group_norm(a, 2, w, b), maps, scale, shift)
add("instance_norm", lambda a, w, b: F.instance_norm(a, weight=w, bias=b), maps, scale, shift)
add("local_response_norm", lambda a: F.local_response_norm(a, 3, 0.5, 0.75, 2), draw(2, 6, 3, 2))
add("local_response_norm/even", lambda a: F.local_response_norm(a, 4, 0.5, 0.6, 1), draw(2, 6, 3))

save("ops.json", records)
