#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far the physiological features alone go (docs/features.md): logistic regression and boosted trees of scikit-learn on a dataset.

    feature_auroc.py DATASET.h5 TASK                 5-fold over the records, two shuffles (one binary class)
    feature_auroc.py DATASET.h5 TASK --fold 8 7 3    each of these folds tested, trained on the others; macro AUROC

Features of a recording: mean over its segments of what could be measured. Logistic regression: z-scores of the training rows, clipped at 5,
missing values at the mean, every C printed. Trees: one setting, missing values as they are.
"""
import argparse
import warnings

import h5py
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)


def load(path, task):
    with h5py.File(path) as f:
        feature, segment = f["physiology/features"][:].astype(float), f["segments/record"][:]
        label, fold = f["labels"][task][:], f["records/fold"][:]
    total, count, known = np.zeros((len(label), feature.shape[1])), np.zeros((len(label), feature.shape[1])), np.isfinite(feature)
    np.add.at(total, segment, np.where(known, feature, 0))
    np.add.at(count, segment, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), label, fold


def standardise(x, train):
    x = x[:, np.isfinite(x[train]).sum(0) > 5]
    mean, sd = np.nanmean(x[train], 0), np.nanstd(x[train], 0)
    z = np.clip((x - mean)[:, sd > 1e-9] / sd[sd > 1e-9], -5, 5)
    return np.nan_to_num(z), x[:, sd > 1e-9]


def scores(x, y, train):
    """{classifier: scores of all rows}, trained on the rows `train`."""
    z, raw = standardise(x, train)
    out = {f"logistic C={c:g}": LogisticRegression(C=c, max_iter=2000).fit(z[train], y[train]).decision_function(z) for c in STRENGTHS}
    trees = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, max_leaf_nodes=8, l2_regularization=1, random_state=0)
    out["trees"] = trees.fit(raw[train], y[train]).predict_proba(raw)[:, 1]
    return out


def tell(what, figures):
    print(what, ", ".join(f"{name} {value:.4f}" for name, value in figures.items()), flush=True)


def cross_validate(x, y):
    for shuffle in (0, 1):
        held_out = {}
        for train, test in StratifiedKFold(5, shuffle=True, random_state=shuffle).split(x, y):
            for name, score in scores(x, y, train).items():
                held_out.setdefault(name, np.zeros(len(y)))[test] = score[test]
        tell(f"shuffle {shuffle}:", {name: roc_auc_score(y, score) for name, score in held_out.items()})


def test_fold(x, label, fold, number):
    known = (label <= 1).all(1) & (fold > 0)
    train, test = np.flatnonzero(known & (fold != number)), known & (fold == number)
    figures = {}
    for c in range(label.shape[1]):
        for name, score in scores(x, label[:, c], train).items():
            figures.setdefault(name, []).append(roc_auc_score(label[test, c], score[test]))
    tell(f"fold {number}:", {name: np.mean(values) for name, values in figures.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("task")
    parser.add_argument("--fold", type=int, nargs="+")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # means of features that no training row has
    x, label, fold = load(options.dataset, options.task)
    if options.fold:
        for number in options.fold:
            test_fold(x, label, fold, number)
    else:
        cross_validate(x, label[:, 0])


if __name__ == "__main__":
    main()
