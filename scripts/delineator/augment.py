# SPDX-License-Identifier: Apache-2.0
"""Marked recordings made different without losing their marks: intervals, heights, bandwidth and noise."""
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt


def beats_of_all_leads(marks, rate):
    """[{wave: (onset, peak, offset)}] by the median over the leads."""
    r = sorted(m[2] for lead in marks.values() for m in lead if m[0] == "QRS")
    if not r:
        return []
    centres = [float(np.median(g)) for g in np.split(r, np.flatnonzero(np.diff(r) > 0.15 * rate) + 1)]
    out = []
    for i, q in enumerate(centres):
        last = centres[i - 1] if i else -np.inf
        after = centres[i + 1] if i + 1 < len(centres) else np.inf
        spans = {"P": (max(last, q - 0.42 * rate), q - 0.02 * rate), "QRS": (q - 0.1 * rate, q + 0.1 * rate),
                 "T": (q + 0.05 * rate, min(after, q + 0.66 * rate))}
        beat = {}
        for wave, (low, high) in spans.items():
            v = np.array([m[1:] for lead in marks.values() for m in lead if m[0] == wave and low < m[2] < high], float)
            if len(v) < max(1, 0.3 * len(marks)):
                continue
            middle = np.array([np.nanmedian(c) if np.isfinite(c).any() else np.nan for c in v.T])
            if np.isnan(middle[0]):
                middle[0] = middle[1] - 0.6 * (middle[2] - middle[1])
            if np.isfinite(middle).all():
                beat[wave] = middle
        out.append(beat)
    return out


def stretch(beats, n, rate, rng):
    """Length of each sample after the stretch: every part of the beat by its own factor, the same in all beats."""
    u = rng.uniform
    factor = dict(P=u(0.85, 1.15), PQ=u(0.5, 1.7), QRS=u(0.85, 1.25), ST=u(0.6, 1.5), T=u(0.8, 1.25), TP=u(0.75, 1.35))
    length = np.full(n, factor["TP"])
    at = lambda x: int(min(max(round(x), 0), n))
    for b in beats:
        if "QRS" not in b:
            continue
        q = b["QRS"]
        length[at(q[0]) : at(q[2])] = factor["QRS"]
        if "P" in b:
            length[at(b["P"][0]) : at(b["P"][2])] = factor["P"]
            length[at(b["P"][2]) : at(q[0])] = factor["PQ"]
        if "T" in b:
            length[at(q[2]) : at(b["T"][0])] = factor["ST"]
            length[at(b["T"][0]) : at(b["T"][2])] = factor["T"]
    return gaussian_filter1d(length, 0.004 * rate)


def scale_waves(x, marks, rate, gain):
    """Waves of x less the line between their ends, times gain[wave]."""
    n = len(x)
    for wave, onset, peak, offset in marks:
        if wave == "QRS":
            continue
        onset = peak - (0.05 if wave == "P" else 0.11) * rate if np.isnan(onset) else onset
        offset = peak + (0.05 if wave == "P" else 0.09) * rate if np.isnan(offset) else offset
        a, b = int(max(round(onset), 0)), int(min(round(offset), n - 1))
        if b - a < 4:
            continue
        part = x[a : b + 1]
        line = np.linspace(part[0], part[-1], len(part))
        x[a : b + 1] = line + (part - line) * gain[wave]


def band(x, rate, rng):
    """Another recorder: less of the highest and of the lowest frequencies."""
    if rng.random() < 0.4:
        x = gaussian_filter1d(x, rng.uniform(0.0, 0.006) * rate, axis=-1)
    if rng.random() < 0.3:
        x = sosfiltfilt(butter(1, rng.uniform(0.15, 0.6), "high", fs=rate, output="sos"), x, axis=-1)
    return x


def add_noise(x, rate, noise, rng, low=-4.5, high=-2.0):
    """Wander or muscle noise, e^low to e^high mV strong, to every lead of x."""
    for lead in range(len(x)):
        z = noise[rng.integers(len(noise))]
        length = int(x.shape[1] / rate * 360) + 2
        start = rng.integers(0, max(1, len(z) - length))
        part = np.interp(np.arange(x.shape[1]) * 360.0 / rate, np.arange(min(length, len(z))), z[start : start + length])
        x[lead] += part / (part.std() + 1e-6) * np.exp(rng.uniform(low, high))
    return x


def vary(recording, noise, rng):
    """(signal, marks) of a varied copy."""
    signal, rate, n = recording.signal, recording.rate, recording.signal.shape[1]
    length = stretch(beats_of_all_leads(recording.marks, rate), n, rate, rng)
    moved = np.concatenate([[0.0], np.cumsum(length)[:-1]])
    source = np.interp(np.arange(int(moved[-1])), moved, np.arange(n))
    no_p = rng.random() < 0.1
    p_gain, t_gain = np.exp(rng.uniform(-1.0, 0.5)), np.exp(rng.uniform(-0.9, 0.5))
    out, marks = np.array(signal, float), {}
    for lead, lead_marks in recording.marks.items():
        own = np.exp(rng.uniform(-0.3, 0.3, 2))
        turned = -1.0 if rng.random() < 0.12 else 1.0
        scale_waves(out[lead], lead_marks, rate, dict(P=0.0 if no_p else p_gain * own[0], T=t_gain * own[1] * turned))
        to = lambda x: np.interp(x, np.arange(n), moved) if np.isfinite(x) else np.nan
        marks[lead] = [(w, to(a), to(b), to(c)) for w, a, b, c in lead_marks if not (no_p and w == "P")]
    out = band(CubicSpline(np.arange(n), out, axis=1)(source), rate, rng)
    if rng.random() < 0.6:
        out = add_noise(out, rate, noise, rng)
    return out, marks
