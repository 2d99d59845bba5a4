#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings of the MIT-BIH Arrhythmia Database with muscle noise, and sleepecg's beats in them (docs/physiology.md, "R peaks in noise").

usage: noise_stress.py MITDB NSTDB OUT [SNR ...]

For each signal-to-noise ratio in dB (12 6 0) writes OUT/SNR/RECORD.{hea,dat,atr} and OUT/SNR/sleepecg.csv. Signal 0 is used; the
first five minutes stay clean; the noise is the first channel of the record `ma`, repeated. As in the Noise Stress Test Database the
signal's power is an eighth of the squared mean peak-to-peak height of the QRS complexes (within 50 ms of the mark, largest and smallest
5 % left out), the noise's its variance.
"""
import csv
import glob
import os
import shutil
import sys

import numpy as np
import sleepecg
import wfdb

BEATS = set("NLRBAaJSVrFejnE/fQ?")


def qrs_power(x, rate, peaks):
    reach = int(0.05 * rate)
    height = np.sort([np.ptp(x[max(0, p - reach) : p + reach + 1]) for p in peaks])
    cut = len(height) // 20
    return np.mean(height[cut : len(height) - cut]) ** 2 / 8


def main(mitdb, nstdb, out, ratios):
    noise = np.nan_to_num(wfdb.rdrecord(os.path.join(nstdb, "ma")).p_signal[:, 0])
    noise -= noise.mean()
    for ratio in ratios:
        folder = os.path.join(out, f"{ratio:g}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "sleepecg.csv"), "w", newline="") as f:
            table = csv.writer(f)
            table.writerow(["record", "lead", "wave", "onset", "peak", "offset"])
            for path in sorted(p[:-4] for p in glob.glob(os.path.join(mitdb, "*.hea"))):
                name, r, a = os.path.basename(path), wfdb.rdrecord(path, channels=[0]), wfdb.rdann(path, "atr")
                x = np.nan_to_num(r.p_signal[:, 0])
                power = qrs_power(x, r.fs, [s for s, y in zip(a.sample, a.symbol) if y in BEATS])
                start = int(300 * r.fs)
                x[start:] += np.resize(noise, len(x) - start) * np.sqrt(power / 10 ** (ratio / 10) / noise.var())
                wfdb.wrsamp(name, r.fs, ["mV"], r.sig_name, p_signal=x[:, None], fmt=["16"], adc_gain=[1000], baseline=[0], write_dir=folder)
                shutil.copy(path + ".atr", folder)
                table.writerows([name, "global", "QRS", "", int(s), ""] for s in sleepecg.detect_heartbeats(x, r.fs))


if len(sys.argv) < 4:
    sys.exit(__doc__)
main(*sys.argv[1:4], [float(s) for s in sys.argv[4:]] or [12.0, 6.0, 0.0])
