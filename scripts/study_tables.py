#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/experiments.md from a study, as Markdown.

    study_tables.py STUDY.json [--task NAME] [--input embedding|both|features] [--shrink OUT.json]

A table a task and input: an arm a row, a share of labels a column, the mean over seeds of the macro AUROC; then the paired differences.
--shrink writes the study without its cells' folders and with four decimals, for docs/results.
"""
import argparse
import json


def rounded(value):
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items() if k != "folder"}
    return [rounded(v) for v in value] if isinstance(value, list) else value


def share(fraction):
    return f"{100 * fraction:g} %"


def arms_table(rows):
    fractions = sorted({r["fraction"] for r in rows})
    order = list(dict.fromkeys((r["arm"], r["method"], r["encoder"]) for r in rows))
    plain = len({key[1:] for key in order}) == 1
    print("| arm | " + " | ".join(share(f) for f in fractions) + " | seeds |")
    print("|---" * (len(fractions) + 2) + "|")
    cell = {(r["arm"], r["method"], r["encoder"], r["fraction"]): r for r in rows}
    best = {f: max(r["auroc"] for r in rows if r["fraction"] == f) for f in fractions}
    for key in order:
        found = [cell.get((*key, f)) for f in fractions]
        text = ["" if r is None else f"**{r['auroc']:.3f}**" if r["auroc"] == best[f] else f"{r['auroc']:.3f}"
                for r, f in zip(found, fractions)]
        seeds = sorted({r["seeds"] for r in found if r})
        name = key[0] if plain else ", ".join(k for k in key if k != "default")
        print(f"| {name} | " + " | ".join(t.replace("0.", ".") for t in text) + f" | {'-'.join(map(str, seeds))} |")
    print()


def paired_table(rows):
    print("| labels | against | PhysioCLR | rival | difference, 95 % interval |")
    print("|---|---|---|---|---|")
    for r in rows:
        text = f"{r['difference']:+.3f} [{r['low']:+.3f}, {r['high']:+.3f}]"
        if r["low"] > 0 or r["high"] < 0:
            text = f"**{text}**"
        print(f"| {share(r['fraction'])} | {r['against']} | {r['arm']} {r['arm_auroc']:.3f} | {r['rival']} {r['rival_auroc']:.3f} | {text} |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--task")
    parser.add_argument("--input")
    parser.add_argument("--shrink")
    options = parser.parse_args()
    with open(options.study) as f:
        study = json.load(f)
    if options.shrink:
        with open(options.shrink, "w") as f:
            json.dump({"rows": rounded(study["rows"]), "paired": rounded(study["paired"])}, f, indent=0)
    for task in sorted({r["task"] for r in study["rows"]}):
        if options.task not in (None, task):
            continue
        for kind in ("embedding", "both", "features"):
            rows = [r for r in study["rows"] if r["task"] == task and r["input"] == kind and options.input in (None, kind)]
            if rows:
                print(f"{task}, {kind}\n")
                arms_table(rows)
        paired = [r for r in study["paired"] if r["task"] == task]
        if paired and options.input is None:
            paired_table([r for r in paired if r["against"] != "embedding"])
            paired_table([r for r in paired if r["against"] == "embedding"])


if __name__ == "__main__":
    main()
