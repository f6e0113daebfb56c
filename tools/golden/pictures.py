#!/usr/bin/env python3
"""Writes tests/golden/pictures.json: PSNR, SSIM and CIE Lab as scikit-image has them, clustering scores as scikit-learn.

Needs numpy, scikit-learn and scikit-image 0.26; the tests need none of them. Run from the root of the source tree.
"""
import json

import numpy as np
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def rounded(values, digits=6):
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()


def likeness(rng, shape):
    x, y = np.meshgrid(np.linspace(0, 3, shape[3]), np.linspace(0, 2, shape[2]))
    a = 0.5 + 0.4 * np.sin(x * y + np.arange(shape[0] * shape[1]).reshape(shape[0], shape[1], 1, 1))
    a = np.round(a, 3)
    b = np.round(np.clip(a + 0.1 * rng.normal(size=shape), 0, 1), 3)
    ssim = [np.mean([structural_similarity(a[i, c], b[i, c], data_range=1, gaussian_weights=True, sigma=1.5,
                                           use_sample_covariance=False) for c in range(shape[1])])
            for i in range(shape[0])]
    psnr = [peak_signal_noise_ratio(a[i], b[i], data_range=1) for i in range(shape[0])]
    return {"shape": shape, "a": a.ravel().tolist(), "b": b.ravel().tolist(), "psnr": float(np.mean(psnr)),
            "ssim": float(np.mean(ssim))}


def colours(rng):
    rgb = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5], [0.02, 0.03, 0.04],
                    [1, 1, 0], [0, 1, 1], [1, 0, 1]] + np.round(rng.uniform(size=(14, 3)), 3).tolist())
    lab = rgb2lab(rgb[None])[0]
    return {"rgb": rgb.tolist(), "lab": rounded(lab), "back": rounded(lab2rgb(lab[None])[0])}


def clusters(rng):
    truth = rng.integers(0, 4, 50)
    found = np.where(rng.uniform(size=50) < 0.7, (truth + 2) % 5, rng.integers(0, 5, 50))
    table = contingency_matrix(truth, found)
    return {"truth": truth.tolist(), "found": found.tolist(), "purity": float(table.max(0).sum() / 50),
            "nmi": float(normalized_mutual_info_score(truth, found))}


def main():
    rng = np.random.default_rng(1)
    golden = {"grey": likeness(rng, [2, 1, 13, 11]), "colour": likeness(rng, [1, 3, 16, 20]), "lab": colours(rng),
              "clusters": clusters(rng)}
    with open("tests/golden/pictures.json", "w") as f:
        f.write(json.dumps(golden) + "\n")


main()
