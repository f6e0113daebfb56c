"""MNN's side of the inference rows. Request: {file, threads, seconds}; the network goes through ONNX and MNN's converter.

The converter is called through its extension module: the package MNN.tools installs further packages when it is
imported, and reports each conversion to its makers.
"""
import os
import tempfile
import time

from measure import measure, serve  # isort: skip: before MNN, which prints

import _tools
import MNN.expr as expr
import MNN.nn as nn
import numpy as np

import networks


def handle(request):
    net, _, optimizer, x, _, expected = networks.load(request["file"])
    if optimizer is not None:
        raise ValueError("MNN is a peer for inference only")
    with tempfile.TemporaryDirectory() as folder:
        onnx, mnn = os.path.join(folder, "net.onnx"), os.path.join(folder, "net.mnn")
        networks.export_onnx(net, x, onnx)
        _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", onnx, "--MNNModel", mnn, "--bizCode", "bench"])
        del net
        settings = ({"backend": "CPU", "precision": "high", "memory": "high", "numThread": request["threads"]},)
        start = time.perf_counter()
        module = nn.load_module_from_file(mnn, ["x"], ["y"], runtime_manager=nn.create_runtime_manager(settings))
        given = expr.convert(expr.const(x.numpy(), list(x.shape), expr.NCHW), expr.NC4HW4)

        def step():
            return module.forward([given])[0].read()
        got = expr.convert(module.forward([given])[0], expr.NCHW).read()
        first = time.perf_counter() - start
        expected = expected.numpy()
        error = np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-12)
        return {"first_ms": first * 1e3, "errors": [float(error)], **measure(step, request["seconds"])}


serve(handle)
