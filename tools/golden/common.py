"""What the golden generators share. Run them with PyTorch 2.13: python tools/golden/layers.py"""
import json
import pathlib

import torch

torch.set_default_dtype(torch.float64)
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"


def pack(t):
    """A tensor as {"shape", "dtype", "values"}; floats with 8 digits."""
    t = t.detach()
    integral = not t.dtype.is_floating_point
    values = [int(v) if integral else float(f"{float(v):.9g}") for v in t.reshape(-1).tolist()]
    return {"shape": list(t.shape), "dtype": "i64" if integral else "f32", "values": values}


def save(name, records):
    FOLDER.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(key) + ": " + json.dumps(value, separators=(",", ":")) for key, value in records.items())
    (FOLDER / name).write_text("{\n" + lines + "\n}\n")
