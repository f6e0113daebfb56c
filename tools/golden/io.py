"""Files of tests/golden/io, written by the reference libraries: safetensors and Pillow.

    python tools/golden/io.py
"""
import io
import pathlib
import struct

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

out = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/io"
out.mkdir(parents=True, exist_ok=True)

save_file(
    {
        "f64": torch.tensor([[1.5, -2.0], [1e300, 0.1]], dtype=torch.float64),
        "f32": torch.tensor([1.0, -2.5, 3e38], dtype=torch.float32),
        "bf16": torch.tensor([1.0, -2.0, 3.140625], dtype=torch.bfloat16),
        "f16": torch.tensor([1.0, -0.5, 65504.0, 6e-8, float("inf")], dtype=torch.float16),
        "i64": torch.tensor([[-(2**62)], [7]], dtype=torch.int64),
        "i32": torch.tensor([-5, 2**31 - 1], dtype=torch.int32),
        "u8": torch.tensor([[[0, 127, 255]]], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
    },
    out / "all.safetensors",
    metadata={"format": "pt"},
)
save_file(
    {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.tensor([1], dtype=torch.uint8)},
    out / "two.safetensors",
)

# A picture with smooth colours, so that JPEG stays near it: red grows to the right, green downwards.
y, x = np.mgrid[0:12, 0:16]
rgb = np.stack([x * 16, y * 20, np.full_like(x, 128)], -1).astype(np.uint8)
grey = (x * 16).astype(np.uint8)
colour, single = Image.fromarray(rgb), Image.fromarray(grey)
colour.save(out / "rgb.jpg", quality=95, subsampling=0)
colour.save(out / "progressive.jpg", quality=95, subsampling=0, progressive=True)
single.save(out / "grey.jpg", quality=95)
colour.convert("CMYK").save(out / "cmyk.jpg")
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Stored so that it is `colour` once turned as the tag says.
    turned = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
              6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}[orientation]
    stored = colour if turned is None else colour.transpose(turned)
    stored.save(out / f"orientation_{orientation}.jpg", quality=95, subsampling=0, exif=exif)
colour.save(out / "rgb.png")
single.save(out / "grey.png")
colour.quantize(16).save(out / "palette.png")
single.convert("P").save(out / "grey_palette.png")
Image.fromarray((grey > 100)).save(out / "one_bit.png")
Image.fromarray((grey.astype(np.uint16) * 257)).save(out / "grey16.png")
alpha = colour.copy()
alpha.putalpha(Image.fromarray(np.where(x < 8, 255, 0).astype(np.uint8)))
alpha.save(out / "alpha.png")
colour.save(out / "rgb.bmp")
single.save(out / "grey.bmp")
colour.convert("RGBA").save(out / "rgba.bmp")
colour.save(out / "rgb.ppm")
single.save(out / "grey.pgm")

# Adam7, which Pillow does not write: chunks by hand.
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
raw = b""
for y0, x0, dy, dx in passes:
    part = rgb[y0::dy, x0::dx]
    if part.size:
        raw += b"".join(b"\0" + row.tobytes() for row in part)
(out / "interlaced.png").write_bytes(
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 12, 8, 2, 0, 0, 1))
    + chunk(b"IDAT", zlib.compress(raw))
    + chunk(b"IEND", b"")
)

# Resizing: a grey picture of noise to three sizes, bilinear with antialiasing, in floats.
rng = np.random.default_rng(0)
noise = rng.random((9, 14)).astype(np.float32)
with open(out / "resize.txt", "w") as f:
    f.write(" ".join(f"{v:.9g}" for v in noise.ravel()) + "\n")
    for h, w in [(4, 5), (20, 30), (9, 7)]:
        t = torch.nn.functional.interpolate(
            torch.from_numpy(noise)[None, None], (h, w), mode="bilinear", antialias=True, align_corners=False)
        f.write(f"{h} {w} " + " ".join(f"{v:.9g}" for v in t.numpy().ravel()) + "\n")
