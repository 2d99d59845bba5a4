#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""physioclr beside the libraries people use today, on this machine, in one run: bench_peers.py BUILD [-o FILE.json].

Both sides are measured in turn, several rounds, and the fastest of each counts. The peer is tuned first: for every encoder the best of
PyTorch eager, compiled and (where there are convolutions) channels last, with the memory allocator as it is and told to keep its memory.
Prints a table and writes a list of {name, value, unit, limit, peer, peer_value, ratio, ...}; "share_of_peak" is the rate of multiply-adds
over the fastest product of matrices that either side reached in this run.

`make bench-peers` first makes the Python environment; with PYTHON=/path/to/python it uses one that is there.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKER = HERE.parent / "bench" / "peer_networks.py"
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
ENCODERS = ["transformer_small", "xresnet1d18", "s4", "transformer_base"]
LAYERS = ["linear", "conv1d", "positional_conv", "attention", "layer_norm", "batch_norm", "gelu"]
BATCH = {"transformer_base": 8}


class Peer:
    """A worker process that holds one PyTorch network ready to run."""

    def __init__(self, name, variant, keep_memory):
        environment = {**os.environ, **(KEEP_MEMORY if keep_memory else {})}
        environment.pop("OMP_NUM_THREADS", None)
        environment.pop("OMP_WAIT_POLICY", None)
        self.label = f"PyTorch {variant}" + (" with kept memory" if keep_memory else "")
        self.process = subprocess.Popen([sys.executable, WORKER, name, variant], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment)

    def measure(self, seconds, realtime):
        """None when the variant does not run (no compiler, for example)."""
        try:
            self.process.stdin.write(f"{'realtime' if realtime else 'as-it-is'} {seconds}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            return None
        return json.loads(line) if line else None

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def variants(name, compiled):
    kinds = ["eager"]
    if name.startswith("layer") or name == "gemm_peak_fp32":
        return [(kind, True) for kind in kinds]
    if "xresnet1d" in name:
        kinds.append("channels_last")
    if compiled:
        kinds.append("compile")
    return [(kind, keep) for kind in kinds for keep in (False, True)]


def tuned(name, compiled, realtime):
    """The fastest variant, running; the others are stopped."""
    best, best_seconds = None, float("inf")
    for variant, keep in variants(name, compiled):
        peer = Peer(name, variant, keep)
        answer = peer.measure(1, realtime)
        print(f"  {name}: {peer.label}: {answer['seconds'] * 1e3:.1f} ms" if answer else f"  {name}: {peer.label} does not run", file=sys.stderr)
        if answer and answer["seconds"] < best_seconds:
            if best:
                best.stop()
            best, best_seconds = peer, answer["seconds"]
        else:
            peer.stop()
    return best


def run_ours(build, name, seconds, realtime):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    command = [*(["chrt", "-f", "10"] if realtime else []), str(build / "bench" / "bench_encoders"), "--seconds", str(seconds), name]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.splitlines()
    found = {line["name"]: line for line in map(json.loads, lines)}
    return found[name], found["gemm_peak_fp32"]["value"]


def engine_item(build, name, options):
    """One line of the table; the peak is put in when all are known."""
    peer = tuned(name, not options.no_compile, options.realtime)
    ours, theirs = [], []
    for _ in range(options.rounds):
        line, gemm = run_ours(build, name, options.seconds, options.realtime)
        ours.append({**line, "gemm": gemm})
        theirs.append(peer.measure(options.seconds, options.realtime))
    peer.stop()
    rate = ours[0]["unit"] != "ms"
    best = (max if rate else min)(ours, key=lambda line: line["value"])
    seconds = min(answer["seconds"] for answer in theirs)
    batch = BATCH.get(name.split("_", 1)[1].removesuffix("_fp32"), 32)
    if name == "gemm_peak_fp32":
        peer_value = 1 / seconds
    else:
        peer_value = batch / seconds if rate else 1e3 * seconds
    best.update(peer=f"{peer.label}, {theirs[0]['torch']}", peer_value=round(peer_value, 4))
    best["ratio"] = round(best["value"] / peer_value if rate else peer_value / best["value"], 3)
    if "memory" in best and not name.startswith("layer"):
        best["peer_memory"] = max(answer["memory"] for answer in theirs)
    elif "memory" in best:
        del best["memory"]
    return best


def put_shares(items):
    peak = max(max(item["gemm"], item["peer_value"] if item["name"] == "gemm_peak_fp32" else 0) for item in items)
    for item in items:
        if "share_of_peak" in item:
            item["share_of_peak"] = round(item["share_of_peak"] * item["gemm"] / peak, 3)
            item["peer_share_of_peak"] = round(item["share_of_peak"] / item["ratio"], 3)
        item.pop("gemm", None)


# ---- recordings ----------------------------------------------------------------------------------------------------------------


def lines_of_program(build, arguments):
    text = subprocess.run([build / "physioclr", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(text)


def recordings(build, folder, rounds):
    """Reading, R peaks, marks and features: our `bench` and bench/peers.py in turn."""
    subprocess.run([build / "physioclr", "simulate", folder, "--records", "40", "--seed", "1", "--quiet"], check=True)
    ours, theirs = {}, {}
    for _ in range(rounds):
        for line in lines_of_program(build, ["bench", "--only", "read", "--only", "physiology", "--json", "--quiet"]):
            if line["unit"] == "ms" and line["value"] < ours.get(line["name"], line)["value"] + 1e-12:
                ours[line["name"]] = line
        text = subprocess.run([sys.executable, HERE.parent / "bench" / "peers.py", folder], stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in map(json.loads, text.splitlines()):
            if line["peer_value"] < theirs.get(line["name"], line)["peer_value"] + 1e-12:
                theirs[line["name"]] = line
    joined = [{**ours[name], **theirs[name]} for name in theirs if name in ours]
    for line in joined:
        line["ratio"] = round(line["peer_value"] / line["value"], 2)
    return joined


def bootstrap(build, folder, rounds, records=4000, classes=5, resamples=1000):
    """Macro AUROC with 1000 resamples: `physioclr evaluate`, files included, beside scikit-learn's roc_auc_score on arrays."""
    import numpy
    import sklearn
    from sklearn.metrics import roc_auc_score

    generator = numpy.random.default_rng(0)
    label = generator.random((records, classes)) < 0.2
    score = 1 / (1 + numpy.exp(-(generator.normal(size=(records, classes)) + label)))
    names = ",".join(f"class{k}" for k in range(classes))
    for file, values, form in (("predictions.csv", score, "%.6f"), ("labels.csv", label, "%d")):
        with open(os.path.join(folder, file), "w", encoding="ascii") as out:
            print(f"record_id,{names}", file=out)
            for k, row in enumerate(values):
                print(f"r{k}," + ",".join(form % v for v in row), file=out)
    ours = theirs = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([build / "physioclr", "evaluate", os.path.join(folder, "predictions.csv"), "--labels", os.path.join(folder, "labels.csv"),
                        "-B", str(resamples), "--quiet"], stdout=subprocess.DEVNULL, check=True)
        ours = min(ours, time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(20):
            rows = generator.integers(0, records, records)
            roc_auc_score(label[rows], score[rows], average="macro")
        theirs = min(theirs, (time.perf_counter() - start) * resamples / 20)
    return {"name": "bootstrap_auroc", "value": round(ours, 4), "unit": "s", "limit": None, "peer": f"scikit-learn {sklearn.__version__} roc_auc_score",
            "peer_value": round(theirs, 4), "ratio": round(theirs / ours, 2)}


# ---- the whole ------------------------------------------------------------------------------------------------------------------


def print_table(items):
    print(f"{'name':30} {'value':>9} {'unit':11} {'peer':>9} {'ratio':>6} {'share':>6} {'peer':>6} {'MB':>7} {'peer':>7}  peer's name")
    for item in items:
        cells = [item.get(key) for key in ("share_of_peak", "peer_share_of_peak", "memory", "peer_memory")]
        shares = " ".join(f"{'-' if c is None else c:>{w}}" for c, w in zip(cells, (6, 6, 7, 7)))
        print(f"{item['name']:30} {item['value']:9.4g} {item['unit']:11} {item['peer_value']:9.4g} {item['ratio']:6.2f} {shares}  {item['peer']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="build folder with physioclr and bench/bench_encoders")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="JSON [BUILD/bench-peers.json]")
    parser.add_argument("--only", action="append", help="a name, or the beginning of one; may be given several times")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each side, item and round")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out; it takes minutes to compile")
    parser.add_argument("--realtime", action="store_true", help="both sides with real-time priority (root), for a machine that others use too")
    options = parser.parse_args()
    names = ["gemm_peak_fp32"] + [f"{kind}_{encoder}_fp32" for encoder in ENCODERS for kind in ("train", "infer")] + [f"layer_{k}_fp32" for k in LAYERS]

    def wanted(name):
        return not options.only or any(name.startswith(part) for part in options.only)

    items = [engine_item(options.build, name, options) for name in names if wanted(name) or name == "gemm_peak_fp32"]
    put_shares(items)
    with tempfile.TemporaryDirectory() as folder:
        if wanted("recordings"):
            items += recordings(options.build, folder, options.rounds)
        if wanted("bootstrap_auroc"):
            items.append(bootstrap(options.build, folder, options.rounds))
    print_table(items)
    output = options.output or options.build / "bench-peers.json"
    output.write_text(json.dumps(items, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
