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
    """bench_encoders.c with PyTorch, eager fp32: the same networks, loss, optimiser and batch."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    class Transformer(nn.Module):
        """src/model/transformer.c, small: four convolutions k2 s2 of 256, D 256, 4 layers of 4 heads, inner 1024, dropout 0.1."""

        def __init__(self, leads=12, width=256, layers=4, dropout=0.1):
            super().__init__()
            self.stem = nn.ModuleList(nn.Conv1d(width if k else leads, width, 2, 2, bias=False) for k in range(4))
            self.first_norm = nn.GroupNorm(width, width)
            self.stem_norm = nn.LayerNorm(width)
            self.project = nn.Linear(width, width)
            position = nn.Conv1d(width, width, 128, padding=64, groups=16)
            self.position = nn.utils.parametrizations.weight_norm(position, dim=2)
            self.norm = nn.LayerNorm(width)
            self.dropout = nn.Dropout(dropout)
            layer = nn.TransformerEncoderLayer(width, width // 64, 4 * width, dropout, "gelu", batch_first=True)
            self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

        def forward(self, x):
            for k, convolution in enumerate(self.stem):
                x = convolution(x)
                x = F.gelu(self.first_norm(x) if k == 0 else x)
            x = self.dropout(self.project(self.stem_norm(x.transpose(1, 2))))
            x = x + F.gelu(self.position(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
            return self.layers(self.dropout(self.norm(x))).mean(1)

    def conv_norm(inputs, outputs, kernel, stride=1, relu=True):
        layers = [nn.Conv1d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False), nn.BatchNorm1d(outputs)]
        return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.branch = nn.Sequential(conv_norm(inputs, outputs, 5, stride), conv_norm(outputs, outputs, 5, relu=False))
            pool = [nn.AvgPool1d(2, 2, ceil_mode=True)] if stride == 2 else []
            self.shortcut = nn.Sequential(*pool, *([conv_norm(inputs, outputs, 1, relu=False)] if inputs != outputs else []))

        def forward(self, x):
            return F.relu(self.branch(x) + self.shortcut(x))

    class XResNet18(nn.Module):
        """src/model/xresnet1d.c, 18, width 64."""

        def __init__(self, leads=12, width=64):
            super().__init__()
            layers = [conv_norm(leads, width // 2, 5, 2), conv_norm(width // 2, width // 2, 5), conv_norm(width // 2, width, 5), nn.MaxPool1d(3, 2, 1)]
            inputs = width
            for stage in range(4):
                for block in range(2):
                    outputs = width << stage
                    layers.append(Block(inputs, outputs, 2 if stage and not block else 1))
                    inputs = outputs
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            return self.layers(x).mean(2)

    x = torch.randn(32, 12, 2500)
    for name, model in (("transformer_small", Transformer()), ("xresnet1d_18", XResNet18())):
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

        def step():
            optimiser.zero_grad()
            model(x).square().mean().backward()
            optimiser.step()

        def forward():
            with torch.inference_mode():
                model(x)

        step()
        tell(f"step_{name}", torch, 32 / best_of(5, step), "PyTorch eager fp32")
        model.eval()
        forward()
        tell(f"forward_{name}", torch, 32 / best_of(5, forward), "PyTorch eager fp32")


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
