#!/usr/bin/env python3
"""Writes tests/golden/learners.json: what scikit-learn finds on small tables.

Needs numpy and scikit-learn; the tests need neither. Run from the root of the source tree.
"""
import json

import numpy as np
import sklearn
from sklearn import cluster, datasets, decomposition, ensemble, feature_selection, impute, linear_model, neighbors, preprocessing, tree


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


def trees(rng):
    """The first tables whose trees have no ties: whatever the order of the features, scikit-learn finds the same."""
    while not (out := trees_without_ties(rng)):
        pass
    return out


def trees_without_ties(rng):
    x = np.round(rng.normal(size=(60, 4)), 3)
    classes = (x[:, 0] + 0.5 * x[:, 1] ** 2 + 0.3 * rng.normal(size=60) > 0.3).astype(int) + (x[:, 2] > 1)
    values = np.round(x[:, 0] * x[:, 1] + rng.normal(size=60), 3)
    weight = np.round(rng.uniform(0.5, 2, size=60), 3)
    out = {"x": pack(x), "classes": pack(classes), "values": pack(values), "weight": pack(weight)}
    kinds = {"gini": (tree.DecisionTreeClassifier, {"max_depth": 3, "min_samples_leaf": 5}),
             "entropy": (tree.DecisionTreeClassifier, {"criterion": "entropy", "max_depth": 3, "min_samples_leaf": 5}),
             "mse": (tree.DecisionTreeRegressor, {"max_depth": 5, "min_samples_leaf": 3})}
    for name, (kind, options) in kinds.items():
        for suffix, w in (("", None), ("_weighted", weight)):
            y = values if name == "mse" else classes
            made = [kind(random_state=s, **options).fit(x, y, sample_weight=w) for s in range(10)]
            t = made[0].tree_
            if not all(np.array_equal(m.tree_.feature, t.feature) for m in made):
                return None
            out[name + suffix] = {"feature": pack(np.where(t.feature < 0, -1, t.feature)), "threshold": pack(t.threshold),
                                  "value": pack(t.value[:, 0, :]), "importances": pack(made[0].feature_importances_)}
    boosted = ensemble.GradientBoostingRegressor(n_estimators=20, max_depth=2, min_samples_leaf=3, criterion="squared_error",
                                                 random_state=0).fit(x, values)
    out["boosted"] = pack(boosted.predict(x))
    for weights in ("uniform", "distance"):
        for metric in ("euclidean", "manhattan"):
            k = neighbors.KNeighborsClassifier(3, weights=weights, metric=metric).fit(x[:40], classes[:40])
            out[f"knn_{weights}_{metric}"] = pack(k.predict_proba(x[40:]))
    return out


def adaboost():
    d = datasets.load_breast_cancer()
    m = ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=1), n_estimators=10).fit(d.data, d.target)
    return {"votes": pack(m.estimator_weights_), "errors": pack(m.estimator_errors_), "accuracy": m.score(d.data, d.target)}


def yeo_johnson(rng):
    x = np.round(rng.gamma(2, 2, size=(40, 1)) - 1, 3)
    return {"x": pack(x[:, 0]), "y": pack(preprocessing.PowerTransformer().fit_transform(x))}


def impute_and_select(rng):
    x = np.round(rng.normal(size=(30, 3)) * [1, 10, 100] + [0, 5, 50], 3)
    gaps = rng.uniform(size=x.shape) < 0.15
    holes = np.where(gaps, np.nan, x)
    spread = np.nanstd(holes, axis=0)
    filled = impute.KNNImputer(n_neighbors=4).fit_transform(holes / spread) * spread
    positive = np.round(rng.gamma(2, 2, size=(40, 1)) + 0.01, 3)
    y = (x[:, 0] + x[:, 1] / 10 + rng.normal(size=30) > 0.5).astype(int)
    return {"holes": [[None if np.isnan(v) else float(v) for v in row] for row in holes], "filled": pack(filled),
            "positive": pack(positive[:, 0]), "box_cox": pack(preprocessing.PowerTransformer("box-cox").fit_transform(positive)),
            "x": pack(x), "classes": pack(y), "f_classes": pack(feature_selection.f_classif(x, y)[0]),
            "f_values": pack(feature_selection.f_regression(x, x[:, 2] + 30 * y)[0])}


def main():
    rng = np.random.default_rng(0)
    out = {"scikit-learn": sklearn.__version__, "kmeans_iris": kmeans_iris(),
           "pca_iris": pca(datasets.load_iris().data), "pca_wide": pca(np.round(rng.normal(size=(8, 20)), 3)), "linear": linear(), **classifiers(),
           "yeo_johnson": yeo_johnson(rng), "trees": trees(rng), "adaboost": adaboost(),
           "prepare": impute_and_select(rng)}
    with open("tests/golden/learners.json", "w") as f:
        json.dump(out, f)
        f.write("\n")


main()
