#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recomputes every number of an evaluation or comparison from the prediction and label files alone, without the program.

    recompute_report.py RESULT.json --labels DATASET.h5|CSV PREDICTIONS.csv... [--model FILE]... [--csv FILE] [--html FILE]

RESULT.json is what `physioclr evaluate|compare --json` printed; PREDICTIONS are the files it was given, in its order, or what
`physioclr predict` wrote for the model files that it was given, which are then named by --model, in the same order. --csv and --html are the
files of the same run: every number of the CSV, and every value with an interval of the report, must be among the recomputed ones.

Values come from scikit-learn where it has the measure, else from the definition; variances from DeLong's double sums; resamples from an own
Philox4x32-10 by the rule of docs/evaluation.md, so that intervals and p values are compared digit by digit. Exit status 0: everything agrees.
"""
import argparse
import csv
import json
import os
import re
import struct
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, t as student
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

TOLERANCE = 1e-9
FMAX_TOLERANCE = 2e-6  # the program keeps steps of precision and recall in single precision


# ---- files ----------------------------------------------------------------------------------------------------

def base(name):
    name = os.path.basename(name)
    return name[:-4] if name.endswith(".hea") and len(name) > 4 else name


def text(x):
    return x.decode() if isinstance(x, bytes) else str(x)


def labels_of_dataset(path, task, split):
    import h5py
    with h5py.File(path, "r") as f:
        r, n = f["records"], len(f["records/id"])
        rows = {k: [text(x) for x in r[k][:]] for k in ("id", "patient", "source")}
        task = task or list(f["labels"])[0]
        y = f["labels"][task][:]
        classes = [text(c) for c in f["labels"][task].attrs["classes"]]
        age = [a if a >= 0 else -1 for a in np.nan_to_num(r["age"][:], nan=-1)]
        sex = r["sex"][:].tolist()
        chosen = np.ones(n, bool)
        if split:
            name, part = split.rsplit(":", 1) if ":" in split else (list(f["splits"])[0], split)
            chosen = f["splits"][name][:] == ["train", "validation", "test"].index(part)
    return [base(i) for i in rows["id"]], rows["patient"], rows["source"], age, sex, classes, y, chosen


def in_ranges(value, ranges):
    for r in ranges.split(","):
        m = re.fullmatch(r"(-?[\d.]+)-([\d.]+)", r)
        if value == r or (m and float(m[1]) <= float(value) <= float(m[2])):
            return True
        try:
            if float(value) == float(r):
                return True
        except ValueError:
            pass
    return False


def labels_of_csv(path, task, split):
    with open(path, newline="") as f:
        table = list(csv.DictReader(f))
    columns = list(table[0])
    describing = {"record_id", "filename", "ecg_id", "patient", "patient_id", "age", "sex", "source", "fold", "split", "strat_fold", "path",
                  "segment", "start"}
    if task == "superclass":
        classes = ["NORM", "MI", "STTC", "CD", "HYP"]
        y = [[255 if not row["superclass"].strip() else int(c in row["superclass"].split()) for c in classes] for row in table]
    else:
        number = {"0": 0, "1": 1, "": 255, "0.0": 0, "1.0": 1}
        classes = [c for c in columns if c.lower() not in describing and all(row[c].strip() in number for row in table)]
        y = [[number[row[c].strip()] for c in classes] for row in table]
    pick = lambda row, *names: next((row[k] for k in names if k in row), "")
    sexes = {"0": 0, "male": 0, "m": 0, "1": 1, "female": 1, "f": 1}
    age = [float(a) if re.fullmatch(r"[\d.]+", a) else -1 for a in (pick(row, "age") for row in table)]
    chosen = np.ones(len(table), bool)
    if split:
        column, ranges = split.split(":", 1)
        chosen = np.array([in_ranges(row[column], ranges) for row in table])
    return ([base(pick(row, "record_id", "filename", "filename_hr")) for row in table], [pick(row, "patient_id", "patient") for row in table],
            [pick(row, "source") for row in table], age, [sexes.get(pick(row, "sex").lower(), 255) for row in table], classes, np.array(y), chosen)


def read_labels(path, task, split):
    with open(path, "rb") as f:
        return (labels_of_dataset if f.read(4) == b"\x89HDF" else labels_of_csv)(path, task, split)


def first_appearance(keys):
    number = {}
    return np.array([number.setdefault(k, len(number)) for k in keys])


class Set:
    """Scores and labels of the same records; patients numbered by first appearance."""

    def __init__(self, ids, classes, score, label, patient, source, age, sex):
        self.ids, self.classes, self.score, self.label = ids, classes, score, label
        self.key, self.source, self.age, self.sex = patient, source, age, sex
        self.patient = first_appearance(patient)

    def take(self, keep):
        pick = lambda a: [a[i] for i in keep]
        return Set(pick(self.ids), self.classes, self.score[keep], self.label[keep], pick(self.key), pick(self.source), self.age[keep],
                   self.sex[keep])


def read_set(predictions, labels, task, split, classes, segments):
    ids, patient, source, age, sex, names, y, chosen = read_labels(labels, task, split)
    with open(predictions, newline="") as f:
        table = list(csv.DictReader(f))
    scores = {}
    for row in table:
        scores.setdefault(base(row["record_id"]), []).append([float(row[c]) for c in classes])
    y = y[:, [names.index(c) for c in classes]]
    at, values = [], []
    for r, record in enumerate(ids):
        if not chosen[r] or record not in scores or (y[r] > 1).all():
            continue
        for value in (scores[record] if segments else [np.add.reduce(scores[record]) / len(scores[record])]):
            at.append(r)
            values.append(value)
    key = [(source[r], "p" + patient[r] if patient[r] else "r" + ids[r]) for r in at]
    return Set([ids[r] for r in at], classes, np.array(values, float), y[at], key, [source[r] for r in at], np.array([age[r] for r in at], float),
               np.array([sex[r] for r in at]))


# ---- random numbers and resamples ---------------------------------------------------------------------------

def mix(x):
    mask = (1 << 64) - 1
    x &= mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def fnv1a(data):
    h = 14695981039346656037
    for b in data:
        h = ((h ^ b) * 1099511628211) & ((1 << 64) - 1)
    return h


class Stream:
    """Philox4x32-10 keyed by seed and purpose; the counter holds the block number and the index of the stream."""

    def __init__(self, seed, purpose, index):
        key = mix(seed + 0x9E3779B97F4A7C15) ^ fnv1a(purpose.encode())
        self.key, self.index, self.block, self.words = (key & 0xFFFFFFFF, key >> 32), index, 0, np.empty(0, np.uint64)

    def more(self, blocks):
        m = np.uint64(0xFFFFFFFF)
        number = np.arange(self.block, self.block + blocks, dtype=np.uint64)
        c = [number & m, number >> np.uint64(32), np.full(blocks, self.index & 0xFFFFFFFF, np.uint64), np.full(blocks, self.index >> 32, np.uint64)]
        k0, k1 = self.key
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
            c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & m, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & m]
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        self.block += blocks
        self.words = np.concatenate([self.words, np.stack(c, 1).ravel()])

    def below(self, n, count):
        """count numbers in 0 .. n-1: the high half of (64 random bits) * n."""
        if n < 2:
            return np.zeros(count, np.int64)
        if len(self.words) < 2 * count:
            self.more(2 * count // 4 + 4)
        w, self.words = self.words[:2 * count], self.words[2 * count:]
        high, low, n64 = w[0::2], w[1::2], np.uint64(n)
        if ((((high << np.uint64(32)) | low) * n64) < np.uint64((-int(n)) % (1 << 64) % int(n))).any():
            raise NotImplementedError("a rejected number, which happens once in 2^64 / n")
        return ((high * n64 + ((low * n64) >> np.uint64(32))) >> np.uint64(32)).astype(np.int64)


class Bootstrap:
    def __init__(self, s, seed, stratified):
        self.s, self.seed, self.n = s, seed, s.patient.max() + 1
        self.groups = []
        for c in range(len(s.classes)):
            y = s.label[:, c]
            if (y == 1).any() and (y == 0).any():
                for side in (0, 1):
                    seen = dict.fromkeys(s.patient[y == side].tolist())  # order of first appearance
                    self.groups.append(np.array(list(seen)))
        self.strata = [np.arange(self.n)]
        if stratified:
            C = len(s.classes)
            rarity, stratum = (s.label == 1).sum(0), np.full(self.n, C)
            for r in range(len(s.ids)):
                for c in np.flatnonzero(s.label[r] == 1):
                    own = stratum[s.patient[r]]
                    if own == C or rarity[c] < rarity[own]:
                        stratum[s.patient[r]] = c
            self.strata = [np.flatnonzero(stratum == k) for k in range(C + 1)]

    def lost(self, w):
        return next((g for g in self.groups if not w[g].any()), None)

    def draw(self, index):
        stream = Stream(self.seed, "bootstrap", index)
        for _ in range(200):
            w = np.zeros(self.n, np.int64)
            for stratum in self.strata:
                w += np.bincount(stratum[stream.below(len(stratum), len(stratum))], minlength=self.n) if len(stratum) else 0
            group = self.lost(w)
            if group is None:
                return w
        while group is not None:
            while True:
                out = stream.below(self.n, 1)[0]
                if w[out] > 0:
                    break
            w[out] -= 1
            w[group[stream.below(len(group), 1)[0]]] += 1
            group = self.lost(w)
        return w

    def weights(self, count):
        return np.array([self.draw(k)[self.s.patient] for k in range(count)], float)


# ---- measures under weights W[draws][records] ------------------------------------------------------------------

def ordered(score, label, W):
    order = np.lexsort((np.arange(len(score)), -score))
    y, w, s = label[order] == 1, W[:, order], score[order]
    starts = np.flatnonzero(np.r_[True, s[1:] != s[:-1]])
    return np.add.reduceat(w * y, starts, 1), np.add.reduceat(w * ~y, starts, 1), s[starts]


def areas(score, label, W):
    """AUROC and average precision, and what thresholds need: cumulated positives and negatives at each distinct score."""
    with np.errstate(all="ignore"):
        p, q, s = ordered(score, label, W)
        P, Q = p.sum(1), q.sum(1)
        cp, cq = p.cumsum(1), q.cumsum(1)
        auroc = (q * (2 * (cp - p) + p)).sum(1) / 2 / (P * Q)
        ap = np.where(p > 0, p * cp / (cp + cq), 0).sum(1) / P
    return auroc, ap, cp, cq, s, P, Q


def ratio(a, b):
    with np.errstate(all="ignore"):
        return np.where(b > 0, a / b, np.nan)


CLASS_MEASURES = ["auroc", "auprc", "f1", "precision", "sensitivity", "specificity", "sensitivity_at", "ppv_at", "brier"]


def class_measures(score, label, W, threshold, specificity, prevalence, probabilities):
    known = label <= 1
    score, label, W = score[known], label[known], W[:, known]
    auroc, ap, cp, cq, s, P, Q = areas(score, label, W)
    allowed = (1 - specificity) * Q * (1 + 1e-12)
    at = np.array([np.r_[0, cp[d][cq[d] <= allowed[d]]].max() for d in range(len(W))])
    tp = W @ ((score >= threshold) & (label == 1)) if threshold is not None else np.full(len(W), np.nan)
    fp = W @ ((score >= threshold) & (label == 0)) if threshold is not None else np.full(len(W), np.nan)
    out = {"auroc": auroc, "auprc": np.where(Q > 0, ap, np.nan), "sensitivity": ratio(tp, P), "specificity": ratio(Q - fp, Q),
           "precision": ratio(tp, tp + fp), "f1": np.where(P > 0, ratio(2 * tp, P + tp + fp), np.nan),
           "sensitivity_at": np.where(Q > 0, ratio(at, P), np.nan), "brier": np.full(len(W), np.nan), "ppv_at": np.full(len(W), np.nan)}
    if probabilities:
        out["brier"] = ratio(W @ (score - label) ** 2, P + Q)
    if prevalence:
        hit, alarm = out["sensitivity"] * prevalence, (1 - out["specificity"]) * (1 - prevalence)
        out["ppv_at"] = ratio(hit, hit + alarm)
    return out, tp, fp, P, Q


def fmax(s, W):
    t = np.arange(101) / 100
    called = (s.score[:, :, None] >= t) & (s.label <= 1)[:, :, None]
    right, calls, positives = (called & (s.label == 1)[:, :, None]).sum(1), called.sum(1), (s.label == 1).sum(1)
    with np.errstate(all="ignore"):
        precision, recall = np.nan_to_num(right / calls), np.nan_to_num(right / positives[:, None])
        p, r = W @ precision / (W @ (calls > 0)), W @ recall / (W @ (positives > 0))[:, None]
        f = np.where(p + r > 0, 2 * p * r / (p + r), 0)
    return np.nan_to_num(f).max(1)


def challenge(s, W, threshold, path):
    if path is None or any(t is None for t in threshold):
        return None
    rows = list(csv.reader(open(path)))
    names, weight = rows[0][1:], np.array([[float(x) for x in r[1:]] for r in rows[1:]])
    place = [next((k for k, n in enumerate(names) if set(n.split("|")) & set(c.split("|"))), None) for c in s.classes]
    sinus = next(k for k, n in enumerate(names) if n in ("426783006", "NSR"))
    if None in place or sinus not in place:
        return None

    def reward(y, x):
        return sum(weight[j, k] for j in np.flatnonzero(y) for k in np.flatnonzero(x)) / max(int((y | x).sum()), 1)

    rewards = np.zeros((3, len(s.ids)))
    normal = np.arange(len(names)) == sinus
    for i in range(len(s.ids)):
        y, x = np.zeros(len(names), bool), np.zeros(len(names), bool)
        for c, k in enumerate(place):
            y[k] |= s.label[i, c] == 1
            x[k] |= s.score[i, c] >= threshold[c]
        rewards[:, i] = reward(y, x), reward(y, y), reward(y, normal)
    observed, correct, inactive = rewards @ W.T
    return np.where(correct == inactive, 0, (observed - inactive) / np.where(correct == inactive, 1, correct - inactive))


class Measures:
    """Every measure of a set under weights: by_class[name][class] and overall[name], each an array over the draws."""

    def __init__(self, s, W, threshold, specificity, prevalence, weights_csv=None, areas_only=False):
        C = len(s.classes)
        probabilities = (s.score >= 0).all() and (s.score <= 1).all()
        each = [class_measures(s.score[:, c], s.label[:, c], W, threshold[c], specificity, prevalence, probabilities) for c in range(C)]
        self.by_class = {m: [e[0][m] for e in each] for m in CLASS_MEASURES}
        defined = [c for c in range(C) if (s.label[:, c] == 1).any() and (s.label[:, c] == 0).any()]
        self.overall = {}
        P, Q = [e[3] for e in each], [e[4] for e in each]
        tp, fp = sum(e[1] for e in each), sum(e[2] for e in each)
        for m in ("auroc", "auprc") + (() if areas_only else ("f1", "precision", "sensitivity", "specificity", "brier")):
            value = self.by_class[m]
            if m == "precision":  # never called counts 0 in averages
                value = [np.where((e[1] + e[2]) <= 0, 0, v) for e, v in zip(each, value)]
            none = np.full(len(W), np.nan)
            self.overall["macro_" + m] = ratio(sum(value[c] for c in defined), sum(1.0 for _ in defined)) if defined else none
            self.overall["weighted_" + m] = ratio(sum(P[c] * value[c] for c in defined), sum(P[c] for c in defined)) if defined else none
        flat = s.label.ravel()
        known = flat <= 1
        big = np.repeat(W, C, 1)[:, known]
        a = areas(s.score.ravel()[known], flat[known], big)
        self.overall["micro_auroc"], self.overall["micro_auprc"] = a[0], a[1]
        if areas_only:
            return
        P, Q = sum(P), sum(Q)
        self.overall.update(micro_f1=ratio(2 * tp, P + tp + fp), micro_precision=ratio(tp, tp + fp), micro_sensitivity=ratio(tp, P),
                            micro_specificity=ratio(Q - fp, Q), micro_brier=np.full(len(W), np.nan), fmax=np.full(len(W), np.nan),
                            challenge2021=np.full(len(W), np.nan))
        if probabilities:
            self.overall["micro_brier"] = ratio(sum(W @ np.where(s.label[:, c] <= 1, (s.score[:, c] - s.label[:, c]) ** 2, 0) for c in range(C)), P + Q)
            self.overall["fmax"] = fmax(s, W)
        score = challenge(s, W, threshold, weights_csv)
        if score is not None:
            self.overall["challenge2021"] = score


# ---- intervals -------------------------------------------------------------------------------------------------

def bias_and_skewness(values, estimate, jackknife):
    n = len(values)
    below = ((values < estimate).sum() + 0.5 * (values == estimate).sum()) / n
    u = jackknife[~np.isnan(jackknife)]
    u = u.mean() - u if len(u) else u
    squares = (u ** 2).sum()
    return norm.ppf(min(max(below, 0.5 / n), 1 - 0.5 / n)), (u ** 3).sum() / (6 * squares ** 1.5) if squares > 0 else 0.0


def interval(kind, values, estimate, jackknife):
    values = np.sort(values[~np.isnan(values)])
    if len(values) == 0 or np.isnan(estimate):
        return np.nan, np.nan
    p = np.array([0.025, 0.975])
    if kind == "bca":
        z0, a = bias_and_skewness(values, estimate, jackknife)
        z = norm.ppf(p)
        p = norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
    return tuple(np.quantile(values, p))


def p_of_zero(kind, values, estimate, jackknife):
    """The p whose interval ends on 0."""
    values = values[~np.isnan(values)]
    n, below, above = len(values), (values <= 0).sum(), (values >= 0).sum()
    share = min(0.5, (min(below, above) + 1) / (n + 1))
    if kind != "bca":
        return min(1, 2 * share)
    z0, a = bias_and_skewness(values, estimate, jackknife)
    u = norm.ppf(share if below <= above else 1 - share) - z0
    return 2 / (n + 1) if 1 + a * u <= 0 else min(1, max(2 / (n + 1), 2 * norm.cdf(-abs(u / (1 + a * u) - z0))))


class Resampled:
    """A set's measures on all records, in the resamples and with groups of patients left out."""

    def __init__(self, s, info, threshold, areas_only=False, weights_csv=None, W=None):
        kind = info["interval"]["kind"]
        self.kind = kind
        if W is None:
            W = Bootstrap(s, info["interval"]["seed"], info["interval"]["stratified"]).weights(info["interval"]["resamples"])
        groups = min(200, s.patient.max() + 1)
        J = (s.patient[None] % groups != np.arange(groups)[:, None]).astype(float) if kind == "bca" else np.zeros((0, len(s.ids)))
        args = (threshold, info["specificity_for_sensitivity"], info["prevalence_for_ppv"], weights_csv, areas_only)
        self.all, self.draws = Measures(s, np.ones((1, len(s.ids))), *args), Measures(s, W, *args)
        self.jack = Measures(s, J, *args) if len(J) else self.draws

    def parts(self, where):
        return where(self.all)[0], where(self.draws), where(self.jack) if self.kind == "bca" else np.empty(0)

    def estimate(self, where):
        value, draws, jack = self.parts(where)
        low, high = interval(self.kind, draws, value, jack)
        return (value, low, high) if low != high else (value, np.nan, np.nan)


