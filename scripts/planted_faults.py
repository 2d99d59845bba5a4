#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a fault in one lead does: is it told, and does anything change elsewhere (docs/physiology.md, "One bad lead, one bad stretch").

usage: planted_faults.py PROGRAM DATA OUT [--records N]

DATA holds ludb/, ptbxl/ (with ptbxl_database.csv) and nstdb/ as for train_delineator.py. Takes N (50) recordings in sinus rhythm of each of
PTB-XL (folds 1-7, 500 Hz, completed to 12 leads) and LUDB of which `check` tells no fault of signal, by the MD5 of their names. Writes them,
and a copy with each fault in one lead, under OUT as WFDB, lets PROGRAM (physioclr) check, mark and measure them, and prints a table:

told        recordings in which `check` names a fault of signal: the planted one in its lead / anything that it does not tell of the clean copy
beats       beats (all leads) missed or invented against the clean copy, per 1000
leads       waves of the other leads that come or go, and marks that move by over 10 ms, per 1000 marks
fused       the same of the fused marks
features    layout rich: values of the other leads and of the whole that change by over a quarter of the spread between the clean recordings,
            or become known or unknown, in %

For the bad stretch, beats and marks count from 2 s away from it on, in all leads. Needs numpy and wfdb.
"""
import argparse
import ast
import csv
import glob
import hashlib
import os
import subprocess

import numpy as np
import wfdb

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
OF_SIGNAL = ("flat", "clipped", "mains", "artefact", "noise", "no_beats", "scale", "missing")
SIDE = ("leads", "gains")  # limb leads that no longer fit each other: another way to tell of a fault in one


def digest(name):
    return int(hashlib.md5(name.encode()).hexdigest(), 16)


# ---- clean recordings -------------------------------------------------------------------------------------------


def ptbxl(folder):
    """(name, path) of sinus rhythm without a note of noise, 500 Hz, folds 1 to 7."""
    for row in csv.DictReader(open(os.path.join(folder, "ptbxl_database.csv"), newline="")):
        if int(float(row["strat_fold"])) <= 7 and int(row["sampling_rate"]) == 500 and "SR" in ast.literal_eval(row["scp_codes"]):
            yield "p" + os.path.basename(row["filename"]), os.path.join(folder, row["filename"])


def ludb(folder):
    for header in sorted(glob.glob(os.path.join(folder, "*.hea"))):
        if any("Sinus rhythm" in c for c in wfdb.rdheader(header[:-4]).comments):
            yield "l" + os.path.basename(header[:-4]), header[:-4]


def twelve(path):
    """[12, samples] in mV: what is not in the file follows from I and II."""
    r = wfdb.rdrecord(path)
    have = {n.upper(): x for n, x in zip(r.sig_name, np.nan_to_num(r.p_signal.T))}
    one, two = have["I"], have["II"]
    derived = {"III": two - one, "AVR": -(one + two) / 2, "AVL": one - two / 2, "AVF": two - one / 2}
    return np.stack([have.get(n.upper(), derived.get(n.upper())) for n in LEADS]), r.fs


def write(folder, name, x, fs):
    os.makedirs(folder, exist_ok=True)
    wfdb.wrsamp(name, fs, ["mV"] * 12, LEADS, p_signal=x.T, fmt=["16"] * 12, adc_gain=[1000] * 12, baseline=[0] * 12, write_dir=folder)


# ---- faults -----------------------------------------------------------------------------------------------------


def faults(muscle):
    """name -> function(x, fs, rng) that returns the lead with the fault, or (lead, from, to) for a stretch; x is one lead in mV."""
    t = lambda x, fs: np.arange(len(x)) / fs

    def noise(x, rng, rms):
        at = rng.integers(len(muscle) - len(x))
        return muscle[at : at + len(x)] / muscle[at : at + len(x)].std() * rms

    def clipped(x, fs, rng):
        middle, reach = np.median(x), 0.5 * max(np.ptp(x), 0.8)
        return np.clip(x, middle - 0.45 * reach, middle + 0.45 * reach)

    def stretch(x, fs, rng):
        length = int(rng.uniform(1, 3) * fs)
        begin = rng.integers(int(2 * fs), len(x) - length - int(2 * fs))
        y = x.copy()
        y[begin : begin + length] += noise(x[:length], rng, 1.5)
        return y, begin, begin + length

    return {
        "flat": lambda x, fs, rng: np.full_like(x, 0.1),
        "clipped": clipped,
        "disconnected": lambda x, fs, rng: rng.normal(0, 0.1, len(x)),
        "mains 50 Hz": lambda x, fs, rng: x + 0.2 * np.sin(2 * np.pi * 50 * t(x, fs) + 1),
        "mains 60 Hz": lambda x, fs, rng: x + 0.2 * np.sin(2 * np.pi * 60 * t(x, fs) + 1),
        "muscle": lambda x, fs, rng: x + noise(x, rng, 0.3),
        "wander": lambda x, fs, rng: x + 2.0 * np.sin(2 * np.pi * 0.3 * t(x, fs) + rng.uniform(0, 6)),
        "stretch": stretch,
    }


# ---- what the program says --------------------------------------------------------------------------------------


def run(program, *arguments):
    done = subprocess.run([program, *arguments, "-q"], capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr)


def findings(program, folder):
    """record -> {finding: words of its detail}"""
    path = folder + ".check.csv"
    run(program, "check", folder, "--csv", path)
    told = {}
    for row in csv.DictReader(open(path, newline="")):
        kinds = told.setdefault(os.path.splitext(os.path.basename(row["record_id"]))[0], {})
        for kind, _, detail in (p.partition("(") for p in row["findings"].split(";") if p):
            kinds[kind] = kinds.get(kind, []) + detail.rstrip(")").replace(",", "").split()
    return told


def marks(program, folder):
    """record -> lead -> [beats, 9]: onset, peak, offset of P, QRS and T of each beat; nan where there is none."""
    path = folder + ".marks.csv"
    out = {}
    for which in ("all", "global"):
        run(program, "fiducials", folder, "--leads", which, "-o", path)
        for row in csv.DictReader(open(path, newline="")):
            out.setdefault(row["record"], {}).setdefault(row["lead"], {}).setdefault(row["wave"], []).append(
                [float(row[k]) if row[k] else np.nan for k in ("onset", "peak", "offset")])
    return {r: {lead: by_beat(waves) for lead, waves in leads.items()} for r, leads in out.items()}


def by_beat(waves):
    qrs = np.array(waves.get("QRS", np.zeros((0, 3))))
    beats = np.full((len(qrs), 9), np.nan)
    beats[:, 3:6] = qrs
    for column, wave in ((0, "P"), (6, "T")):
        for w in waves.get(wave, []):
            b = np.searchsorted(qrs[:, 1], w[1]) - (wave == "T")
            if 0 <= b < len(qrs):
                beats[b, column : column + 3] = w
    return beats


def features(program, folder):
    path = folder + ".features.csv"
    run(program, "features", folder, "--layout", "rich", "--seconds", "60", "-o", path)
    rows = list(csv.DictReader(open(path, newline="")))
    names = [n for n in rows[0] if n not in ("record", "segment", "start")]
    return names, {r["record"]: np.array([float(r[n]) if r[n] else np.nan for n in names]) for r in rows}


# ---- comparison -------------------------------------------------------------------------------------------------


def compare_marks(clean, faulty, fs, away):
    """beats lost or invented, beats, marks changed, marks; only beats for which away(R) holds."""
    a, b = clean[[away(r) for r in clean[:, 4]]], faulty[[away(r) for r in faulty[:, 4]]]
    if len(a) == 0 or len(b) == 0:
        return len(a) + len(b), len(a), 0, 0
    nearest = np.abs(a[:, None, 4] - b[None, :, 4])
    partner = nearest.argmin(1)
    paired = nearest.min(1) < 0.1 * fs
    other = len(a) - paired.sum() + len(b) - len(set(partner[paired]))
    x, y = a[paired], b[partner[paired]]
    gone = np.isnan(x) != np.isnan(y)
    moved = np.abs(x - y) > 0.010 * fs
    return other, len(a), int((gone | moved).sum()), int((~np.isnan(x)).sum())


def of_lead(name):
    tail = name.rpartition("_")[2]
    return tail if tail in LEADS else None


def tells(told, clean, fault, lead):
    """The planted fault told in its lead; anything told that is not told of the clean copy."""
    new = {k: v for k, v in told.items() if k in OF_SIGNAL + SIDE and k not in clean}
    kind = {"mains 50 Hz": "mains", "mains 60 Hz": "mains", "flat": "flat", "clipped": "clipped"}.get(fault, "artefact")
    return lead in new.get(kind, []), bool(new)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--records", type=int, default=50)
    o = parser.parse_args()
    ma = np.nan_to_num(wfdb.rdrecord(os.path.join(o.data, "nstdb", "ma")).p_signal[:, 0])
    muscle = np.interp(np.arange(0, len(ma), 360 / 500), np.arange(len(ma)), ma - ma.mean())

    clean = os.path.join(o.out, "clean")
    signal, tried, of_database = {}, {}, {}
    for source in (ptbxl(os.path.join(o.data, "ptbxl")), ludb(os.path.join(o.data, "ludb"))):
        for name, path in sorted(source, key=lambda s: digest(s[0]))[: 2 * o.records]:
            x, fs = twelve(path)
            write(clean, name, x, fs)
            signal[name] = x
    told = findings(o.program, clean)
    for name in list(signal):
        tried[name[0]] = tried.get(name[0], 0) + 1
        full = of_database.get(name[0], 0) == o.records
        if full or set(told[name]) & set(OF_SIGNAL):
            tried[name[0]] -= full
            del signal[name]
            for end in (".hea", ".dat"):
                os.remove(os.path.join(clean, name + end))
        else:
            of_database[name[0]] = of_database.get(name[0], 0) + 1
    print("clean recordings", of_database, "of", tried, "looked at")

    clean_marks, (names, clean_features) = marks(o.program, clean), features(o.program, clean)
    spread = np.nanstd(np.stack(list(clean_features.values())), 0)
    print("| fault | told in its lead | anything told | beats | leads | fused | features of other leads | of the whole |\n|---|---|---|---|---|---|---|---|")
    for fault, plant in faults(muscle).items():
        folder, where = os.path.join(o.out, fault.replace(" ", "_")), {}
        for name, x in signal.items():
            rng = np.random.default_rng(digest(name + fault) % 2**32)
            lead, y = rng.integers(12), x.copy()
            planted = plant(x[lead], 500.0, rng)
            y[lead], begin, end = planted if isinstance(planted, tuple) else (planted, None, None)
            where[name] = lead, begin, end
            write(folder, name, y, 500)
        now, now_marks, (_, now_features) = findings(o.program, folder), marks(o.program, folder), features(o.program, folder)
        hits = anything = 0
        tally, changed, values = np.zeros((2, 4), int), np.zeros(2, int), np.zeros(2, int)
        for name, (lead, begin, end) in where.items():
            hit, any_new = tells(now[name], told[name], fault, LEADS[lead])
            hits, anything = hits + hit, anything + any_new
            away = (lambda r: True) if begin is None else (lambda r: r < begin - 1000 or r > end + 1000)
            for l in LEADS + ["global"]:
                if l == LEADS[lead] and begin is None:
                    continue
                empty = np.zeros((0, 9))
                tally[int(l == "global")] += compare_marks(clean_marks[name].get(l, empty), now_marks.get(name, {}).get(l, empty), 500, away)
            a, b = clean_features[name], now_features[name]
            differs = (np.isnan(a) != np.isnan(b)) | (np.abs(a - b) > 0.25 * spread)
            known = ~np.isnan(a) | ~np.isnan(b)
            for k, n in enumerate(names):
                if known[k] and of_lead(n) != LEADS[lead]:
                    changed[int(of_lead(n) is None)] += differs[k]
                    values[int(of_lead(n) is None)] += 1
        per = lambda a, b: f"{1000 * a / max(b, 1):.1f}"
        beats = per(tally[1, 0], tally[1, 1])
        print(f"| {fault} | {hits} of {len(where)} | {anything} | {beats} | {per(*tally[0, 2:])} | {per(*tally[1, 2:])} "
              f"| {100 * changed[0] / values[0]:.1f} | {100 * changed[1] / values[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
