#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WFDB wave marks (`(`, `p` `N` `t`, `)`) of all recordings of a folder in the form that `physioclr fiducials` writes.

usage: marks_csv.py FOLDER EXTENSION > truth.csv

One row a wave, lead `global`.
"""
import csv
import glob
import os
import sys

import wfdb

WAVE = {"p": "P", "N": "QRS", "t": "T"}
if len(sys.argv) != 3:
    sys.exit(__doc__)
table = csv.writer(sys.stdout)
table.writerow(["record", "lead", "wave", "onset", "peak", "offset"])
for path in sorted(p[:-4] for p in glob.glob(os.path.join(sys.argv[1], "**", "*.hea"), recursive=True)):
    a = wfdb.rdann(path, sys.argv[2])
    for k, symbol in enumerate(a.symbol):
        if symbol in WAVE:
            before = a.sample[k - 1] if k and a.symbol[k - 1] == "(" else ""
            after = a.sample[k + 1] if k + 1 < len(a.symbol) and a.symbol[k + 1] == ")" else ""
            table.writerow([os.path.basename(path), "global", WAVE[symbol], before, a.sample[k], after])
