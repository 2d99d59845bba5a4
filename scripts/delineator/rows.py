# SPDX-License-Identifier: Apache-2.0
"""The rows of all recordings: one beat in one lead each, as recorded and varied, marked or of known rhythm."""
import os

import numpy as np

import augment
import recordings
from recordings import half

AS_RECORDED, FEWER_LEADS, VARIED = 0, 1, 2
RHYTHM_FOLDS = range(1, 8)  # of PTB-XL; fold 8 measures
MEASURE_FOLDS = (8,)


class Rows:
    """Columns of equal length; see `add`."""

    def __init__(self):
        self.parts = {k: [] for k in ("x", "strip", "y", "source", "half", "kind", "record", "lead", "centre")}

    def add(self, x, strip, y, source, name, kind, lead, centre):
        n = len(y)
        self.parts["x"].append(x.astype(np.float32))
        self.parts["strip"].append(strip)
        self.parts["y"].append(y.astype(np.float32))
        self.parts["centre"].append(np.asarray(centre, np.float32))
        for key, value in (("source", source), ("half", half(name)), ("kind", kind), ("record", f"{source}/{name}"), ("lead", lead)):
            self.parts[key].append(np.full(n, value))

    def close(self):
        return {k: np.concatenate(v) for k, v in self.parts.items()}


def add_marked(rows, library, recording, signal, marks, leads, kind, shift):
    centre, x, strip = library.windows(signal[leads], recording.rate, shift)
    for i, lead in enumerate(leads):
        if lead not in marks:
            continue
        y = recordings.targets(marks[lead], centre, recording.rate)
        known = ~np.isnan(y).all(axis=1)
        rows.add(x[i, known], strip[i, known], y[known], recording.source, recording.name, kind, lead, centre[known])


def lead_choices(recording, rng, counts):
    n = len(recording.leads)
    return [list(rng.permutation(n)[:k]) for k in counts]


def marked_rows(library, folder, source, noise, copies, rng):
    rows = Rows()
    still, shaken = (lambda n: np.zeros(n)), (lambda n: rng.integers(-6, 7, n))
    few = (1, 1, 1, 1, 2, 2, 2, 3, 4) if source == "ludb" else (1, 1, 1)
    few_varied = (1, 1, 2, 3) if source == "ludb" else (1, 1)
    for r in recordings.marked(folder, source):
        everything = list(range(len(r.leads)))
        add_marked(rows, library, r, r.signal, r.marks, everything, AS_RECORDED, still)
        for leads in [everything] + lead_choices(r, rng, few):
            add_marked(rows, library, r, r.signal, r.marks, leads, FEWER_LEADS, shaken)
        for _ in range(copies[source]):
            signal, marks = augment.vary(r, noise, rng)
            for leads in [everything] + lead_choices(r, rng, few_varied):
                add_marked(rows, library, r, signal, marks, leads, VARIED, shaken)
    return rows.close()


def add_rhythm(rows, library, source, name, signal, rate, present, leads, beats, kind, shift, rng):
    centre, x, strip = library.windows(signal[leads], rate, shift)
    if len(centre) < 4:
        return
    inner = np.arange(1, len(centre) - 1)
    pick = np.sort(rng.choice(inner, min(beats, len(inner)), replace=False))
    y = np.full((len(pick), 10), np.nan)
    y[:, recordings.P_PRESENT] = present
    for i, lead in enumerate(leads):
        rows.add(x[i, pick], strip[i, pick], y, source, name, kind, lead, centre[pick])


def rhythm_rows(library, data, folds, sinus_records, noise, rng):
    """PTB-XL and 2017's records: all leads as recorded, a few leads with noise; beats of fibrillation more often, for they are fewer."""
    rows = Rows()
    shaken = lambda n: rng.integers(-6, 7, n)
    still = lambda n: np.zeros(n)
    for name, signal, rate, present in recordings.ptbxl(os.path.join(data, "ptbxl"), folds, sinus_records, rng):
        beats = 2 if present else 8
        leads = list(range(12))
        add_rhythm(rows, library, "ptbxl", name, signal, rate, present, leads, beats, AS_RECORDED, still, rng)
        noisy = augment.add_noise(augment.band(np.array(signal), rate, rng), rate, noise, rng)
        for few in ([int(rng.integers(12))], list(rng.permutation(12)[:2])):
            add_rhythm(rows, library, "ptbxl", name, noisy, rate, present, few, beats, FEWER_LEADS, shaken, rng)
    return rows


def ambulatory_rows(rows, library, data, sinus_records, rng):
    for name, signal, rate, present in recordings.cinc2017(os.path.join(data, "cinc2017"), rng, sinus_records):
        add_rhythm(rows, library, "cinc2017", name, signal, rate, present, [0], 8 if present else 20, AS_RECORDED,
                   lambda n: np.zeros(n), rng)
    return rows


def noises(folder):
    """Electrode and muscle noise of the Noise Stress Test Database, both channels, 360 Hz."""
    import wfdb

    return [np.nan_to_num(c) for name in ("bw", "ma") for c in wfdb.rdrecord(os.path.join(folder, name)).p_signal.T]


def make(library, data, seed=1):
    """(rows to learn from, rows of PTB-XL fold 8 to measure presence of P on)."""
    rng = np.random.default_rng(seed)
    noise = noises(os.path.join(data, "nstdb"))
    parts = [marked_rows(library, os.path.join(data, s), s, noise, dict(ludb=3, qtdb=6), rng) for s in ("ludb", "qtdb")]
    weak = rhythm_rows(library, data, RHYTHM_FOLDS, 1200, noise, rng)
    parts.append(ambulatory_rows(weak, library, data, 500, rng).close())
    learn = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    return learn, rhythm_rows(library, data, MEASURE_FOLDS, 150, noise, rng).close()
