#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""physioclr beside the libraries people use today, on this machine, in one run: peers.py BUILD [-o FILE.json].

Both sides are measured in turn, several rounds, and the fastest of each counts. The peer is tuned first: for every encoder the best of
PyTorch eager, compiled and (where there are convolutions) channels last, with the memory allocator as it is, told to keep its memory, and told
to keep it in huge pages. Rows end in _fp32 or _bf16 (the peer under autocast); the latter need a processor with bf16 units.
Prints a table and writes a list of {name, value, unit, limit, peer, peer_value, ratio, ...}; "share_of_peak" is the rate of multiply-adds
over the fastest product of matrices of that precision that either side reached in this run.

`make bench-peers` first makes the Python environment; with PYTHON=/path/to/python it uses one that is there.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WORKER = HERE / "peer_networks.py"
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
ALLOCATORS = {"": {}, " with kept memory": KEEP_MEMORY, " with kept huge pages": {**KEEP_MEMORY, "THP_MEM_ALLOC_ENABLE": "1"}}
ENCODERS = ["transformer_small", "xresnet1d18", "s4", "transformer_base", "xresnet1d50"]
LAYERS = ["linear", "conv1d", "positional_conv", "attention", "layer_norm", "batch_norm", "gelu"]
BATCH = {"transformer_base": 8}
PRECISIONS = ["fp32", "bf16"]
RATE = 500  # of the simulated recordings [Hz]


