#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the delineator's networks and writes src/physio/delineator_weights.c (docs/physiology.md, "How the networks were trained").

usage: train_delineator.py rows   --data DIR --library libdelineator_windows.so --work DIR
       train_delineator.py all    --work DIR [-o delineator_weights.c]
       train_delineator.py halves --work DIR

rows    reads ludb/, qtdb/, ptbxl/, cinc2017/ and nstdb/ in the data folder and writes what the networks see to WORK/rows.npz
all     trains on all of it and writes the weights
halves  trains on each half of the LUDB and QTDB records (by the parity of the MD5 of the record's name), prints how each network does on
        the beats of the other half, and writes WORK/half0.c and WORK/half1.c: halfN.c was trained on half N. Rhythm labels of PTB-XL
        and the 2017 challenge serve in both: their patients are in neither LUDB nor QTDB.

Needs numpy, scipy, wfdb and torch. One thread, a fixed seed.
"""
import argparse
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "delineator"))
import networks
import recordings
import rows
import weights


def make_rows(a):
    learn, measure = rows.make(recordings.Library(a.library), a.data)
    os.makedirs(a.work, exist_ok=True)
    np.savez(os.path.join(a.work, "rows.npz"), **learn)
    np.savez(os.path.join(a.work, "measure.npz"), **measure)


def load(a):
    learn = dict(np.load(os.path.join(a.work, "rows.npz")))
    strip = torch.tensor(learn.pop("strip")).reshape(-1, 4, networks.STRIP)
    return networks.Table(learn), strip


def train(table, strip, chosen, rhythm_weight):
    beat = networks.train_beat(table, chosen)
    marked = chosen & table.marked
    return beat, networks.train_presence(table, chosen, rhythm_weight), networks.train_points(table, strip, beat, marked)



def report(table, strip, beat, presence, points, chosen):
    """Errors in ms and presence in % of the rows `chosen`, by source; a beat counts in the errors when it lies within 150 ms."""
    for source in ("ludb", "qtdb"):
        index = table.subset(chosen & (table.rows["source"] == source))
        x, y = table.x[index], table.y[index].numpy()
        first = networks.estimate(table, beat, x)
        place = networks.refine(table, strip[index], x, first[:, : networks.POINTS], points).numpy()
        error = 4.0 * (place - y[:, : networks.POINTS])
        error[np.abs(error) > 150] = np.nan
        line = ", ".join(f"{n} {np.nanmean(e):+.1f}±{np.nanstd(e):.1f}" for n, e in zip(recordings.POINTS, error.T))
        score = {recordings.P_PRESENT: networks.p_score(table, presence, table.rhythm[index]), recordings.T_PRESENT: first[:, -1]}
        for name, column in (("P", recordings.P_PRESENT), ("T", recordings.T_PRESENT)):
            said, true = score[column].numpy() > 0, y[:, column]
            hit, false, missed = (said & (true == 1)).sum(), (said & (true == 0)).sum(), (~said & (true == 1)).sum()
            line += f"; {name} sensitivity {100 * hit / (hit + missed):.2f} F1 {200 * hit / (2 * hit + false + missed):.2f}"
        print(f"{source}: {line}", flush=True)


def report_rhythm(a, table, presence):
    measure = dict(np.load(os.path.join(a.work, "measure.npz")))
    said = networks.p_score(table, presence, torch.tensor(measure["x"][:, networks.RHYTHM])).numpy() > 0
    true = measure["y"][:, recordings.P_PRESENT]
    for kind, name in ((rows.AS_RECORDED, "twelve leads"), (rows.FEWER_LEADS, "one or two noisy leads")):
        k = measure["kind"] == kind
        print(f"PTB-XL fold 8, {name}: P absent in fibrillation {100 * (~said[k & (true == 0)]).mean():.1f} %, "
              f"present in sinus rhythm {100 * said[k & (true == 1)].mean():.1f} %", flush=True)


def halves(a):
    table, strip = load(a)
    for h in (0, 1):
        inside = (table.rows["half"] == h) | ~table.marked
        beat, presence, points = train(table, strip, inside, 1.0)
        print(f"trained on half {h}, measured on half {1 - h}")
        report(table, strip, beat, presence, points, ~inside & (table.rows["kind"] == rows.AS_RECORDED))
        report_rhythm(a, table, presence)
        torch.save((beat, presence, points), os.path.join(a.work, f"half{h}.pt"))
        weights.write(os.path.join(a.work, f"half{h}.c"), table, beat, presence, points)


def everything(a):
    table, strip = load(a)
    # Twice the marked rows of a half: rhythm labels keep their share.
    beat, presence, points = train(table, strip, np.ones(len(table.y), bool), 2.0)
    torch.save((beat, presence, points), os.path.join(a.work, "all.pt"))
    weights.write(a.output, table, beat, presence, points)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", choices=["rows", "all", "halves"])
    p.add_argument("--data", help="folder with ludb, qtdb, ptbxl, cinc2017 and nstdb")
    p.add_argument("--library", help="libdelineator_windows.so")
    p.add_argument("--work", required=True, help="folder for rows and halves")
    p.add_argument("-o", "--output", default="delineator_weights.c")
    a = p.parse_args()
    if a.command == "rows" and not (a.data and a.library):
        p.error("rows needs --data and --library")
    torch.set_num_threads(1)
    {"rows": make_rows, "all": everything, "halves": halves}[a.command](a)


main()