class Delong:
    """AUROCs and their covariance by the double sums, patients as clusters (Obuchowski 1997); `parts` of the variances from either side."""

    def __init__(self, scores, label, patient):
        known = label <= 1
        scores, label, patient = [s[known] for s in scores], label[known], patient[known]
        pos, neg = label == 1, label == 0
        m, n = pos.sum(), neg.sum()
        self.ip, self.iq, i = len(np.unique(patient[pos])), len(np.unique(patient[neg])), len(np.unique(patient))
        self.auc, self.cov = [], None
        if self.ip == 0 or self.iq == 0:
            return
        P, Q, size = [], [], patient.max() + 1
        for s in scores:
            psi = (s[pos][:, None] > s[neg][None]) + 0.5 * (s[pos][:, None] == s[neg][None])
            self.auc.append(psi.mean())
            P.append(np.bincount(patient[pos], psi.mean(1) - self.auc[-1], size))
            Q.append(np.bincount(patient[neg], psi.mean(0) - self.auc[-1], size))
        if self.ip < 2 or self.iq < 2:
            return
        P, Q = np.array(P), np.array(Q)
        of_p, of_q = self.ip / (self.ip - 1) * P @ P.T / m ** 2, self.iq / (self.iq - 1) * Q @ Q.T / n ** 2
        self.cov = of_p + of_q + i / (i - 1) * (P @ Q.T + Q @ P.T) / (m * n)
        self.parts = np.diag(of_p), np.diag(of_q)

    def interval(self, k):
        """Ends at which the distance to the estimate is quantile x sqrt(scale x Hanley & McNeil's variance)."""
        m, n, a = self.ip, self.iq, self.auc[k]
        half = (m + n) / 2 - 1
        variance = lambda t: t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
        scale, quantile = 1, norm.ppf(0.975)
        if 0 < a < 1 and self.cov is not None:
            p, q = self.parts[0][k], self.parts[1][k]
            if p + q <= 0:
                return a, a
            scale, rarer = max(self.cov[k, k], 0) / variance(a), min(m, n)
            if scale < 1:
                scale = (rarer * scale + 100) / (rarer + 100)
            quantile = student.ppf(0.975, np.floor((p + q) ** 2 / (p ** 2 / (m - 1) + q ** 2 / (n - 1)) + 1e-9))
        off = lambda t: (a - t) ** 2 - quantile ** 2 * scale * variance(t)
        tiny = 1e-9
        return (brentq(off, 0, a - tiny * a, xtol=1e-15) if a > 0 else 0), (brentq(off, a + tiny * (1 - a), 1, xtol=1e-15) if a < 1 else 1)

    def difference(self):
        """Of the first less the second: value, ends, p, and DeLong's error, z and p."""
        (va, common), (_, vb) = self.cov
        value, error = self.auc[0] - self.auc[1], np.sqrt(max(va + vb - 2 * common, 0))
        r = np.clip(common / np.sqrt(va * vb), -1, 1) if va > 0 and vb > 0 else 0
        ha, hb = ((high - low) / 2 for low, high in (self.interval(0), self.interval(1)))
        half = max(np.sqrt(max(ha ** 2 + hb ** 2 - 2 * r * ha * hb, 0)), norm.ppf(0.975) * error)
        z, p = value / error if error > 0 else 0, 2 * norm.cdf(-norm.ppf(0.975) * abs(value) / half) if half > 0 else 1
        return {"difference": value, "low": value - half, "high": value + half, "p": p, "standard_error": error, "z": z,
                "p_wald": 2 * norm.cdf(-abs(z))}


