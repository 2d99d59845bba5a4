#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of today's tools on simulated records: peers.py RECORDS_FOLDER.

Prints one JSON object a line, {"name", "peer", "peer_value"}, for every package that is installed; names and units are those of
`physioclr bench`. Each figure is the best of several runs on one core unless the tool itself uses more.
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


def train(threads):
    """One step of the transformer (D 256, 4 layers, 4 heads, FFN 1024; convolutions of 256 channels) with a contrastive loss, batch 32."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    class Encoder(nn.Module):
        def __init__(self, leads=12, width=256, layers=4):
            super().__init__()
            stem, channels = [], leads
            for kernel in (5, 2, 2, 2):
                stem += [nn.Conv1d(channels, width, kernel, stride=2 if kernel == 2 else 5), nn.GELU()]
                channels = width
            self.stem = nn.Sequential(*stem)
            self.norm = nn.LayerNorm(width)
            self.position = nn.Conv1d(width, width, 128, padding=64, groups=16)
            layer = nn.TransformerEncoderLayer(width, 4, 1024, batch_first=True, activation="gelu")
            self.layers = nn.TransformerEncoder(layer, layers)

        def forward(self, x):
            h = self.stem(x)
            h = h + nn.functional.gelu(self.position(h)[..., : h.shape[-1]])
            return self.layers(self.norm(h.transpose(1, 2))).mean(1)

    model = Encoder()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x = torch.randn(32, 12, 2500)

    def step():
        optimiser.zero_grad()
        h = nn.functional.normalize(model(x))
        nn.functional.cross_entropy(h @ h.T / 0.1, torch.arange(32)).backward()
        optimiser.step()

    step()
    seconds = best_of(4, step)
    tell("train_transformer_small", torch, 32 / seconds, "PyTorch, the encoder's step alone,")


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
    attempt(train, len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
