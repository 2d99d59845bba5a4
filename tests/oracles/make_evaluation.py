#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Oracle values for tests/eval: scikit-learn's AUROC and average precision with ties, the Challenge 2021 score by its published
definition (an own, direct implementation: double loops over classes; where the folder of the published
evaluator, github.com/physionetchallenges/evaluation-2021, is given, each score must equal the evaluator's to 1e-12), Fmax by its definition, DeLong and Obuchowski variances by the O(mn)
double sums, BCa by scipy. Writes evaluation.txt: blocks "NAME count" followed by the numbers, one a line.

usage: make_evaluation.py [physionet2021_weights.csv [FOLDER OF evaluation-2021]] > evaluation.txt
"""
import csv
import sys

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

rng = np.random.default_rng(20260101)


def block(name, values):
    values = np.atleast_1d(np.asarray(values, float)).ravel()
    print(f"{name} {len(values)}")
    for v in values:
        print("nan" if np.isnan(v) else repr(float(v)))


print(f"# numpy {np.__version__} scipy {scipy.__version__} scikit-learn {sklearn.__version__}")

# AUROC and AUPRC: many small cases with ties, from heavy (2 values) to none.
for case in range(40):
    n = int(rng.integers(2, 200))
    levels = int(rng.choice([2, 3, 5, 20, 10**6]))
    score = rng.integers(0, levels, n) / levels
    label = (rng.random(n) < rng.choice([0.05, 0.3, 0.5, 0.9])).astype(int)
    label[0], label[-1] = 0, 1
    block("case_score", score)
    block("case_label", label)
    block("case_auroc", roc_auc_score(label, score))
    block("case_auprc", average_precision_score(label, score))

# A multi-label set with ties, and every measure of it.
n, classes = 300, 5
label = (rng.random((n, classes)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(int)
score = np.round(1 / (1 + np.exp(-(1.2 * label - 0.8 + rng.normal(size=(n, classes))))), 2)
call = (score >= 0.5).astype(int)
block("set_score", score)
block("set_label", label)
block("set_auroc", [roc_auc_score(label[:, c], score[:, c]) for c in range(classes)])
for average in ("macro", "weighted", "micro"):
    block(f"set_{average}_auroc", roc_auc_score(label, score, average=average))
    block(f"set_{average}_auprc", average_precision_score(label, score, average=average))
block("set_f1", f1_score(label, call, average=None))
block("set_precision", precision_score(label, call, average=None))
block("set_sensitivity", recall_score(label, call, average=None))
brier = [brier_score_loss(label[:, c], score[:, c]) for c in range(classes)]
for average in ("macro", "weighted", "micro"):
    block(f"set_{average}_f1", f1_score(label, call, average=average))
    block(f"set_{average}_precision", precision_score(label, call, average=average))
    block(f"set_{average}_sensitivity", recall_score(label, call, average=average))
    weights = label.sum(0) if average == "weighted" else None
    specific = recall_score(1 - label, 1 - call, average="micro" if average == "micro" else None)
    block(f"set_{average}_specificity", specific if average == "micro" else np.average(specific, weights=weights))
    block(f"set_{average}_brier", brier_score_loss(label.ravel(), score.ravel()) if average == "micro" else np.average(brier, weights=weights))
block("set_brier", brier)
best = 0
for t in np.arange(101) / 100:
    called = score >= t
    right = (called & (label == 1)).sum(1)
    any_call, any_label = called.any(1), label.any(1)
    if any_call.any():
        p = (right[any_call] / called.sum(1)[any_call]).mean()
        r = (right[any_label] / label.sum(1)[any_label]).mean()
        best = max(best, 2 * p * r / (p + r) if p + r else 0)
block("set_fmax", best)


# DeLong by the plain double sums, and Obuchowski's clustered variance.
def psi(x, y):
    return (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])


def covariances(scores, lab, cluster):
    p, q = lab == 1, lab == 0
    m, k = p.sum(), q.sum()
    matrices = [psi(s[p], s[q]) for s in scores]
    auc = np.array([a.mean() for a in matrices])
    v10, v01 = [a.mean(1) for a in matrices], [a.mean(0) for a in matrices]
    ids = np.unique(cluster)
    P = np.array([[np.sum(v10[j][cluster[p] == i] - auc[j]) for i in ids] for j in range(len(scores))])
    Q = np.array([[np.sum(v01[j][cluster[q] == i] - auc[j]) for i in ids] for j in range(len(scores))])
    i10, i01, i = len(np.unique(cluster[p])), len(np.unique(cluster[q])), len(ids)
    c = i10 / (i10 - 1) * P @ P.T / m**2 + i01 / (i01 - 1) * Q @ Q.T / k**2 + i / (i - 1) * (P @ Q.T + Q @ P.T) / (m * k)
    return auc, c


cluster = rng.integers(0, 120, n)
auc, cov = covariances([score[:, 0], score[:, 1]], label[:, 0], np.arange(n))
block("delong_auroc", auc)
block("delong_covariance", cov)
auc, cov = covariances([score[:, 0], score[:, 1]], label[:, 0], cluster)
block("cluster", cluster)
block("cluster_covariance", cov)

# The data of DeLong et al. 1988 as the SAS/STAT User's Guide lists them (LOGISTIC procedure, Example 8): albumin, total protein, K-G score,
# 1 = benefits from surgery; the guide turns the score round (10 - score). All figures by the double sums above.
ovarian = np.array([float(x) for x in """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1
3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0
4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1
3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1""".split()]).reshape(-1, 4)
ovarian[:, 2] = 10 - ovarian[:, 2]
auc, cov = covariances(list(ovarian[:, :3].T), ovarian[:, 3].astype(int), np.arange(len(ovarian)))
block("ovarian_data", ovarian.T)
block("ovarian_auroc", auc)
block("ovarian_covariance", cov)
for name, k in (("albumin", 0), ("protein", 1)):
    d, se = auc[k] - auc[2], np.sqrt(cov[k, k] + cov[2, 2] - 2 * cov[k, 2])
    block(f"ovarian_{name}", [d, se, d / se, 2 * scipy.stats.norm.sf(abs(d / se))])

# BCa: scipy on the mean of a skewed sample gives low, high; the resamples themselves are stored with it.
sample = rng.exponential(size=40)
resampled = np.array([sample[rng.integers(0, 40, 40)].mean() for _ in range(2000)])
jack = np.array([np.delete(sample, i).mean() for i in range(40)])
z0 = scipy.stats.norm.ppf(((resampled < sample.mean()).mean() + (resampled <= sample.mean()).mean()) / 2)
u = jack.mean() - jack
a = (u**3).sum() / (6 * (u**2).sum() ** 1.5)
z = scipy.stats.norm.ppf([0.025, 0.975])
block("bca_value", resampled)
block("bca_jackknife", jack)
block("bca_estimate", sample.mean())
block("bca_interval", np.percentile(resampled, 100 * scipy.stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))))
block("percentile_interval", np.percentile(resampled, [2.5, 97.5]))
block("normal_quantile", scipy.stats.norm.ppf([1e-10, 0.001, 0.025, 0.3, 0.5, 0.9, 0.999999]))

# Temperature: minimum of the cross-entropy by a fine search.
from scipy.optimize import minimize_scalar

p = np.clip(score, 1e-12, 1 - 1e-12)
logit = np.log(p / (1 - p))
loss = lambda t: np.mean(np.logaddexp(0, logit / t) - label * logit / t)
block("temperature", minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-12}).x)

# Challenge 2021.
path = sys.argv[1] if len(sys.argv) > 1 else "physionet2021_weights.csv"
rows = list(csv.reader(open(path)))
names = rows[0][1:]
weights = np.array([[float(x) for x in r[1:]] for r in rows[1:]])
block("challenge_weights", weights)


def challenge(label, call):
    def total(out):
        s = 0.0
        for l, o in zip(label, out):
            either = max(int(np.logical_or(l, o).sum()), 1)
            for j in np.flatnonzero(l):
                for k in np.flatnonzero(o):
                    s += weights[j, k] / either
        return s

    normal = np.zeros_like(label)
    normal[:, names.index("426783006")] = 1
    observed, correct, inactive = total(call), total(label), total(normal)
    return (observed - inactive) / (correct - inactive) if correct != inactive else 0.0


published = None
if len(sys.argv) > 2:
    sys.path.insert(0, sys.argv[2])
    from evaluate_model import compute_challenge_metric as published


for case in range(12):
    lab = (rng.random((50, 26)) < [0.02, 0.1, 0.3][case % 3]).astype(int)
    out = (rng.random((50, 26)) < [0.05, 0.2, 0.5][case % 3]).astype(int)
    if case == 5: out = lab.copy()                 # always right: 1
    if case == 6: out = 0 * lab; out[:, names.index("426783006")] = 1   # always sinus rhythm: 0
    if case == 7: lab = 0 * lab                    # no labels at all
    if case == 8: out = 0 * out                    # nothing is called
    if case == 9: out = 0 * out + 1                # everything is called
    if case == 10: lab = 0 * lab; lab[:, names.index("426783006")] = 1  # all are in sinus rhythm: 0 by definition
    if case == 11: lab[1:], out[2:] = 0, 0         # a single recording has labels
    block("challenge_label", lab)
    block("challenge_call", out)
    block("challenge_score", challenge(lab, out))
    if published:
        theirs = published(weights, lab.astype(bool), out.astype(bool), names, "426783006")
        if not abs(theirs - challenge(lab, out)) < 1e-12:
            sys.exit(f"case {case}: the published evaluator has {theirs}, not {challenge(lab, out)}")

# Student's t, and the ends of an AUROC's interval as roots of (A - t)^2 = quantile^2 scale V(t) with Hanley and McNeil's variance V: of the
# ovarian cancer data's albumin (DeLong's variance the larger), of scores that hardly overlap (DeLong's the smaller), without any overlap,
# of five records a patient, and of a single positive. Then the interval of the paired difference of albumin and K-G score.
from scipy.optimize import brentq

block("student_quantile", [scipy.stats.t.ppf(0.975, f) for f in (1, 2, 3, 4, 9, 30, 1001)])


def hanley(t, m, n):
    half = (m + n) / 2 - 1
    return t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)


def auroc_ends(s, lab, cluster):
    m, n = len(np.unique(cluster[lab == 1])), len(np.unique(cluster[lab == 0]))
    area = (psi(s[lab == 1], s[lab == 0])).mean()
    scale, quantile = 1, scipy.stats.norm.ppf(0.975)
    if 0 < area < 1 and min(m, n) > 1:
        _, c = covariances([s], lab, cluster)
        sums = lambda v, side: np.array([(v - area)[cluster[lab == side] == i].sum() for i in np.unique(cluster[lab == side])])
        matrix = psi(s[lab == 1], s[lab == 0])
        p = m / (m - 1) * (sums(matrix.mean(1), 1) ** 2).sum() / (lab == 1).sum() ** 2
        q = n / (n - 1) * (sums(matrix.mean(0), 0) ** 2).sum() / (lab == 0).sum() ** 2
        scale = c[0, 0] / hanley(area, m, n)
        if scale < 1:
            scale = (min(m, n) * scale + 100) / (min(m, n) + 100)
        quantile = scipy.stats.t.ppf(0.975, np.floor((p + q) ** 2 / (p**2 / (m - 1) + q**2 / (n - 1)) + 1e-9))
    off = lambda t: (area - t) ** 2 - quantile**2 * scale * hanley(t, m, n)
    return [brentq(off, 0, area * (1 - 1e-9), xtol=1e-15) if area > 0 else 0,
            brentq(off, area + (1 - area) * 1e-9, 1, xtol=1e-15) if area < 1 else 1]


y = ovarian[:, 3].astype(int)
apart, spread = np.repeat([1, 0], [5, 95]), np.arange(100)
close = np.where(spread < 5, 96 - 3 * spread, spread - 5.5)
block("ovarian_interval", auroc_ends(ovarian[:, 0], y, np.arange(len(y))))
block("close_interval", auroc_ends(close, apart, spread))
block("separated_interval", auroc_ends(apart.astype(float), apart, spread))
block("patients_interval", auroc_ends(close, apart, spread // 2))
block("single_interval", auroc_ends(close[4:], apart[4:], spread[4:]))
(la, ha), (lb, hb) = (auroc_ends(ovarian[:, j], y, np.arange(len(y))) for j in (0, 2))
auc, cov = covariances([ovarian[:, 0], ovarian[:, 2]], y, np.arange(len(y)))
ha, hb, r, d = (ha - la) / 2, (hb - lb) / 2, cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]), auc[0] - auc[1]
half = max(np.sqrt(ha**2 + hb**2 - 2 * r * ha * hb), scipy.stats.norm.ppf(0.975) * np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]))
block("ovarian_difference", [d - half, d + half, 2 * scipy.stats.norm.sf(scipy.stats.norm.ppf(0.975) * abs(d) / half)])
