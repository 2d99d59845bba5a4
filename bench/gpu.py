#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""physioclr beside PyTorch on one NVIDIA GPU, in one run: gpu.py BUILD [--seconds S] [--rounds N] [-o FILE.json] [--names NAME ...].

Networks as in peer_networks.py; a training step is the copy of a batch from pinned memory, forward, backward and AdamW (fused). PyTorch runs
eager and compiled (with CUDA graphs), in fp32 (TF32 off in products, as this engine computes) and under bf16 autocast; the faster of both counts.
Both sides in turn, several rounds, the fastest counts. "share" is the rate of multiply-adds over the fastest product of matrices (8192 cubed)
of that precision in this run."""
import argparse
import json
import pathlib
import subprocess
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_networks  # noqa: E402

LEADS, SAMPLES = 12, 2500
ENCODERS = ["transformer_small", "transformer_base", "xresnet1d50", "xresnet1d18"]


def fastest(step, seconds):
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def peak(bf16):
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16 if bf16 else torch.float32)
    b = torch.randn_like(a)
    return 2 * 8192**3 / fastest(lambda: a @ b, 1) / 1e9


def peer(name, batch, bf16, compiled):
    """A step of PyTorch's network; channels last where there are convolutions over images."""
    build, _ = peer_networks.ENCODERS[name]
    model = build(name.startswith("xresnet")).cuda().train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    x = torch.randn(batch, LEADS, SAMPLES).pin_memory()
    there = torch.empty(batch, LEADS, SAMPLES, device="cuda")

    def loss(values):
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
            return model(values).float().square().mean()

    run = torch.compile(loss, mode="reduce-overhead") if compiled else loss

    def step():
        there.copy_(x, non_blocking=True)
        optimiser.zero_grad(set_to_none=True)
        run(there).backward()
        optimiser.step()

    return step


def ours(build, name, batch, precision, seconds):
    command = [build / "bench" / "bench_encoders", "--backend", "cuda", "--batch", str(batch), "--seconds", str(seconds), f"train_{name}_{precision}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        print(f"{name} {precision}: {done.stderr.strip()}", flush=True)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="*", default=[32, 256])
    parser.add_argument("--precision", nargs="*", default=["bf16", "fp32"])
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--names", nargs="*", default=ENCODERS)
    o = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    rows = []
    print(torch.cuda.get_device_name(), torch.__version__, flush=True)
    for precision in o.precision:
        bf16 = precision == "bf16"
        most = peak(bf16)
        print(f"peak {precision}: {most:.0f} GFLOP/s", flush=True)
        for name in o.names:
            for batch in o.batch:
                best = {}
                for variant in ["eager"] + ([] if o.no_compile else ["compiled"]):
                    try:
                        step = peer(name, batch, bf16, variant == "compiled")
                        best[variant] = min(fastest(step, o.seconds) for _ in range(o.rounds))
                    except Exception as error:  # a variant that does not run here
                        print(f"{name} {variant}: {str(error).splitlines()[0][:120]}", flush=True)
                    step = None
                    torch.cuda.empty_cache()
                    own = ours(o.build, name, batch, precision, o.seconds)
                    if own and own["value"] > best.get("own", {"value": 0})["value"]:
                        best["own"] = own
                if "own" not in best:
                    continue
                variant, seconds = min(((k, v) for k, v in best.items() if k != "own"), key=lambda kv: kv[1])
                row = {"name": f"train_{name}_{precision}", "batch": batch, "unit": "segments/s", "value": best["own"]["value"], "peer": f"PyTorch {variant}",
                       "peer_value": batch / seconds, "ratio": best["own"]["value"] * seconds / batch, "share": best["own"]["gflop_per_s"] / most,
                       "peer_share": best["own"]["gflop_per_s"] / best["own"]["value"] * batch / seconds / most, "device": torch.cuda.get_device_name()}
                row["eager"] = batch / best["eager"] if "eager" in best else None
                rows.append(row)
                print(json.dumps(row), flush=True)
                if o.output:
                    o.output.write_text(json.dumps(rows, indent=1) + "\n")


main()
