#!/usr/bin/env python3
"""Writes tests/metrics/golden.json: what scikit-learn says about small fixed predictions.

Needs numpy and scikit-learn; the tests need neither. Run from the root of the source tree.
"""
import json

import numpy as np
import sklearn
from sklearn import metrics as m


def averaged(truth, predicted, **more):
    out = {}
    for word, score in (("precision", m.precision_score), ("recall", m.recall_score), ("f1", m.f1_score)):
        for average in ("macro", "micro", "weighted"):
            out[word if average == "macro" else f"{word}_{average}"] = score(
                truth, predicted, average=average, zero_division=0, **more)
        out[word + ".each"] = list(score(truth, predicted, average=None, zero_division=0, **more))
    return out


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def multiclass(rng):
    z = np.round(rng.normal(size=(60, 5)) * 2, 2).astype(np.float32)
    t = rng.integers(0, 4, 60)  # class 4 is in no target
    z[np.arange(60), t] += 1.5
    z = np.round(z, 2).astype(np.float32)
    p, labels = softmax(z.astype(np.float64)), np.arange(5)
    seen = [c for c in range(5) if 0 < (t == c).sum() < 60]
    return {
        "logits": z.tolist(), "targets": t.tolist(),
        "expected": {
            "accuracy": m.accuracy_score(t, p.argmax(1)),
            "top2": m.top_k_accuracy_score(t, z, k=2, labels=labels),
            "top3": m.top_k_accuracy_score(t, z, k=3, labels=labels),
            **averaged(t, p.argmax(1)),
            "log_loss": m.log_loss(t, p, labels=labels),
            "roc_auc": float(np.mean([m.roc_auc_score(t == c, p[:, c]) for c in seen])),
        },
        "confusion": m.confusion_matrix(t, p.argmax(1), labels=labels).tolist(),
    }


def binary(rng):
    z = np.round(rng.normal(size=40), 1).astype(np.float32)  # rounded: ties
    t = (rng.uniform(size=40) < 1 / (1 + np.exp(-1.5 * z))).astype(int)
    p = 1 / (1 + np.exp(-z.astype(np.float64)))
    return {
        "logits": z.tolist(), "targets": t.tolist(),
        "expected": {
            "accuracy": m.accuracy_score(t, z > 0), "roc_auc": m.roc_auc_score(t, z), "log_loss": m.log_loss(t, p),
            **averaged(t, (z > 0).astype(int)),
        },
        "confusion": m.confusion_matrix(t, z > 0).tolist(),
    }


def tags(rng):
    z = np.round(rng.normal(size=(30, 4)), 2).astype(np.float32)
    t = (rng.uniform(size=(30, 4)) < 1 / (1 + np.exp(-2 * z))).astype(int)
    p = 1 / (1 + np.exp(-z.astype(np.float64)))
    return {
        "logits": z.tolist(), "targets": t.tolist(),
        "expected": {
            "accuracy": float(((z > 0) == t).mean()), "roc_auc": m.roc_auc_score(t, z, average="macro"),
            "log_loss": m.log_loss(t.ravel(), p.ravel()), **averaged(t, (z > 0).astype(int)),
        },
    }


def regression(rng):
    t = np.round(rng.normal(size=(25, 3)) * [1, 10, 0.1] + [0, 1e4, -5], 3)
    p = np.round(t + rng.normal(size=(25, 3)) * [0.3, 4, 0.2], 3)
    return {
        "predictions": p.tolist(), "targets": t.tolist(),
        "expected": {
            "mae": m.mean_absolute_error(t, p), "mse": m.mean_squared_error(t, p),
            "rmse": m.root_mean_squared_error(t, p), "r2": m.r2_score(t, p),
            "r2.each": m.r2_score(t, p, multioutput="raw_values").tolist(),
            "mae.each": m.mean_absolute_error(t, p, multioutput="raw_values").tolist(),
        },
    }


rng = np.random.default_rng(7)
cases = {f.__name__: f(rng) for f in (multiclass, binary, tags, regression)}
cases["made with"] = f"scikit-learn {sklearn.__version__}"


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        short = float(f"{float(value):.9g}")
        return short if np.float32(short) == np.float32(value) and abs(short - value) < 1e-8 * max(1, abs(value)) else float(value)
    return value.item() if isinstance(value, np.generic) else value


with open("tests/metrics/golden.json", "w") as out:
    out.write("{\n" + ",\n".join(f'"{k}": {json.dumps(plain(v))}' for k, v in cases.items()) + "\n}\n")