def defined_classes(s):
    return [c for c in range(len(s.classes)) if (s.label[:, c] == 1).any() and (s.label[:, c] == 0).any()]


def is_one_class(s, average):
    """Whether an average is over a single class, whose interval it has then."""
    return len(defined_classes(s)) == 1 and (average in ("macro", "weighted") or len(s.classes) == 1)


SHARES = ("sensitivity", "specificity", "precision")


def share_with_interval(hit, counted, patient):
    """Wilson's interval of a share; the records are divided by how much their belonging to patients adds to its variance."""
    n = counted.sum()
    if n == 0:
        return (np.nan,) * 3
    size = patient.max() + 1
    hits, records = np.bincount(patient[counted], hit[counted], size), np.bincount(patient[counted], minlength=size)
    p, z = hits.sum() / n, norm.ppf(0.975)
    squares = ((hits - p * records) ** 2).sum()
    effective = min(n, p * (1 - p) * n ** 2 / squares) if squares > 0 else (records > 0).sum()
    centre, half = p + z * z / (2 * effective), z * np.sqrt(p * (1 - p) / effective + z * z / (4 * effective ** 2))
    return p, (centre - half) / (1 + z * z / effective) if p > 0 else 0, (centre + half) / (1 + z * z / effective) if p < 1 else 1


