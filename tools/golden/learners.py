#!/usr/bin/env python3
"""Writes tests/golden/learners.json: what scikit-learn finds on small tables.

Needs numpy and scikit-learn; the tests need neither. Run from the root of the source tree.
"""
import json

import numpy as np
import sklearn
from sklearn import cluster, datasets, decomposition


def pack(a):
    a = np.asarray(a)
    return {"shape": list(a.shape), "dtype": "i64" if a.dtype.kind in "iu" else "f64",
            "values": [int(v) if a.dtype.kind in "iu" else float(v) for v in a.ravel()]}


def kmeans_iris():
    x = datasets.load_iris().data
    k = cluster.KMeans(3, n_init=20, random_state=0).fit(x)
    return {"x": pack(x), "inertia": k.inertia_}


def pca(x):
    p = decomposition.PCA(3, svd_solver="full").fit(x)
    c = p.components_ * np.sign(p.components_[np.arange(3), np.abs(p.components_).argmax(1)])[:, None]
    return {"x": pack(x), "components": pack(c), "variances": pack(p.explained_variance_),
            "shares": pack(p.explained_variance_ratio_), "back": pack(p.inverse_transform(p.transform(x)))}


def main():
    rng = np.random.default_rng(0)
    out = {"scikit-learn": sklearn.__version__, "kmeans_iris": kmeans_iris(),
           "pca_iris": pca(datasets.load_iris().data), "pca_wide": pca(np.round(rng.normal(size=(8, 20)), 3))}
    with open("tests/golden/learners.json", "w") as f:
        json.dump(out, f)
        f.write("\n")


main()
