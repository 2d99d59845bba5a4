# SPDX-License-Identifier: Apache-2.0
"""Fits the weights of quality_score (src/physio/quality.c).

usage: quality_fit.py MEASURES.txt LABELS.csv
MEASURES.txt: record and the five values of quality_measure a line. The half to fit on is chosen by sha1(record) % 2 == 0 before anything is
fitted; the other half is only scored. numpy, scikit-learn.
"""
import csv, hashlib, sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

label = {r["record_id"]: int(r["acceptable"]) for r in csv.DictReader(open(sys.argv[2]))}
rows = [line.split() for line in open(sys.argv[1])]
rows = [r for r in rows if r[0] in label]
X = np.array([[float(v) for v in r[1:]] for r in rows])
y = np.array([label[r[0]] for r in rows])
fit = np.array([int(hashlib.sha1(r[0].encode()).hexdigest(), 16) % 2 == 0 for r in rows])
mean, sd = X[fit].mean(0), X[fit].std(0)
model = LogisticRegression(C=0.3).fit((X[fit] - mean) / sd, y[fit])
weight = model.coef_[0] / sd
offset = model.intercept_[0] - (weight * mean).sum()
score = X @ weight + offset
print("weight", ", ".join(f"{w:.4f}" for w in weight), "offset", f"{offset:.4f}")
print(f"fitted on {fit.sum()}: AUROC {roc_auc_score(y[fit], score[fit]):.3f}")
rng, other = np.random.default_rng(0), np.flatnonzero(~fit)
draws = [roc_auc_score(y[k], score[k]) for k in (rng.choice(other, other.size) for _ in range(2000)) if 0 < y[k].sum() < k.size]
print(f"confirmed on {other.size}: AUROC {roc_auc_score(y[other], score[other]):.3f}, 95 % {np.percentile(draws, 2.5):.3f} to {np.percentile(draws, 97.5):.3f}")