def class_estimate(s, r, c, measure, threshold):
    """A measure of a class with the interval that belongs to it."""
    if measure == "auroc":
        return auroc_with_interval(s, c)
    if measure not in SHARES or threshold is None:
        return r.estimate(lambda v: v.by_class[measure][c])
    known, positive, called = s.label[:, c] <= 1, s.label[:, c] == 1, s.score[:, c] >= threshold
    hit, counted = {"sensitivity": (called, positive), "specificity": (~called, ~positive), "precision": (positive, called)}[measure]
    return share_with_interval(hit, counted & known, s.patient)


def auroc_with_interval(s, c):
    d = Delong([s.score[:, c]], s.label[:, c], s.patient)
    return (d.auc[0],) + d.interval(0) if d.auc else (np.nan,) * 3


# ---- thresholds, calibration -------------------------------------------------------------------------------

def best_f1(score, label):
    known = label <= 1
    score, label = score[known], label[known]
    if not (label == 1).any() or not (label == 0).any():
        return None
    cuts = np.unique(score)[::-1]
    f = [2 * ((score >= t) & (label == 1)).sum() / ((label == 1).sum() + (score >= t).sum()) for t in cuts]
    k = int(np.argmax(f))
    return (cuts[k] + cuts[k + 1]) / 2 if k + 1 < len(cuts) else cuts[k]


