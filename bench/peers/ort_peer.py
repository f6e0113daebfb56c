"""ONNX Runtime's side of the inference rows. Request: {file, threads, seconds}; the network goes through PyTorch's exporter."""
import io
import time

import numpy as np
import onnxruntime as ort

import networks
from measure import measure, serve


def handle(request):
    net, _, optimizer, x, _, expected = networks.load(request["file"])
    if optimizer is not None:
        raise ValueError("ONNX Runtime is a peer for inference only")
    model = io.BytesIO()
    networks.export_onnx(net, x, model)
    del net
    options = ort.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    start = time.perf_counter()
    session = ort.InferenceSession(model.getvalue(), options, providers=["CPUExecutionProvider"])
    model.close()
    feed = {"x": x.numpy()}
    got = session.run(None, feed)[0]
    first = time.perf_counter() - start
    expected = expected.numpy()
    errors = (np.abs(got - expected) / max(np.abs(expected).max(), 1e-12)).flatten().tolist()
    return {"first_ms": first * 1e3, "errors": [max(errors)], **measure(lambda: session.run(None, feed), request["seconds"])}


serve(handle)
