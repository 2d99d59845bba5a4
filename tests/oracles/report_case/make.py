#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small case for recompute_report.py: labels.csv, a.csv, b.csv and segments.csv beside this script. Patients with several records in two
sources, unknown labels, ties, a class with two positive patients, one without positives, one with the same score everywhere."""
import os

import numpy as np

rng = np.random.default_rng(7)
here = os.path.dirname(os.path.abspath(__file__))
n, classes = 230, ["A", "B & C", "rare", "absent", "constant"]
patient = np.sort(rng.integers(0, 150, n))
test = (patient % 3 > 0)
share = np.array([0.4, 0.2, 0.0, 0.0, 0.3])
y = (rng.random((n, 5)) < share).astype(int)
y[np.flatnonzero(test)[[3, 60]], 2] = 1
y[np.flatnonzero(~test)[[2, 30]], 2] = 1
unknown = rng.random((n, 5)) < 0.03
age, sex = rng.integers(20, 95, n), rng.integers(0, 2, n)


def write(name, head, rows):
    with open(os.path.join(here, name), "w") as f:
        f.write(",".join(head) + "\n" + "".join(",".join(map(str, r)) + "\n" for r in rows))


label = [["" if u else v for u, v in zip(unknown[i], y[i])] for i in range(n)]
write("labels.csv", ["record_id", "patient_id", "source", "age", "sex", "part"] + classes,
      [[f"r{i:03d}", f"p{patient[i]}", ["first", "second"][int(patient[i] % 5 == 0)], "" if i % 17 == 0 else age[i], sex[i],
        "test" if test[i] else "validation"] + label[i] for i in range(n)])
for name, strength in (("a.csv", 1.6), ("b.csv", 0.9)):
    score = np.round(1 / (1 + np.exp(-(strength * (2 * y - 1) + rng.normal(size=(n, 5))))), 2)
    score[:, 4] = 0.25 if name == "a.csv" else score[:, 4]
    write(name, ["record_id"] + classes, [[f"r{i:03d}"] + list(score[i]) for i in range(n) if name == "a.csv" or i % 40])
score = np.round(1 / (1 + np.exp(-(2 * y[:, :2] - 1 + rng.normal(size=(n, 2))))), 3)
write("segments.csv", ["record_id", "segment"] + classes[:2],
      [[f"r{i:03d}", k] + list(np.round(np.clip(score[i] + 0.1 * rng.normal(size=2), 0, 1), 3)) for i in range(n) for k in range(1 + i % 3)])