def logit(p):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def scaled(p, temperature):
    return 1 / (1 + np.exp(-logit(p) / temperature))


def temperature_of(score, label):
    from scipy.optimize import brentq
    from scipy.special import expit
    known = label.ravel() <= 1
    z, y = logit(score.ravel()[known]), label.ravel()[known]
    slope = lambda a: ((expit(a * z) - y) * z).sum()
    return 1 / brentq(slope, 1e-3, 1e3, xtol=1e-14, rtol=1e-14)


def reliability(score, label, bins=10):
    known = label <= 1
    order = np.argsort(score[known], kind="stable")
    s, y, out, at = score[known][order], label[known][order], [], 0
    while at < len(s) and len(out) < bins:
        target, end = (len(s) - at) // (bins - len(out)), at + 1
        while end < len(s) and (end - at < target or len(out) == bins - 1 or s[end] == s[end - 1]):
            end += 1
        out.append((s[at:end].mean(), y[at:end].mean(), end - at, int(y[at:end].sum())))
        at = end
    return out


def calibration_error(bins):
    n = sum(b[2] for b in bins)
    return sum(b[2] * abs(b[0] - b[1]) for b in bins) / n if n else np.nan


# ---- checking ------------------------------------------------------------------------------------------------

class Check:
    def __init__(self):
        self.compared, self.wrong, self.triples, self.values = 0, [], [], {}

    def number(self, where, found, expected, tolerance=TOLERANCE):
        self.compared += 1
        none = expected is None or (isinstance(expected, (float, np.floating)) and np.isnan(expected))
        if found is None or none:
            if not (found is None and none):
                self.wrong.append(f"{where}: found {found}, recomputed {expected}")
        elif not abs(found - expected) <= tolerance * max(1, abs(expected)):
            self.wrong.append(f"{where}: found {found!r}, recomputed {float(expected)!r}")

    def estimate(self, where, found, expected, tolerance=TOLERANCE):
        if found is None:
            self.number(where, None, expected[0])
            return
        for key, value in zip(("value", "low", "high"), expected):
            self.number(f"{where}.{key}", found[key], value, tolerance)
        self.triples.append(expected)


