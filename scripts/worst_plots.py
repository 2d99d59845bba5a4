#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A page of the recordings where the program's marks are furthest from the experts' (docs/physiology.md, "The worst cases").

usage: worst_plots.py PAGE.html PROGRAM [PROGRAM1] [--ludb DIR] [--qtdb DIR] [--mitdb DIR] [--ptbxl DIR] [--cases N]

PROGRAM is physioclr. With two, PROGRAM was built with the networks of half 0 and marks the records of half 1 of LUDB and QTDB, PROGRAM1 the
other way round (train_delineator.py halves): no record is marked by networks that learned from it. MIT-BIH and fold 8 of PTB-XL, from which
no network learned, are marked by PROGRAM.

A case is a recording and lead. For every wave the N (3) cases of each database with most waves missed or invented, and for every point those with
the largest median error (of at least three beats): LUDB lead by lead, QTDB the better of the two leads. MIT-BIH: beats missed or invented. PTB-XL: P
marked in most beats of atrial fibrillation, and in fewest of sinus rhythm. Each case is drawn by `physioclr plot` around its worst beat, the
expert's marks in that lead as dashed lines over it, with the figures of the beats that are seen beside it. The page holds patients'
recordings: do not pass it on where these may not go. Needs numpy and wfdb.
"""
import argparse
import collections
import csv
import html
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import wfdb

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "delineator"))
import recordings

WAVES, POINTS = ("P", "QRS", "T"), ("onset", "peak", "end")
MATCH, SECONDS = 0.15, 4.0  # s: reach of a match; length of a drawing
# Of `physioclr plot` (src/report/paper.c): left edge of the traces, mm a second, mm above and below the rows; SVG units a mm.
LEFT, PER_SECOND, HEADER, FOOTER, UNIT = 16.0, 25.0, 14.0, 8.0, 72 / 25.4
BEATS = set("NLRBAaJSVrFejnE/fQ?")

# What is drawn: why; record's path; rate; worst time in s; lines of the table; expert's positions in s.
Case = collections.namedtuple("Case", "why path program at lead figures lines score")


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(" ".join(arguments) + "\n" + done.stderr)


def program_marks(program, paths, leads="all"):
    """record -> lead in lower case -> wave -> [(onset, peak, offset)] in samples."""
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "marks.csv")
        for k in range(0, len(paths), 200):
            run(program, "fiducials", *paths[k : k + 200], "--leads", leads, "-q", "-o", path)
            for row in csv.DictReader(open(path, newline="")):
                at = [float(row[p]) if row[p] else np.nan for p in ("onset", "peak", "offset")]
                waves = out.setdefault(os.path.basename(row["record"]), {}).setdefault(row["lead"].lower(), {})
                waves.setdefault(row["wave"], []).append(at)
    return out


def pairs(expert, own, reach):
    """Indices (i, j) of the closest peaks, each used once; rows of `own` without an expert's wave; of `expert` without one of the program's."""
    close = sorted((abs(a[1] - b[1]), i, j) for i, a in enumerate(expert) for j, b in enumerate(own) if abs(a[1] - b[1]) <= reach)
    i_used, j_used, out = set(), set(), []
    for _, i, j in close:
        if i not in i_used and j not in j_used:
            i_used.add(i)
            j_used.add(j)
            out.append((i, j))
    return out, [j for j in range(len(own)) if j not in j_used], [i for i in range(len(expert)) if i not in i_used]


def span(expert):
    at = np.array([m[1:] for m in expert], float)
    return np.nanmin(at), np.nanmax(at)


# ---- LUDB and QTDB ------------------------------------------------------------------------------------------------


def compare(expert, leads, wave, rate):
    """Of one wave in one or several leads, the best of which counts: [(time in s, expert's, own, error [3] in ms)], missed and invented in s."""
    low, high = span(expert)
    wanted = [m[1:] for m in expert if m[0] == wave]
    found, invented = [[] for _ in wanted], []
    for waves in leads:
        own = [m for m in waves.get(wave, []) if low <= m[1] <= high]
        matched, extra, _ = pairs(wanted, own, MATCH * rate)
        for i, j in matched:
            found[i].append(own[j])
        invented.append([own[j][1] / rate for j in extra])
    rows = []
    for one, candidates in zip(wanted, found):
        if candidates:
            error = 1000 * (np.array(candidates) - np.array(one, float)) / rate
            best = np.where(np.isnan(error), np.inf, np.abs(error)).argmin(0)
            take = range(3)
            rows.append((one[1] / rate, one, np.array(candidates)[best, take], error[best, take]))
    missed = [one[1] / rate for one, candidates in zip(wanted, found) if not candidates]
    return rows, missed, min(invented, key=len, default=[])


def figures_of(rows, missed, invented, at, rate):
    lines = [(t, f"<tr><td>{t:.2f}<td>" + "<td>".join(
        "" if np.isnan(e) else f"{a / rate:.3f}, {b / rate:.3f}, {e:+.0f}" for a, b, e in zip(one, own, error))) for t, one, own, error in rows]
    lines += [(t, f"<tr><td>{t:.2f}<td colspan=3>missed") for t in missed] + [(t, f"<tr><td>{t:.2f}<td colspan=3>invented") for t in invented]
    seen = [line for t, line in sorted(lines) if at - SECONDS / 2 - 0.3 <= t <= at + SECONDS / 2 + 0.3]
    return "<table><tr><th>peak, s<th>onset: expert s, program s, error ms<th>peak<th>end</tr>" + "".join(seen) + "</table>"


def cases_of(program, path, lead, expert, leads, rate):
    for wave in WAVES:
        rows, missed, invented = compare(expert, leads, wave, rate)
        if lead == "both":
            invented = []
        lines = [v / rate for m in expert if m[0] == wave for v in m[1:] if not np.isnan(v)]
        tell = lambda at: figures_of(rows, missed, invented, at, rate)
        wrong = len(missed) + len(invented)
        if wrong:
            at = (missed or invented)[0]
            why = f"{wave}: {len(missed)} of {len(missed) + len(rows)} missed, {len(invented)} invented"
            yield (wave, "presence"), Case(why, path, program, at, lead, tell(at), lines, wrong)
        errors = np.array([r[3] for r in rows]).reshape(-1, 3)
        for k, point in enumerate(POINTS):
            known = ~np.isnan(errors[:, k])
            if known.sum() < 3 or (wave, point) == ("QRS", "peak"):
                continue
            size = np.where(known, np.abs(errors[:, k]), -1)
            at, middle, typical = rows[int(size.argmax())][0], np.median(errors[known, k]), np.median(size[known])
            why = f"{wave} {point}: error {middle:+.0f} ms, size {typical:.0f} ms (medians of {known.sum()} beats)"
            yield (wave, point), Case(why, path, program, at, lead, tell(at), lines, typical)


def wave_cases(folder, source, programs):
    """(wave, what) -> cases of LUDB or QTDB."""
    out = collections.defaultdict(list)
    everything = list(recordings.marked(folder, source))
    for half, program in enumerate(programs):
        chosen = [r for r in everything if len(programs) == 1 or recordings.half(r.name) != half]
        marks = program_marks(program, [os.path.join(folder, r.name) for r in chosen])
        for r in chosen:
            own, path, names = marks.get(r.name, {}), os.path.join(folder, r.name), [n.lower() for n in r.leads]
            units = [("both", r.marks[0], list(own.values()))] if source == "qtdb" else [
                (names[i], m, [own.get(names[i], {})]) for i, m in r.marks.items()]
            for lead, expert, leads in units:
                if expert:
                    for key, case in cases_of(program, path, lead, expert, leads, r.rate):
                        out[key].append(case)
    return out


# ---- MIT-BIH and PTB-XL ---------------------------------------------------------------------------------------------


def beat_cases(folder, program):
    paths = sorted(os.path.join(folder, f[:-4]) for f in os.listdir(folder) if f.endswith(".hea"))
    marks, out = program_marks(program, paths, "global"), []
    for path in paths:
        rate, a = wfdb.rdheader(path).fs, wfdb.rdann(path, "atr")
        first = 300 * rate
        expert = np.array([s for s, y in zip(a.sample, a.symbol) if y in BEATS and s >= first])
        own = np.array([m[1] for m in marks.get(os.path.basename(path), {}).get("global", {}).get("QRS", []) if m[1] >= first])
        lone = lambda x, y: x[[np.abs(y - v).min(initial=np.inf) > MATCH * rate for v in x]] / rate
        missed, invented = lone(expert, own), lone(own, expert)
        both = np.sort(np.concatenate([missed, invented]))
        if len(both):
            at = both[np.argmax([np.sum((both >= t) & (both < t + SECONDS)) for t in both])] + SECONDS / 2 - 0.5
            seen = lambda v: ", ".join(f"{t:.2f}" for t in v if abs(t - at) <= SECONDS / 2) or "none"
            text = f"<p>missed here (s): {seen(missed)}<br>invented here: {seen(invented)}</p>"
            why = f"{len(missed)} of {len(expert)} beats missed, {len(invented)} invented"
            out.append(Case(why, path, program, at, "", text, list(expert / rate), len(both)))
    return {("QRS", "beats"): out}


def rhythm_cases(folder, program):
    table = list(csv.DictReader(open(os.path.join(folder, "ptbxl_database.csv"), newline="")))
    out = collections.defaultdict(list)
    rows = [(r, set(re.findall(r"'(\w+)'", r["scp_codes"]))) for r in table if int(float(r["strat_fold"])) == 8]
    for rhythm, chosen in (("atrial fibrillation", [r for r, c in rows if "AFIB" in c]),
                           ("sinus rhythm", [r for r, c in rows if c & recordings.SINUS and not c & recordings.NO_SINUS])):
        paths = [os.path.join(folder, r["filename"]) for r in chosen]
        marks = program_marks(program, paths, "global")
        for path in paths:
            waves = marks.get(os.path.basename(path), {}).get("global", {})
            beats, p = len(waves.get("QRS", [])), len(waves.get("P", []))
            wrong = p if rhythm[0] == "a" else beats - p
            if beats and wrong:
                why = f"{rhythm}: P marked in {p} of {beats} beats"
                out["P", rhythm].append(Case(why, path, program, SECONDS / 2, "", "", [], wrong / beats))
    return out


# ---- the page -------------------------------------------------------------------------------------------------------


def drawing(case, number):
    """SVG of the case with its expert's marks; identifiers are made unique on the page."""
    first = max(0.0, case.at - SECONDS / 2)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plot.svg")
        title = f"{os.path.basename(case.path)} {case.lead}"
        run(case.program, "plot", case.path, "--marks", "--layout", "rows", "--first", f"{first:.3f}", "--seconds", f"{SECONDS:g}",
            "--title", title, "-q", "-o", path)
        svg = open(path).read()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>c{number}-", svg)
    places = [UNIT * (LEFT + PER_SECOND * (t - first)) for t in case.lines if first <= t < first + SECONDS]
    bottom = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1]) - UNIT * FOOTER
    lines = "".join(f'<path d="M{x:.2f} {UNIT * HEADER:.0f}V{bottom:.0f}" stroke="#c00" stroke-width=".7" stroke-dasharray="3 2"/>' for x in places)
    return svg.replace("</svg>", lines + "</svg>")


