# SPDX-License-Identifier: Apache-2.0
"""Learning rates by PyTorch, logistic regressions by scikit-learn, temperature by SciPy, patient order by hashlib.

    python3 tests/oracles/training.py > tests/oracles/training.txt

Inputs are made of sines, so that the C test makes the same. A line is "NAME V0 V1 ...".
"""
import hashlib
import math
import warnings

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")


def waves(count, seed):
    return np.array([math.sin(math.fmod(0.7 * k * k, 97.0) + 1.3 * k + seed) for k in range(count)], np.float32).astype(float)


def line(name, values):
    print(name, *("%.12g" % v for v in values))


# one_cycle, peak 1, rising for a quarter of 40 steps
optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1.0, total_steps=40, pct_start=0.25)
rates = []
for _ in range(40):
    rates.append(optimiser.param_groups[0]["lr"])
    optimiser.step()
    schedule.step() if len(rates) < 40 else None
line("one_cycle", rates)

# 60 records, 7 inputs, 3 classes of which the third has no positive; labels of some records are unknown in class 1
n, d = 60, 7
x = waves(n * d, 1.0).reshape(n, d)
score = x @ waves(d, 5.0) + 0.5 * waves(n, 9.0)
label = np.stack([score > 0.2, waves(n, 3.0) + x[:, 0] > 0.4, np.zeros(n, bool)], 1).astype(int)
known = np.ones((n, 3), bool)
known[::5, 1] = False
for strength in (1e-3, 1e-1):
    for k in range(2):
        use = known[:, k]
        fit = LogisticRegression(C=1 / (strength * use.sum()), tol=1e-12, max_iter=100000).fit(x[use], label[use, k])
        line("logistic.%g.%d" % (strength, k), [*fit.coef_[0], fit.intercept_[0]])

# temperature of logits three times too large
logit = 3 * np.stack([score, x[:, 1]], 1)
target = label[:, :2]
mask = known[:, :2]


def loss(log_t):
    z = logit / math.exp(log_t)
    return (np.logaddexp(0, z) - target * z)[mask].sum()


line("temperature", [math.exp(minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded", options={"xatol": 1e-10}).x)])

# the first round(0.25 * 30) of patients 100 .. 129
order = sorted(range(100, 130), key=lambda p: hashlib.sha1(f"42:{p}".encode()).hexdigest())
line("patients", sorted(order[: round(0.25 * 30)]))