def read_model(path):
    with open(path, "rb") as f:
        return json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]


def check_thresholds(check, info, s, predictions, labels, model):
    metadata = read_model(model) if model else None
    validation = None
    if info["validation_records"]:
        name, _, part = info["split"].rpartition(":")
        split = f"{name}:validation" if name else "validation"
        validation = read_set(predictions, labels, info["task"], split, s.classes, False)
        check.number("validation_records", info["validation_records"], len(validation.ids))
        check.number("temperature", info["temperature"], temperature_of(validation.score, validation.label), 1e-7)
    if metadata:
        check.number("model_temperature", info["model_temperature"], json.loads(metadata["temperature"])[0])
    out = []
    for c, entry in enumerate(info["classes"]):
        expected = entry["threshold"]
        if entry["threshold_from"] == "validation":
            expected = best_f1(validation.score[:, c], validation.label[:, c])
        elif entry["threshold_from"] == "model":
            stored = dict(zip(json.loads(metadata["classes"]), json.loads(metadata["thresholds"])))
            expected = stored[entry["name"]]
        elif entry["threshold_from"] == "default 0.5":
            expected = 0.5
        check.number(f"{entry['name']}.threshold", entry["threshold"], expected)
        out.append(entry["threshold"])
    return out


def check_scikit(check, entry, score, label, threshold):
    """The values of a class once more, by scikit-learn."""
    known = label <= 1
    score, label = score[known], label[known]
    if len(np.unique(label)) < 2:
        return
    m, name = entry["measures"], entry["name"] + " by scikit-learn: "
    check.number(name + "auroc", m["auroc"]["value"], roc_auc_score(label, score))
    check.number(name + "auprc", m["auprc"]["value"], average_precision_score(label, score))
    if m["brier"]:
        check.number(name + "brier", m["brier"]["value"], brier_score_loss(label, score))
    if threshold is not None:
        call = (score >= threshold).astype(int)
        check.number(name + "f1", m["f1"]["value"], f1_score(label, call))
        check.number(name + "sensitivity", m["sensitivity"]["value"], recall_score(label, call))
        if m["precision"]:
            check.number(name + "precision", m["precision"]["value"], precision_score(label, call))


