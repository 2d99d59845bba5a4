#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of today's tools on simulated records: peers.py RECORDS_FOLDER.

Prints one JSON object a line, {"name", "peer", "peer_value"}, for every package that is installed; names and units are those of
`physioclr bench`. Each figure is the best of several runs on one core unless the tool itself uses more. Networks: peer_networks.py.
"""
import glob
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")


def tell(name, module, value, label=None):
    version = getattr(module, "__version__", "")
    print(json.dumps({"name": name, "peer": f"{label or module.__name__} {version}".strip(), "peer_value": value}), flush=True)


def best_of(runs, work):
    """Seconds of the fastest of `runs` calls."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def read_wfdb(paths):
    import wfdb

    seconds = best_of(3, lambda: [wfdb.rdrecord(p) for p in paths])
    tell("read_wfdb16", wfdb, 1e3 * seconds / len(paths))
    return [wfdb.rdrecord(p).p_signal for p in paths[:4]]


def delineate(signals, rate):
    import neurokit2 as nk

    def one_lead(x):
        clean = nk.ecg_clean(x, sampling_rate=rate)
        _, peaks = nk.ecg_peaks(clean, sampling_rate=rate)
        nk.ecg_delineate(clean, peaks, sampling_rate=rate, method="dwt")

    def all_leads():
        for x in signals:
            for lead in range(x.shape[1]):
                try:
                    one_lead(x[:, lead])
                except (ValueError, IndexError, ZeroDivisionError):
                    pass  # it gives up on some leads; the time until then counts

    one_lead(signals[0][:, 1])
    seconds = best_of(2, all_leads)
    tell("fiducials", nk, 1e3 * seconds / len(signals), "NeuroKit2 clean + peaks + dwt, 12 leads,")
    tell("features", nk, 1e3 * seconds / len(signals), "NeuroKit2 clean + peaks + dwt, 12 leads, without features,")


def detect(signals, rate):
    import sleepecg

    leads = [x[:, 1].copy() for x in signals]
    seconds = best_of(20, lambda: [sleepecg.detect_heartbeats(x, rate) for x in leads])
    tell("r_peaks", sleepecg, 1e3 * seconds / len(leads), "sleepecg, one lead,")


def bootstrap():
    """Macro AUROC and average precision in 1,000 resamples of 20,000 records and 26 classes, from the time of three."""
    import numpy as np
    import sklearn
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(1)
    label = (rng.random((20000, 26)) < 0.4 * (26 - np.arange(26)) / 26 / (1 + np.arange(26) // 4)).astype(int)
    score = 0.5 * rng.random((20000, 26)) + 0.1 + 0.2 * label

    def resamples():
        for _ in range(3):
            drawn = rng.integers(0, 20000, 20000)
            roc_auc_score(label[drawn], score[drawn], average="macro")
            average_precision_score(label[drawn], score[drawn], average="macro")

    tell("bootstrap_1000x26x20000", sklearn, best_of(1, resamples) * 1000 / 3, "scikit-learn, AUROC and AP only,")


def attempt(what, *arguments):
    try:
        return what(*arguments)
    except ImportError as missing:
        print(f"peers: {missing.name} is not installed: {what.__name__} left out", file=sys.stderr)
        return None


def main():
    folder = sys.argv[1]
    paths = sorted(p[:-4] for p in glob.glob(os.path.join(folder, "**", "*.hea"), recursive=True))
    if not paths:
        sys.exit(f"{folder}: no records")
    signals = attempt(read_wfdb, paths)
    if signals:
        attempt(detect, signals, 500)
        attempt(delineate, signals, 500)
    attempt(bootstrap)


if __name__ == "__main__":
    main()
