"""tests/golden/images.json: functions of pictures, as torchvision (v2, on tensors) and Pillow compute them.

    python tools/golden/images.py
"""
import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import InterpolationMode as Mode
from torchvision.transforms.v2 import functional as F

from common import pack, save

torch.set_default_dtype(torch.float32)
rng = np.random.default_rng(3)
height, width = 10, 13
# Low contrast in places and full range in others, so that stretching and flattening have something to do.
base = rng.random((3, height, width)) * np.array([0.9, 0.5, 0.7])[:, None, None] + np.array([0.1, 0.2, 0])[:, None, None]
byte = torch.from_numpy((base * 255).round().astype(np.uint8))
real = byte.float() / 255
grey = Image.fromarray(byte[0].numpy())
colour = Image.fromarray(byte.permute(1, 2, 0).numpy())


def pil(image):
    a = np.asarray(image)
    return torch.from_numpy(np.array(a[None] if a.ndim == 2 else a.transpose(2, 0, 1)))


records = {"byte": pack(byte)}
modes = {"bilinear": Mode.BILINEAR, "bicubic": Mode.BICUBIC}
for name, mode in modes.items():
    for size in [(4, 5), (20, 27), (7, 13)]:
        for antialias in (True, False):
            key = f"resize {name} {size[0]} {size[1]} {'antialias' if antialias else 'plain'}"
            records[key] = pack(F.resize(real, size, mode, antialias=antialias))
for size in [(4, 5), (20, 27)]:
    records[f"pillow nearest {size[0]} {size[1]}"] = pack(pil(colour.resize(size[::-1], Image.NEAREST)))
    records[f"pillow bilinear {size[0]} {size[1]}"] = pack(pil(colour.resize(size[::-1], Image.BILINEAR)))
    if size == (4, 5):
        records[f"pillow bicubic {size[0]} {size[1]}"] = pack(pil(colour.resize(size[::-1], Image.BICUBIC)))
for mode in ("constant", "edge", "reflect"):
    records[f"pad {mode}"] = pack(F.pad(byte, [3, 2, 4, 1], padding_mode=mode))  # left, top, right, bottom
records["resized_crop"] = pack(F.resized_crop(real, 2, 3, 6, 8, [5, 4], Mode.BILINEAR, antialias=True))
affine = dict(angle=20.0, translate=[2, -1], scale=1.2, shear=[5.0, -8.0])
records["affine bilinear"] = pack(F.affine(real, **affine, interpolation=Mode.BILINEAR))
records["affine nearest"] = pack(F.affine(real, **affine, interpolation=Mode.NEAREST))
records["rotate"] = pack(F.rotate(real, -33.0, interpolation=Mode.BILINEAR))  # torchvision's angle is anticlockwise
start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
end = [[1, 2], [10, 1], [12, 8], [2, 9]]
records["perspective"] = pack(F.perspective(real, start, end, interpolation=Mode.BILINEAR))
for factor in (0.4, 1.7):
    records[f"brightness {factor}"] = pack(F.adjust_brightness(real, factor))
    records[f"contrast {factor}"] = pack(F.adjust_contrast(real, factor))
    records[f"saturation {factor}"] = pack(F.adjust_saturation(real, factor))
    records[f"sharpness {factor}"] = pack(F.adjust_sharpness(real, factor))
    records[f"pillow brightness {factor}"] = pack(pil(ImageEnhance.Brightness(colour).enhance(factor)))
    records[f"pillow contrast {factor}"] = pack(pil(ImageEnhance.Contrast(colour).enhance(factor)))
    records[f"pillow saturation {factor}"] = pack(pil(ImageEnhance.Color(colour).enhance(factor)))
    records[f"pillow sharpness {factor}"] = pack(pil(ImageEnhance.Sharpness(colour).enhance(factor)))
for turn in (-0.35, 0.1, 0.5):
    records[f"hue {turn}"] = pack(F.adjust_hue(real, turn))
records["posterize 3"] = pack(F.posterize(byte, 3))
records["solarize"] = pack(F.solarize(byte, 128))
records["auto_contrast"] = pack(F.autocontrast(real))
records["pillow auto_contrast"] = pack(pil(ImageOps.autocontrast(colour)))
records["equalize"] = pack(F.equalize(byte))
records["pillow equalize"] = pack(pil(ImageOps.equalize(colour)))
# More pixels than values, where flattening has steps to spread.
large = torch.from_numpy((rng.normal(0.4, 0.1, (1, 40, 40)).clip(0, 1) * 255).round().astype(np.uint8))
records["large"] = pack(large)
records["equalize large"] = pack(pil(ImageOps.equalize(Image.fromarray(large[0].numpy()))))
records["blur 5 1.3"] = pack(F.gaussian_blur(real, [5, 5], [1.3, 1.3]))
records["grayscale"] = pack(F.rgb_to_grayscale(real))
records["ten_crop"] = pack(torch.stack(list(F.ten_crop(byte, [4, 6]))))
records["five_crop"] = pack(torch.stack(list(F.five_crop(byte, [5, 5]))))
save("images.json", records)