def check_class(check, info, entry, c, s, r, threshold):
    name, y = entry["name"], s.label[:, c]
    known = y <= 1
    positives, negatives = int((y == 1).sum()), int((y == 0).sum())
    check.number(name + ".positives", entry["positives"], positives)
    check.number(name + ".negatives", entry["negatives"], negatives)
    for key, side in (("positive_patients", 1), ("negative_patients", 0)):
        check.number(f"{name}.{key}", entry[key], len(np.unique(s.patient[y == side])))
    check.number(name + ".prevalence", entry["prevalence"], positives / (positives + negatives) if positives + negatives else np.nan)
    for m in CLASS_MEASURES:
        expected = class_estimate(s, r, c, m, threshold)
        check.estimate(f"{name}.{m}", entry["measures"][m], expected)
    check_scikit(check, entry, s.score[:, c], y, threshold)
    if threshold is not None:
        call = s.score[:, c] >= threshold
        for key, value in (("true_positives", call & (y == 1)), ("false_positives", call & (y == 0)), ("false_negatives", ~call & (y == 1)),
                           ("true_negatives", ~call & (y == 0))):
            check.number(f"{name}.{key}", entry["confusion"][key], int(value.sum()))
    check.estimate(name + ".auroc_bootstrap", entry["auroc_bootstrap"], r.estimate(lambda v: v.by_class["auroc"][c]))
    if entry["calibration_error"] is None:
        return
    bins = reliability(s.score[:, c], y)
    check.number(name + ".calibration_error", entry["calibration_error"], calibration_error(bins))
    for k, (found, expected) in enumerate(zip(entry["reliability"], bins)):
        for key, value in zip(("predicted", "observed", "records", "positives"), expected):
            check.number(f"{name}.reliability[{k}].{key}", found[key], value)
    check.number(name + ".bins", len(entry["reliability"]), len(bins))
    for key, t in (("calibration_error_scaled", info["temperature"]), ("calibration_error_unscaled", 1 / info["model_temperature"] if info["model_temperature"] else None)):
        check.number(f"{name}.{key}", entry[key], calibration_error(reliability(scaled(s.score[:, c], t), y)) if t else None, 1e-7)


def group_rows(kind, name, s):
    if kind == "sex":
        return np.flatnonzero(s.sex == {"male": 0, "female": 1, "unknown": 255}[name])
    if kind == "age":
        low, high = {"under 40": (0, 40), "40-59": (40, 60), "60-74": (60, 75), "75 and over": (75, 1000), "unknown": (-1, 0)}[name]
        return np.flatnonzero((s.age >= low) & (s.age < high))
    source = np.array([x or "unknown" for x in s.source])
    return np.flatnonzero((source == name) == (kind == "source"))


def check_group(check, info, g, s):
    part, where = s.take(group_rows(g["kind"], g["name"], s)), f"{g['kind']} {g['name']}"
    check.number(where + ".records", g["records"], len(part.ids))
    check.number(where + ".patients", g["patients"], part.patient.max() + 1)
    check.number(where + ".positives", g["positives"], int((part.label == 1).sum()))
    r = Resampled(part, info, [None] * len(s.classes), areas_only=True)
    defined = defined_classes(part)
    for c, entry in enumerate(g["classes"]):
        check.number(f"{where}.{entry['name']}.positives", entry["positives"], int((part.label[:, c] == 1).sum()))
        check.number(f"{where}.{entry['name']}.negatives", entry["negatives"], int((part.label[:, c] == 0).sum()))
        check.estimate(f"{where}.{entry['name']}.auroc", entry["auroc"], auroc_with_interval(part, c))
    check.number(where + ".classes_defined", g["classes_defined"], len(defined))
    macro = [auroc_with_interval(part, c) for c in defined] if len(defined) == 1 else [r.estimate(lambda v: v.overall["macro_auroc"])]
    check.estimate(where + ".macro_auroc", g["macro_auroc"], macro[0] if defined else (np.nan,) * 3)


def expected_groups(s):
    out = [("sex", n) for n in ("male", "female")] + [("sex", "unknown")] * int((s.sex < 2).any())
    out += [("age", n) for n in ("under 40", "40-59", "60-74", "75 and over")] + [("age", "unknown")] * int((s.age >= 0).any())
    sources = list(dict.fromkeys(x or "unknown" for x in s.source))
    if len(sources) > 1:
        out += [(k, n) for k in ("source", "without source") for n in sources]
    return [(k, n) for k, n in out if len(group_rows(k, n, s))]


def check_evaluation(check, info, s, r, threshold):
    check.number("records", info["records"], len(s.ids))
    check.number("patients", info["patients"], s.patient.max() + 1)
    check.number("classes_defined", info["classes_defined"], len(defined_classes(s)))
    for m, found in info["overall"].items():
        expected = r.estimate(lambda v: v.overall[m])
        average, _, measure = m.partition("_")
        if measure in ("auroc",) + SHARES and is_one_class(s, average):
            c = defined_classes(s)[0]
            one = class_estimate(s, r, c, measure, threshold[c])
            expected = expected if np.isnan(one[0]) else one
        check.estimate(m, found, expected, FMAX_TOLERANCE if m == "fmax" else TOLERANCE)
    for c, entry in enumerate(info["classes"]):
        check_class(check, info, entry, c, s, r, threshold[c])
    found = [(g["kind"], g["name"]) for g in info["groups"]]
    if found != expected_groups(s):
        check.wrong.append(f"groups: found {found}, recomputed {expected_groups(s)}")
    for g in info["groups"]:
        check_group(check, info, g, s)


def holm(p):
    order, out, last = np.argsort(p, kind="stable"), np.zeros(len(p)), 0.0
    for rank, k in enumerate(order):
        last = out[k] = min(1, max(last, p[k] * (len(p) - rank)))
    return out


