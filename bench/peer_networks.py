# SPDX-License-Identifier: Apache-2.0
"""The networks and layers of bench_encoders.c in PyTorch, and a worker that times one of them.

peer_networks.py NAME VARIANT THREADS reads seconds from standard input, line by line, and answers each with a JSON object: the seconds of the
fastest step that began within them, and the memory [MB] that the steps have taken at most. VARIANT: eager, channels_last (convolutions
over one row of an image, channels last in memory), compile. Names end in _fp32 or _bf16; the latter run under autocast.
"""
import contextlib
import json
import math
import os
import resource
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")


class Attention(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.inputs(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.output(y.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width, inner, heads, dropout):
        super().__init__()
        self.attention, self.dropout = Attention(width, heads, dropout), nn.Dropout(dropout)
        self.first_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        x = self.first_norm(x + self.dropout(self.attention(x)))
        return self.norm(x + self.dropout(self.outer(F.gelu(self.inner(x)))))


class Transformer(nn.Module):
    """src/model/transformer.c"""

    def __init__(self, stem, width, layers, leads=12, dropout=0.1):
        super().__init__()
        self.stem = nn.ModuleList(nn.Conv1d(stem if k else leads, stem, 2, 2, bias=False) for k in range(4))
        self.first_norm = nn.GroupNorm(stem, stem)
        self.stem_norm, self.project = nn.LayerNorm(stem), nn.Linear(stem, width)
        self.position = nn.utils.parametrizations.weight_norm(nn.Conv1d(width, width, 128, padding=64, groups=16), dim=2)
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.layers = nn.Sequential(*(Layer(width, 4 * width, width // 64, dropout) for _ in range(layers)))

    def forward(self, x):
        for k, convolution in enumerate(self.stem):
            x = convolution(x)
            x = F.gelu(self.first_norm(x) if k == 0 else x)
        x = self.dropout(self.project(self.stem_norm(x.transpose(1, 2))))
        x = x + F.gelu(self.position(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
        return self.layers(self.dropout(self.norm(x))).mean(1)


class XResNet(nn.Module):
    """src/model/xresnet1d.c, width 64; `blocks` of each stage; `image`: as an image one pixel high, channels last."""

    def __init__(self, image, blocks=(2, 2, 2, 2), bottleneck=False, leads=12, width=64):
        super().__init__()
        self.image = image
        layers = [self.conv(leads, width // 2, 5, 2), self.conv(width // 2, width // 2, 5), self.conv(width // 2, width, 5)]
        layers.append(nn.MaxPool2d((1, 3), (1, 2), (0, 1)) if image else nn.MaxPool1d(3, 2, 1))
        inputs = width
        for stage, count in enumerate(blocks):
            for block in range(count):
                layers.append(Block(self, inputs, width << stage, bottleneck, 2 if stage and not block else 1))
                inputs = (width << stage) * (4 if bottleneck else 1)
        self.layers = nn.Sequential(*layers)
        if image:
            self.to(memory_format=torch.channels_last)

    def conv(self, inputs, outputs, kernel, stride=1, relu=True):
        pad = (kernel - 1) // 2
        if self.image:
            both = [nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), (0, pad), bias=False), nn.BatchNorm2d(outputs)]
        else:
            both = [nn.Conv1d(inputs, outputs, kernel, stride, pad, bias=False), nn.BatchNorm1d(outputs)]
        return nn.Sequential(*both, *([nn.ReLU(inplace=True)] if relu else []))

    def forward(self, x):
        if self.image:
            x = x[:, :, None, :].contiguous(memory_format=torch.channels_last)
        return self.layers(x).flatten(2).mean(2)


class Block(nn.Module):
    def __init__(self, net, inputs, width, bottleneck, stride):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.branch = nn.Sequential(net.conv(inputs, width, 1), net.conv(width, width, 5, stride), net.conv(width, outputs, 1, relu=False))
        else:
            self.branch = nn.Sequential(net.conv(inputs, width, 5, stride), net.conv(width, width, 5, relu=False))
        pool = nn.AvgPool2d((1, 2), (1, 2), ceil_mode=True) if net.image else nn.AvgPool1d(2, 2, ceil_mode=True)
        shortcut = [pool] if stride == 2 else []
        self.shortcut = nn.Sequential(*shortcut, *([net.conv(inputs, outputs, 1, relu=False)] if inputs != outputs else []))

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x))


class StateSpace(nn.Module):
    """S4D (Gu et al. 2022) with its kernel applied by FFT, as its authors do."""

    def __init__(self, width, states=8):
        super().__init__()
        self.log_dt = nn.Parameter(torch.empty(width).uniform_(math.log(0.001), math.log(0.1)))
        self.log_re = nn.Parameter(torch.full((width, states), math.log(0.5)))
        self.im = nn.Parameter(math.pi * torch.arange(states).float().repeat(width, 1))
        self.c = nn.Parameter(torch.randn(width, states, 2) * math.sqrt(0.5))
        self.d = nn.Parameter(torch.randn(width))

    def forward(self, x):  # [B][C][T]
        length = x.shape[-1]
        a = torch.complex(-torch.exp(self.log_re), self.im)
        dta = a * torch.exp(self.log_dt)[:, None]
        c = torch.view_as_complex(self.c) * (torch.exp(dta) - 1) / a
        powers = torch.exp(dta[..., None] * torch.arange(length, device=x.device))
        kernel = 2 * torch.einsum("cn,cnt->ct", c, powers).real
        y = torch.fft.irfft(torch.fft.rfft(x, 2 * length) * torch.fft.rfft(kernel, 2 * length), 2 * length)[..., :length]
        return y + x * self.d[:, None]


class S4Layer(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.ahead, self.back = StateSpace(width), StateSpace(width)
        self.mix, self.norm, self.dropout = nn.Linear(width, 2 * width), nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x):  # [B][T][C]
        t = x.transpose(1, 2)
        y = self.ahead(t) + self.back(t.flip(-1)).flip(-1)
        y = F.glu(self.mix(self.dropout(F.gelu(y)).transpose(1, 2)), -1)
        return self.norm(x + self.dropout(y))


class S4(nn.Module):
    """src/model/s4.c, small"""

    def __init__(self, leads=12, width=128, layers=4, dropout=0.1):
        super().__init__()
        self.stem = nn.ModuleList([nn.Conv1d(leads, 32, 5, 2, 2), nn.Conv1d(32, width, 5, 2, 2)])
        self.layers = nn.Sequential(*(S4Layer(width, dropout) for _ in range(layers)))

    def forward(self, x):
        for convolution in self.stem:
            x = F.gelu(convolution(x))
        return self.layers(x.transpose(1, 2)).mean(1)


class Alone(nn.Module):
    """Attention on one tensor, without its linear maps."""

    def forward(self, x):
        h = x.unflatten(-1, (4, -1)).transpose(1, 2)
        return F.scaled_dot_product_attention(h, h, h)


ENCODERS = {
    "transformer_small": (lambda image: Transformer(256, 256, 4), 32),
    "transformer_base": (lambda image: Transformer(256, 768, 12), 8),
    "xresnet1d18": (XResNet, 32),
    "xresnet1d50": (lambda image: XResNet(image, (3, 4, 6, 3), True), 32),
    "s4": (lambda image: S4(), 32),
}
LAYERS = {
    "linear": (lambda: nn.Linear(256, 1024), (32, 156, 256)),
    "conv1d": (lambda: nn.Conv1d(128, 128, 5, padding=2, bias=False), (32, 128, 313)),
    "positional_conv": (lambda: nn.Conv1d(256, 256, 128, padding=64, groups=16), (32, 256, 156)),
    "attention": (Alone, (32, 156, 256)),
    "layer_norm": (lambda: nn.LayerNorm(256), (32, 156, 256)),
    "batch_norm": (lambda: nn.BatchNorm1d(128), (32, 128, 313)),
    "gelu": (nn.GELU, (32, 156, 1024)),
}


def autocast(precision):
    """Products of bf16 where PyTorch chooses them; weights and optimiser stay fp32."""
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()


def training_step(model, x, precision):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        optimiser.zero_grad()
        with autocast(precision):
            loss = model(x).square().mean()
        loss.backward()
        optimiser.step()

    return step


def forward_pass(model, x, precision):
    model.eval()

    def step():
        with torch.inference_mode(), autocast(precision):
            model(x)

    return step


def layer_step(layer, shape, precision):
    x = torch.randn(*shape, requires_grad=True)
    with autocast(precision):
        slope = torch.zeros_like(layer(x))
    slope[:, :1] = 1

    def step():
        x.grad = None
        with autocast(precision):
            y = layer(x)
        y.backward(slope)

    return step


def product_steps(precision):
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    sides = [(torch.randn(4992, k, dtype=kind), torch.randn(n, k, dtype=kind)) for n, k in ((256, 256), (1024, 256), (256, 1024), (1024, 1024))]
    return [(lambda a=a, b=b: F.linear(a, b), 2e-9 * a.shape[0] * b.numel()) for a, b in sides]


def make_step(name, variant):
    name, precision = name.rsplit("_", 1)
    kind, rest = name.split("_", 1)
    if kind == "layer":
        return layer_step(LAYERS[rest][0](), LAYERS[rest][1], precision)
    build, batch = ENCODERS[rest]
    model = build(variant == "channels_last")
    if variant == "compile":
        model = torch.compile(model)
    return (training_step if kind == "train" else forward_pass)(model, torch.randn(batch, 12, 2500), precision)


def fastest(step, seconds):
    best, begin = math.inf, time.perf_counter()
    while best == math.inf or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best


def set_priority(realtime):
    """Of every thread of this process; for machines that others use at the same time."""
    policy, level = (os.SCHED_FIFO, 10) if realtime else (os.SCHED_OTHER, 0)
    for thread in os.listdir("/proc/self/task"):
        os.sched_setscheduler(int(thread), policy, os.sched_param(level))


def main():
    name, variant, threads = sys.argv[1:4]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    if name.startswith("gemm_peak"):
        products = product_steps(name[-4:])
        before, answer = 0, lambda seconds: 1 / max(flop / fastest(step, seconds / len(products)) for step, flop in products)
    else:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step = make_step(name, variant)
        step()
        answer = lambda seconds: fastest(step, seconds)
    for line in sys.stdin:
        realtime = line.startswith("realtime")
        if realtime:
            set_priority(True)
        seconds = answer(float(line.split()[-1]))
        if realtime:
            set_priority(False)
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1.024e-3
        print(json.dumps({"seconds": seconds, "memory": round(memory, 1), "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
