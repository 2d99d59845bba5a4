#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Macro AUROC of runs over several seeds and paired differences, from the validation.csv that training leaves.

    compare_runs.py DATASET.h5 TASK tuned=ft-1,ft-2,ft-3 scratch=sc-1,sc-2,sc-3 tuned-scratch > result.json

A word NAME=RUN,RUN,... names the run folders of one system; a word A-B asks for the difference of two named systems. Intervals: 95 %,
500 bootstrap draws of patients and of seeds, the same patients for every system. Needs numpy, scipy and h5py.
"""
import csv
import json
import sys

import h5py
import numpy as np
from scipy.stats import rankdata

DRAWS = 500


def texts(values):
    return [v.decode() if isinstance(v, bytes) else v for v in values]


def auroc(label, score):
    rank, positive = rankdata(score), label == 1
    n = positive.sum()
    return (rank[positive].sum() - n * (n + 1) / 2) / (n * (len(label) - n))


def macro(score, label):
    """Mean over the classes that have both positives and negatives."""
    return np.mean([auroc(label[:, c], score[:, c]) for c in range(label.shape[1]) if 0 < label[:, c].sum() < len(label)])


def read_run(folder):
    with open(f"{folder}/validation.csv", newline="") as f:
        rows = list(csv.reader(f))
    return {row[0]: np.array(row[1:], float) for row in rows[1:]}


def patients_of(names):
    groups = {}
    for k, name in enumerate(names):
        groups.setdefault(name, []).append(k)
    return list(groups.values())


def summary(value, draws):
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def main(dataset, task, words):
    systems = {w.split("=")[0]: [read_run(r) for r in w.split("=")[1].split(",")] for w in words if "=" in w}
    pairs = [w.split("-", 1) for w in words if "=" not in w]
    with h5py.File(dataset) as f:
        row = {name: k for k, name in enumerate(texts(f["records/id"][:]))}
        patient, label = texts(f["records/patient"][:]), f["labels"][task][:]
    common = sorted(set.intersection(*[set(run) for runs in systems.values() for run in runs]))
    label = label[[row[name] for name in common]]
    groups = patients_of([patient[row[name]] or name for name in common])  # a recording without a patient is its own
    score = {name: [np.array([run[r] for r in common]) for run in runs] for name, runs in systems.items()}
    random, draws = np.random.default_rng(1), {name: [] for name in score}
    for _ in range(DRAWS):
        chosen = np.concatenate([groups[k] for k in random.integers(0, len(groups), len(groups))])
        for name, runs in score.items():
            seeds = random.integers(0, len(runs), len(runs))
            draws[name].append(np.mean([macro(runs[s][chosen], label[chosen]) for s in seeds]))
    mean = {name: float(np.mean([macro(run, label) for run in runs])) for name, runs in score.items()}
    result = {name: {"seeds": len(score[name]), **summary(mean[name], draws[name])} for name in score}
    for a, b in pairs:
        result[f"{a} - {b}"] = summary(mean[a] - mean[b], np.array(draws[a]) - np.array(draws[b]))
    json.dump({"task": task, "records": len(common), "patients": len(groups), "systems": result}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