def check_differences(check, model, first, own, kind, sets):
    for m, found in model["difference_to_first"].items():
        (va, da, ja), (vb, db, jb) = own.parts(lambda v: v.overall[m]), first.parts(lambda v: v.overall[m])
        d = da - db
        expected = (va - vb,) + interval(kind, d.copy(), va - vb, ja - jb)
        tolerance = 2 * FMAX_TOLERANCE if m == "fmax" else TOLERANCE
        p = p_of_zero(kind, d, va - vb, ja - jb)
        if m.endswith("_auroc") and is_one_class(sets[0], m.partition("_")[0]):
            c = defined_classes(sets[0])[0]
            test = Delong([sets[1].score[:, c], sets[0].score[:, c]], sets[0].label[:, c], sets[0].patient)
            if test.cov is not None:
                expected, p = [test.difference()[k] for k in ("difference", "low", "high")], test.difference()["p"]
        check.estimate("difference of " + m, found, expected, tolerance)
        check.number(f"difference of {m}.p", found["p"], p, 2.1 / len(d) if m == "fmax" else TOLERANCE)
    p, found = [], []
    for c, entry in enumerate(model["classes"]):
        d = Delong([sets[1].score[:, c], sets[0].score[:, c]], sets[0].label[:, c], sets[0].patient)
        if ("delong" in entry) != (d.cov is not None):
            check.wrong.append(f"{entry['name']}: DeLong's test should {'not ' if d.cov is None else ''}exist")
        if d.cov is None:
            continue
        expected = d.difference()
        for key, x in expected.items():
            check.number(f"{entry['name']}.delong.{key}", entry["delong"][key], x)
        check.triples.append(tuple(expected[key] for key in ("difference", "low", "high")))
        p.append(expected["p"])
        found.append(entry)
    for entry, x in zip(found, holm(np.array(p))):
        check.number(entry["name"] + ".delong.p_holm", entry["delong"]["p_holm"], x)


def check_csv(check, path):
    """Every value with its interval in the CSV is one that was recomputed."""
    known = {tuple(f"{x:.6f}" for x in t if not np.isnan(x)) for t in check.triples}
    rows = 0
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            rows += 1
            if not row["low"]:
                continue
            check.compared += 1
            near = any(abs(a - float(row["value"])) < 5e-6 and abs(b - float(row["low"])) < 5e-6 and abs(c - float(row["high"])) < 5e-6
                       for a, b, c in check.triples) if tuple(f"{float(row[k]):.6f}" for k in ("value", "low", "high")) not in known else True
            if not near:
                check.wrong.append(f"{path}: {row} was not recomputed")
    return rows


def check_html(check, path):
    """Every "value [low, high]" of the report is one that was recomputed, to its three digits."""
    page, rounded = open(path, encoding="utf-8").read(), np.array([t for t in check.triples if not np.isnan(t).any()])
    found = re.findall(r"([+-]?\d+\.\d{3}) <i>\[([+-]?\d+\.\d{3}), ([+-]?\d+\.\d{3})\]</i>", page)
    for triple in set(found):
        check.compared += 1
        if not (np.abs(rounded - np.array([float(x) for x in triple])).max(1) < 5.1e-4 + 1e-5).any():
            check.wrong.append(f"{path}: {triple[0]} [{triple[1]}, {triple[2]}] was not recomputed")
    return len(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result")
    parser.add_argument("predictions", nargs="+")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--weights", help="weights of the Challenge 2021 by the names that the classes have (codes or abbreviations), where its score is in the result")
    parser.add_argument("--csv")
    parser.add_argument("--html")
    a = parser.parse_args()
    result = json.load(open(a.result))
    comparison = result["format"] == "physioclr-comparison"
    infos = [m["evaluation"] for m in result["models"]] if comparison else [result]
    if len(infos) != len(a.predictions) or (a.model and len(a.model) != len(infos)):
        sys.exit(f"{a.result} has {len(infos)} systems; give as many prediction files and models")
    sets = [read_set(p, a.labels, i["task"], i["split"], [c["name"] for c in i["classes"]], i["unit"] == "segment") for p, i in zip(a.predictions, infos)]
    if comparison:
        shared = set.intersection(*(set(s.ids) for s in sets))
        sets = [s.take([k for k, r in enumerate(s.ids) if r in shared]) for s in sets]
    check, resampled = Check(), []
    W = None
    for k, (info, s) in enumerate(zip(infos, sets)):
        threshold = check_thresholds(check, info, s, a.predictions[k], a.labels, a.model[k] if a.model else None)
        if W is None:
            W = Bootstrap(s, info["interval"]["seed"], info["interval"]["stratified"]).weights(info["interval"]["resamples"])
        resampled.append(Resampled(s, info, threshold, weights_csv=a.weights, W=W))
        check_evaluation(check, info, s, resampled[-1], threshold)
    for k, model in enumerate(result["models"] if comparison else []):
        for m, found in model["overall"].items():
            if found != infos[k]["overall"][m]:
                check.wrong.append(f"{m}: the comparison and the evaluation of system {k + 1} differ")
        if k > 0:
            check_differences(check, model, resampled[0], resampled[k], infos[0]["interval"]["kind"], (sets[0], sets[k]))
    rows = check_csv(check, a.csv) if a.csv else 0
    shown = check_html(check, a.html) if a.html else 0
    for line in check.wrong[:40]:
        print("WRONG", line)
    print(f"{check.compared} numbers compared ({rows} rows of CSV, {shown} intervals of the report), {len(check.wrong)} differ")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