class Peer:
    """A worker process that holds one PyTorch network ready to run."""

    def __init__(self, name, variant, allocator, threads, realtime):
        environment = {**os.environ, **ALLOCATORS[allocator]}
        environment.pop("OMP_NUM_THREADS", None)
        environment.pop("OMP_WAIT_POLICY", None)
        if realtime:  # threads that wait by spinning would keep the others from their processors
            environment["OMP_WAIT_POLICY"] = "passive"
        self.label = f"PyTorch {variant}{allocator}, {threads} threads"
        self.process = subprocess.Popen([sys.executable, WORKER, name, variant, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


def peak_of(name):
    """The row that the shares of another are taken of."""
    return f"gemm_peak_{name[-4:]}"


def variants(name, compiled):
    """Ways to run a network: with each setting of the allocator, on all processors or half of them."""
    count = len(os.sched_getaffinity(0))
    threads = [count] if count < 4 else [count, count // 2]
    kinds = ["eager"]
    if name.startswith("layer") or name == peak_of(name):
        return [("eager", " with kept memory", n) for n in threads]
    if "xresnet1d" in name:
        kinds.append("channels_last")
    if compiled:
        kinds.append("compile")
    return [(kind, allocator, n) for kind in kinds for allocator in ALLOCATORS for n in threads]


def tuned(name, compiled, realtime):
    """The fastest variant, running; the others are stopped."""
    best, best_seconds = None, float("inf")
    for variant in variants(name, compiled):
        peer = Peer(name, *variant, realtime)
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
    return found[name], found[peak_of(name)]["value"]


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
    batch = BATCH.get(name.split("_", 1)[1].rsplit("_", 1)[0], 32)
    if name == peak_of(name):
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
    peaks = {}
    for item in items:
        row = peak_of(item["name"])
        peaks[row] = max(peaks.get(row, 0), item["gemm"], item["peer_value"] if item["name"] == row else 0)
    for item in items:
        peak = peaks[peak_of(item["name"])]
        if "share_of_peak" in item:
            item["share_of_peak"] = round(item["share_of_peak"] * item["gemm"] / peak, 3)
            item["peer_share_of_peak"] = round(item["share_of_peak"] / item["ratio"], 3)
        item.pop("gemm", None)


# ---- recordings ----------------------------------------------------------------------------------------------------------------


def best_of(runs, work):
    """Seconds of the fastest of `runs` calls."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


class ReadByWfdb:
    """Reading format 16 into physical units."""

    names = ["read_wfdb16"]

    def __init__(self, paths):
        import wfdb

        self.peer, self.wfdb, self.paths = f"wfdb {wfdb.__version__}", wfdb, paths

    def measure(self):
        return 1e3 * best_of(1, lambda: [self.wfdb.rdrecord(path) for path in self.paths]) / len(self.paths)


class PeaksBySleepecg:
    names = ["r_peaks"]

    def __init__(self, paths):
        import sleepecg
        import wfdb

        self.peer, self.sleepecg = f"sleepecg {sleepecg.__version__}, one lead", sleepecg
        self.leads = [wfdb.rdrecord(path, channels=[1]).p_signal[:, 0].copy() for path in paths[:8]]

    def measure(self):
        return 1e3 * best_of(10, lambda: [self.sleepecg.detect_heartbeats(x, RATE) for x in self.leads]) / len(self.leads)


class MarksByNeurokit:
    """Every lead cleaned, its R peaks found and its waves marked by the wavelet method; it has no features like ours."""

    names = ["fiducials", "features"]

    def __init__(self, paths):
        import neurokit2
        import wfdb

        self.peer, self.nk = f"NeuroKit2 {neurokit2.__version__} clean + peaks + dwt, 12 leads, without features", neurokit2
        self.signals = [wfdb.rdrecord(path).p_signal for path in paths[:2]]
        self.mark(self.signals[0][:, 1])

    def mark(self, x):
        clean = self.nk.ecg_clean(x, sampling_rate=RATE)
        _, peaks = self.nk.ecg_peaks(clean, sampling_rate=RATE)
        self.nk.ecg_delineate(clean, peaks, sampling_rate=RATE, method="dwt")

    def mark_all(self):
        for x in self.signals:
            for lead in range(x.shape[1]):
                try:
                    self.mark(x[:, lead])
                except (ValueError, IndexError, ZeroDivisionError):
                    pass  # it gives up on some leads; the time until then counts

    def measure(self):
        return 1e3 * best_of(1, self.mark_all) / len(self.signals)


class BootstrapByScikit:
    """Macro AUROC and average precision in 1,000 resamples of 20,000 records and 26 classes: the time of one, scaled, and halved as if two
    processes shared the work without loss, because our side has two threads."""

    names = ["bootstrap_1000x26x20000"]

    def __init__(self, _):
        import numpy
        import sklearn

        self.peer = f"scikit-learn {sklearn.__version__}, AUROC and AP only, scaled from one resample to 1,000 on two cores"
        self.random = numpy.random.default_rng(1)
        share = 0.4 * (26 - numpy.arange(26)) / 26 / (1 + numpy.arange(26) // 4)
        self.label = (self.random.random((20000, 26)) < share).astype(int)
        self.score = 0.5 * self.random.random((20000, 26)) + 0.1 + 0.2 * self.label

    def resample(self):
        from sklearn.metrics import average_precision_score, roc_auc_score

        drawn = self.random.integers(0, 20000, 20000)
        roc_auc_score(self.label[drawn], self.score[drawn], average="macro")
        average_precision_score(self.label[drawn], self.score[drawn], average="macro")

    def measure(self):
        return 1000 / 2 * best_of(1, self.resample)


def lines_of(*command):
    """A program's figures by name: one list, or one object a line."""
    text = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return {line["name"]: line for line in lines}


def others(build, folder, wanted, rounds):
    """Reading, R peaks, marks, features and the bootstrap: both sides in turn; a package that is missing is named and left out."""
    subprocess.run([build / "physioclr", "simulate", folder, "--records", "40", "--seed", "1", "--quiet"], check=True)
    paths = sorted(str(path.with_suffix("")) for path in pathlib.Path(folder).glob("**/*.hea"))
    ours, theirs, peers = {}, {}, []
    for kind in (ReadByWfdb, PeaksBySleepecg, MarksByNeurokit, BootstrapByScikit):
        try:
            if any(map(wanted, kind.names)):
                peers.append(kind(paths))
        except ImportError as missing:
            print(f"{', '.join(kind.names)}: {missing.name} is not installed, left out", file=sys.stderr)
    for _ in range(rounds):
        for peer in peers:
            value = peer.measure()
            for name in peer.names:
                theirs[name] = {"peer": peer.peer, "peer_value": round(min(value, theirs.get(name, {}).get("peer_value", math.inf)), 5)}
        lines = {}
        if any(name in theirs for name in ("read_wfdb16", "r_peaks", "fiducials", "features")):
            lines |= lines_of(build / "physioclr", "bench", "--only", "read", "--only", "physiology", "--json", "--quiet")
        if "bootstrap_1000x26x20000" in theirs:
            lines |= lines_of(build / "bench" / "bench_eval")
        for name, line in lines.items():
            if name in theirs and line["value"] < ours.get(name, {}).get("value", math.inf):
                ours[name] = line
    return [{**ours[name], **theirs[name], "ratio": round(theirs[name]["peer_value"] / ours[name]["value"], 2)} for name in ours]


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
    rows = [f"{kind}_{encoder}" for encoder in ENCODERS for kind in ("train", "infer")] + [f"layer_{k}" for k in LAYERS]

    def wanted(name):
        return not options.only or any(name.startswith(part) for part in options.only)

    names = []
    for precision in PRECISIONS:
        chosen = [f"{row}_{precision}" for row in rows if wanted(f"{row}_{precision}")]
        peak = f"gemm_peak_{precision}"
        if not (chosen or wanted(peak)):
            continue
        if peak in lines_of(options.build / "bench" / "bench_encoders", "--seconds", "0.1", peak):
            names += [peak, *chosen]  # the shares need the peak
        else:
            print(f"{precision}: not on this processor, left out", file=sys.stderr)
    items = [engine_item(options.build, name, options) for name in names]
    put_shares(items)
    with tempfile.TemporaryDirectory() as folder:
        items += others(options.build, folder, wanted, options.rounds)
    print_table(items)
    output = options.output or options.build / "bench-peers.json"
    output.write_text(json.dumps(items, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
