# SPDX-License-Identifier: Apache-2.0
"""Recordings, expert marks and rhythm labels, as rows that the delineator's networks learn from."""
import ast
import collections
import csv
import ctypes
import glob
import hashlib
import os

import numpy as np
import wfdb

RATE = 250.0  # working rate of the library, Hz
POINTS = ["P onset", "P peak", "P offset", "QRS onset", "QRS offset", "T onset", "T peak", "T offset"]
P_PRESENT, T_PRESENT = 8, 9  # columns of a target row after the eight points
SYMBOL = {"p": "P", "N": "QRS", "t": "T"}
SINUS = {"SR", "SBRAD", "STACH", "SARRH"}
NO_SINUS = {"AFIB", "AFLT", "PACE", "SVTAC", "PSVT", "2AVB", "3AVB", "SVARR", "TRIGU"}

Recording = collections.namedtuple("Recording", "source name signal rate leads marks")  # marks: lead index -> [(wave, onset, peak, offset)]


def half(name):
    """Half that a record belongs to: parity of the MD5 of its name."""
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % 2


# ---- what the library sees ---------------------------------------------------------------------------------------


class Library:
    """libdelineator_windows.so (windows.c)."""

    def __init__(self, path):
        self.c = ctypes.CDLL(os.path.abspath(path))
        self.c.delineator_windows.restype = ctypes.c_long
        self.inputs, self.strip = self.c.delineator_inputs(), self.c.delineator_strip()

    def windows(self, signal, rate, shift):
        """centre[beats], inputs[leads, beats, .] and strips[leads, beats, .] of signal[leads, samples]; centres moved by up to shift(beats)."""
        signal = np.ascontiguousarray(np.nan_to_num(signal), dtype=np.float32)
        leads, samples = signal.shape
        most = int(samples / rate * 6) + 10
        centre, step, move = np.zeros(most), ctypes.c_double(), np.ascontiguousarray(shift(most), dtype=np.int32)
        x = np.zeros(leads * most * self.inputs, np.float32)
        s = np.zeros(leads * most * self.strip, np.float32)
        p = lambda a: a.ctypes.data_as(ctypes.c_void_p)
        n = self.c.delineator_windows(p(signal), ctypes.c_long(leads), ctypes.c_long(samples), ctypes.c_double(rate), p(move),
                                      ctypes.c_long(most), p(centre), ctypes.byref(step), p(x), p(s))
        if n < 0:
            raise RuntimeError("delineator_windows failed")
        x, s = x[: leads * n * self.inputs].reshape(leads, n, -1), s[: leads * n * self.strip].reshape(leads, n, -1)
        return centre[:n], x, np.clip(s, -60, 60).astype(np.float16)


# ---- expert marks ---------------------------------------------------------------------------------------------------


def read_marks(record, extension):
    """[(wave, onset, peak, offset)] in samples; what the expert left out is nan."""
    a = wfdb.rdann(record, extension)
    out = []
    for k, symbol in enumerate(a.symbol):
        if symbol not in SYMBOL:
            continue
        before = a.sample[k - 1] if k and a.symbol[k - 1] == "(" else np.nan
        after = a.sample[k + 1] if k + 1 < len(a.symbol) and a.symbol[k + 1] == ")" else np.nan
        out.append((SYMBOL[symbol], before, a.sample[k], after))
    return out


def marked(folder, source):
    """The marked recordings of LUDB (source "ludb") or QTDB ("qtdb") in `folder`."""
    for header in sorted(glob.glob(os.path.join(folder, "*.hea"))):
        path = header[:-4]
        if source == "qtdb" and not os.path.exists(path + ".q1c"):
            continue
        r = wfdb.rdrecord(path)
        if source == "ludb":
            names = [n.lower() for n in r.sig_name]
            marks = {i: read_marks(path, n) for i, n in enumerate(names) if os.path.exists(f"{path}.{n}")}
        else:
            marks = {i: read_marks(path, "q1c") for i in range(r.n_sig)}
        yield Recording(source, os.path.basename(path), np.nan_to_num(r.p_signal.T), r.fs, r.sig_name, marks)


def targets(marks, centre, rate):
    """[beats, 10]: eight points from the centre in working samples, P and T present (1, 0); nan: not known."""
    scale, y = RATE / rate, np.full((len(centre), 10), np.nan)
    where = centre / scale
    qrs = [m for m in marks if m[0] == "QRS"]
    for i, q in enumerate(qrs):
        b = int(np.argmin(np.abs(where - q[2]))) if len(where) else 0
        if len(where) == 0 or abs(where[b] - q[2]) > 0.12 * rate:
            continue
        first = qrs[i - 1][2] if i else -np.inf
        last = qrs[i + 1][2] if i + 1 < len(qrs) else np.inf
        p = [m for m in marks if m[0] == "P" and max(first, q[2] - 0.42 * rate) < m[2] < q[2]]
        t = [m for m in marks if m[0] == "T" and q[2] < m[2] < min(last, q[2] + 0.66 * rate)]
        at = lambda m: (np.array(m[1:], float) - where[b]) * scale
        y[b, 3:5] = at(q)[[0, 2]]
        if p:
            y[b, 0:3] = at(p[-1])
        if t:
            y[b, 5:8] = at(t[0])
        # A beat at the edge of the marked stretch may have lost its wave there.
        y[b, P_PRESENT] = 1 if p else 0 if i else np.nan
        y[b, T_PRESENT] = 1 if t else 0 if i + 1 < len(qrs) else np.nan
    return y


# ---- rhythm labels ----------------------------------------------------------------------------------------------------


def twelve_leads(r):
    """[12, samples] from I, II, V1 to V6: Einthoven and Goldberger give the rest."""
    names = {n.upper(): k for k, n in enumerate(r.sig_name)}
    x = np.nan_to_num(r.p_signal.T)
    one, two = x[names["I"]], x[names["II"]]
    chest = [x[names[f"V{k}"]] for k in range(1, 7)]
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2] + chest)


def ptbxl(folder, folds, sinus_records, rng):
    """(name, patient, signal, rate, P present) of PTB-XL's sinus and fibrillating records in the folds."""
    chosen = {0: [], 1: []}
    for row in csv.DictReader(open(os.path.join(folder, "ptbxl_database.csv"), newline="")):
        codes = set(ast.literal_eval(row["scp_codes"]))
        if int(float(row["strat_fold"])) not in folds:
            continue
        if "AFIB" in codes:
            chosen[0].append(row)
        elif codes & SINUS and not codes & NO_SINUS:
            chosen[1].append(row)
    rng.shuffle(chosen[1])
    for present, rows in ((0, chosen[0]), (1, chosen[1][:sinus_records])):
        for row in rows:
            name = row.get("filename") or row["filename_hr"]
            r = wfdb.rdrecord(os.path.join(folder, name))
            yield row["ecg_id"], twelve_leads(r), r.fs, present


def cinc2017(folder, rng, sinus_records):
    """The same of one lead, from the recordings of the 2017 challenge with a normal rhythm or atrial fibrillation."""
    rows = list(csv.DictReader(open(os.path.join(folder, "labels.csv"), newline="")))
    normal = [r for r in rows if r["rhythm"] == "N"]
    rng.shuffle(normal)
    for row in normal[:sinus_records] + [r for r in rows if r["rhythm"] == "A"]:
        r = wfdb.rdrecord(os.path.join(folder, row["record_id"]))
        yield row["record_id"], np.nan_to_num(r.p_signal.T), r.fs, int(row["rhythm"] == "N")
