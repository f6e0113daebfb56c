#!/usr/bin/env python3
"""Writes tests/golden/learners.json: what scikit-learn finds on small tables.

Needs numpy and scikit-learn; the tests need neither. Run from the root of the source tree.
"""
import json

import numpy as np
import sklearn
from sklearn import cluster, datasets, decomposition, linear_model, preprocessing


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


def linear():
    d = datasets.load_diabetes()
    x, y = d.data[:, :6] * 20, d.target
    weight = np.linspace(0.5, 2, len(y))
    models = {"linear": linear_model.LinearRegression(), "ridge": linear_model.Ridge(alpha=3),
              "lasso": linear_model.Lasso(alpha=4, tol=1e-12, max_iter=10**6),
              "elastic_net": linear_model.ElasticNet(alpha=2, l1_ratio=0.3, tol=1e-12, max_iter=10**6)}
    out = {"x": pack(x), "y": pack(y), "weight": pack(weight)}
    for name, m in models.items():
        m.fit(x, y)
        out[name] = {"weight": pack(m.coef_), "bias": m.intercept_, "score": m.score(x, y)}
    m = linear_model.Ridge(alpha=3).fit(x, y, weight)
    out["ridge_weighted"] = {"weight": pack(m.coef_), "bias": m.intercept_}
    return out


def classifiers():
    out = {}
    for name, d in (("logistic", datasets.load_breast_cancer()), ("softmax", datasets.load_wine())):
        x = np.round(preprocessing.scale(d.data[::2, :8]), 6)
        y = d.target[::2]
        m = linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=10000).fit(x, y)
        out[name] = {"x": pack(x), "y": pack(y), "weight": pack(m.coef_), "bias": pack(m.intercept_),
                     "probabilities": pack(m.predict_proba(x[:5])), "accuracy": m.score(x, y)}
    return out


def yeo_johnson(rng):
    x = np.round(rng.gamma(2, 2, size=(40, 1)) - 1, 3)
    return {"x": pack(x[:, 0]), "y": pack(preprocessing.PowerTransformer().fit_transform(x))}


def main():
    rng = np.random.default_rng(0)
    out = {"scikit-learn": sklearn.__version__, "kmeans_iris": kmeans_iris(),
           "pca_iris": pca(datasets.load_iris().data), "pca_wide": pca(np.round(rng.normal(size=(8, 20)), 3)), "linear": linear(), **classifiers(),
           "yeo_johnson": yeo_johnson(rng)}
    with open("tests/golden/learners.json", "w") as f:
        json.dump(out, f)
        f.write("\n")


main()
