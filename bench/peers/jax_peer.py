"""JAX's side of the bench: the whole step jitted, its state donated. Request: {file, seconds}; all threads."""
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from safetensors.numpy import load_file

import networks
from measure import measure, serve

tree = jax.tree_util.tree_map
relu = jax.nn.relu


def conv(x, w, b=None, stride=1, padding=0):
    pads = [(padding, padding)] * 2
    y = lax.conv_general_dilated(x, w, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y if b is None else y + b


def pool(x, function, start):
    return lax.reduce_window(x, start, function, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def flatten(x):  # as channels-first frameworks do, for their weights
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1) if x.ndim == 4 else x


def dense(p, x):
    return flatten(x) @ next(p) + next(p)


def batch_norm(p, x):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * lax.rsqrt(variance + 1e-5) * next(p) + next(p)


def mlp(p, x):
    return dense(p, relu(dense(p, x)))


def xor(p, x):
    return dense(p, jax.nn.sigmoid(dense(p, x)))


def deep_ae(p, x):
    for i in range(8):
        x = dense(p, x)
        if i not in (3, 7):
            x = relu(x)
    return jax.nn.sigmoid(x)


def lenet5(p, x):
    x = pool(jnp.tanh(conv(x, next(p), next(p), padding=2)), lax.add, 0.0) / 4
    x = pool(jnp.tanh(conv(x, next(p), next(p))), lax.add, 0.0) / 4
    return dense(p, jnp.tanh(dense(p, jnp.tanh(dense(p, x)))))


def mnist_cnn(p, x):
    for _ in range(2):
        x = pool(relu(conv(x, next(p), next(p))), lax.max, -jnp.inf)
    return dense(p, x)


def resnet20(p, x):
    x, i = relu(batch_norm(p, conv(x, next(p), padding=1))), 16
    for o in (16, 32, 64):
        for block in range(3):
            s = 2 if block == 0 and o != 16 else 1
            y = relu(batch_norm(p, conv(x, next(p), stride=s, padding=1)))
            y = batch_norm(p, conv(y, next(p), padding=1))
            added = (o - i) // 2
            x = relu(y + jnp.pad(x[:, ::s, ::s], ((0, 0), (0, 0), (0, 0), (added, added))))
            i = o
    return dense(p, x.mean((1, 2)))


FORWARD = {"xor": xor, "mlp-b1": mlp, "mlp-sgd": mlp, "mlp-adam": mlp, "deep-ae": deep_ae, "lenet5-b1": lenet5,
           "lenet5": lenet5, "mnist-cnn": mnist_cnn, "resnet20": resnet20}


def cross_entropy(y, t):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y), t[:, None], 1))


def mse(y, t):
    return jnp.mean((y - t) ** 2)


def bce(y, t):
    return jnp.mean(jnp.maximum(y, 0) - y * t + jnp.log1p(jnp.exp(-jnp.abs(y))))


def sgd(p, g, s):
    return tree(lambda a, b: a - 0.01 * b, p, g), s


def momentum(p, g, s):
    s = tree(lambda v, b, a: 0.9 * v + b + 1e-4 * a, s, g, p)
    return tree(lambda a, v: a - 0.01 * v, p, s), s


def adam(p, g, s):
    m, v, t = s
    t = t + 1
    m = tree(lambda m, b: 0.9 * m + 0.1 * b, m, g)
    v = tree(lambda v, b: 0.999 * v + 0.001 * b * b, v, g)
    a, b = 1e-3 / (1 - 0.9**t), 1 / (1 - 0.999**t)
    return tree(lambda p, m, v: p - a * m / (jnp.sqrt(v * b) + 1e-8), p, m, v), (m, v, t)


LOSS = {networks.CE: cross_entropy, networks.MSE: mse, networks.BCE: bce}
OPTIMIZER = {networks.sgd: sgd, networks.momentum: momentum, networks.adam: adam}


def in_jax_layout(a):
    if a.ndim == 4:
        a = a.transpose(2, 3, 1, 0)
    return jnp.asarray(a.T if a.ndim == 2 else a)


def handle(request):
    name = Path(request["file"]).stem
    if name not in FORWARD:
        raise ValueError("this network is not written in JAX here")
    tensors = load_file(request["file"])
    _, loss_of, optimizer_of, *_ = networks.WORKLOADS[name]
    forward, loss, update = FORWARD[name], LOSS[loss_of], OPTIMIZER[optimizer_of]
    params = [in_jax_layout(tensors[n]) for n in networks.ordered_parameter_names(request["file"])]
    x = tensors["input"]
    x = jnp.asarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
    y = tensors["target"]
    y = jnp.asarray(y.astype(np.int32) if y.dtype == np.int64 else y)
    zeros = tree(jnp.zeros_like, params)
    state = {sgd: (), momentum: zeros, adam: (zeros, zeros, jnp.zeros(()))}[update]
    state = tree(jnp.array, state)  # donated buffers must be distinct

    def whole(p, s, x, y):
        value, grads = jax.value_and_grad(lambda q: loss(forward(iter(q), x), y))(p)
        p, s = update(p, grads, s)
        return p, s, value
    jitted = jax.jit(whole, donate_argnums=(0, 1))

    def step():
        nonlocal params, state
        params, state, value = jitted(params, state, x, y)
        return value.block_until_ready()
    start = time.perf_counter()
    got = [float(step())]
    first = time.perf_counter() - start
    got = np.array(got + [float(step()), float(step())])
    errors = (np.abs(got - tensors["losses"]) / max(np.abs(tensors["losses"]).max(), 1e-12)).tolist()
    return {"first_ms": first * 1e3, "errors": errors, **measure(step, request["seconds"])}


serve(handle)