def section(name, cases, count):
    out = [f"<h2>{html.escape(name)}</h2>"]
    for (wave, what), all_of in sorted(cases.items(), key=str):
        taken = {}
        for case in sorted(all_of, key=lambda c: -c.score):
            taken.setdefault(case.path, case)  # a recording once
        chosen = list(taken.values())[:count]
        out.append(f"<h3>{wave} {what}</h3>")
        for case in chosen:
            section.number += 1
            where = f"{os.path.basename(case.path)} {case.lead}"
            print(f"{name}\t{wave} {what}\t{where}\t{case.at:.2f} s\t{case.why}")
            out.append(f"<div class=case><div><b>{html.escape(where)}</b><br>{html.escape(case.why)}{case.figures}</div>"
                       f"{drawing(case, section.number)}</div>")
    return "".join(out)


section.number = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page")
    parser.add_argument("program", nargs="+")
    for name in ("ludb", "qtdb", "mitdb", "ptbxl"):
        parser.add_argument("--" + name)
    parser.add_argument("--cases", type=int, default=3)
    o = parser.parse_args()
    if len(o.program) > 2:
        parser.error("one program, or one a half")
    style = "body{font:14px sans-serif;margin:2em}.case{display:flex;gap:1em;margin:1em 0;align-items:flex-start}.case>div{min-width:32em}" \
            "td,th{padding:0 .6em;text-align:left;font-size:12px}"
    parts = [f"<!doctype html><meta charset=utf-8><title>Worst cases</title><style>{style}</style><h1>Worst cases</h1>"
             "<p>Bands and dots: the program's marks. Dashed: the expert's marks of the wave in question.</p>"]
    if o.ludb:
        parts.append(section("LUDB", wave_cases(o.ludb, "ludb", o.program), o.cases))
    if o.qtdb:
        parts.append(section("QTDB", wave_cases(o.qtdb, "qtdb", o.program), o.cases))
    if o.mitdb:
        parts.append(section("MIT-BIH", beat_cases(o.mitdb, o.program[0]), o.cases))
    if o.ptbxl:
        parts.append(section("PTB-XL, fold 8", rhythm_cases(o.ptbxl, o.program[0]), o.cases))
    with open(o.page, "w") as f:
        f.write("".join(parts))


if __name__ == "__main__":
    main()
