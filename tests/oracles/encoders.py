# SPDX-License-Identifier: Apache-2.0
"""Outputs of the encoders, pooling and decoder, computed by PyTorch in double, for parameters made of sines.

    python3 tests/oracles/encoders.py > tests/oracles/encoders.txt

A line is "NAME SHAPE.. : MEAN MEANSQUARE V0 V1 ..." (first eight values of the output).
"""
import math
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def fnv1a(text):
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 % 2**64
    return h


def waves(count, seed):
    return torch.tensor([math.sin(0.7 * k * k % 97 + 1.3 * k + seed) for k in range(count)]).float().double()


PARAMETERS = {}  # name -> tensor, made on first use; learning.py trains them


def param(name, *shape):
    if name not in PARAMETERS:
        size = math.prod(shape)
        value = (waves(size, fnv1a(name) % 1000 / 100) / math.sqrt(size / shape[0])).reshape(shape)
        PARAMETERS[name] = value.requires_grad_()
    return PARAMETERS[name]


def linear(x, name, out):
    return x @ param(name + ".weight", out, x.shape[-1]).T + param(name + ".bias", out)


def conv(x, name, out, kernel, stride=1, pad=None):
    w = param(name + ".weight", out, kernel, x.shape[-1]).permute(0, 2, 1)
    pad = (kernel - 1) // 2 if pad is None else pad
    return F.conv1d(x.transpose(1, 2), w, stride=stride, padding=pad).transpose(1, 2)


def batch_norm(x, name):
    c = x.shape[-1]
    m, v = x.mean((0, 1)), x.var((0, 1), unbiased=False)
    return (x - m) / torch.sqrt(v + 1e-5) * param(name + ".weight", c) + param(name + ".bias", c)


def layer_norm(x, name):
    c = x.shape[-1]
    return F.layer_norm(x, (c,), param(name + ".weight", c), param(name + ".bias", c))


# ---- xresnet1d ----
def conv_norm(x, name, out, kernel, stride=1):
    return batch_norm(conv(x, name + ".conv", out, kernel, stride), name + ".norm")


def xresnet(x, w, blocks, bottleneck):
    e = "encoder."
    x = F.relu(conv_norm(x, e + "stem.0", w // 2, 5, 2))
    x = F.relu(conv_norm(x, e + "stem.1", w // 2, 5))
    x = F.relu(conv_norm(x, e + "stem.2", w, 5))
    x = F.max_pool1d(x.transpose(1, 2), 3, 2, 1).transpose(1, 2)
    for s, n in enumerate(blocks):
        for b in range(n):
            name, width = f"{e}stage{s}.{b}.", w << s
            out, stride = width * (4 if bottleneck else 1), 2 if s and not b else 1
            if bottleneck:
                y = F.relu(conv_norm(x, name + "conv1", width, 1))
                y = F.relu(conv_norm(y, name + "conv2", width, 5, stride))
                y = conv_norm(y, name + "conv3", out, 1)
            else:
                y = F.relu(conv_norm(x, name + "conv1", width, 5, stride))
                y = conv_norm(y, name + "conv2", out, 5)
            if stride > 1:
                odd = x.shape[1] % 2
                x = F.avg_pool1d(x.transpose(1, 2), 2, 2, odd, count_include_pad=False).transpose(1, 2)
            if x.shape[2] != out:
                x = conv_norm(x, name + "shortcut", out, 1)
            x = F.relu(x + y)
    return x


# ---- transformer ----
def transformer(x, stem, d, inner, layers, head, stride):
    e = "encoder."
    for k in range(int(math.log2(stride))):
        x = conv(x, f"{e}stem.{k}.conv", stem, 2, 2, 0)
        if k == 0:
            g, b = param(f"{e}stem.0.norm.weight", stem), param(f"{e}stem.0.norm.bias", stem)
            x = F.group_norm(x.transpose(1, 2), stem, g, b).transpose(1, 2)
        x = F.gelu(x)
    x = linear(layer_norm(x, e + "stem_norm"), e + "project", d)
    v = param(e + "position.v", d, 128, d // 16)
    w = param(e + "position.gain", 128)[None, :, None] * v / v.norm(dim=(0, 2), keepdim=True)
    p = F.conv1d(x.transpose(1, 2), w.permute(0, 2, 1), param(e + "position.bias", d), padding=64, groups=16)
    x = layer_norm(x + F.gelu(p[:, :, :-1].transpose(1, 2)), e + "norm")
    for k in range(layers):
        n = f"{e}layer{k}."
        q, key, val = (linear(x, n + s, d).unflatten(2, (d // head, head)).transpose(1, 2) for s in ("query", "key", "value"))
        a = F.scaled_dot_product_attention(q, key, val).transpose(1, 2).flatten(2)
        x = layer_norm(x + linear(a, n + "output", d), n + "attention_norm")
        x = layer_norm(x + linear(F.gelu(linear(x, n + "inner", inner)), n + "outer", d), n + "norm")
    return x


# ---- s4 ----
def s4d(x, name):
    c, states = x.shape[2], 8
    dt = torch.exp(param(name + ".log_dt", c))[:, None]
    a = torch.complex(-torch.exp(param(name + ".log_re", c, states)), param(name + ".im", c, states))
    out = torch.complex(param(name + ".c_re", c, states), param(name + ".c_im", c, states))
    step = torch.exp(a * dt)
    gain = (step - 1) / a
    h, y = torch.zeros(x.shape[0], c, states, dtype=torch.complex128), []
    for t in range(x.shape[1]):
        h = step * h + gain * x[:, t, :, None]
        y.append(2 * (out * h).sum(-1).real + param(name + ".d", c) * x[:, t])
    return torch.stack(y, 1)


def s4(x, width, layers, stride, causal=False):
    e = "encoder."
    n = int(math.log2(stride))
    for k in range(n):
        out = max(32, width >> (3 * (n - 1 - k)))
        x = F.gelu(conv(x, f"{e}stem.{k}.conv", out, 5, 2) + param(f"{e}stem.{k}.conv.bias", out))
    for k in range(layers):
        name = f"{e}layer{k}."
        y = s4d(x, name + "forward")
        if not causal:
            y = y + s4d(x.flip(1), name + "backward").flip(1)
        y = F.glu(linear(F.gelu(y), name + "mix", 2 * width), -1)
        x = layer_norm(x + y, name + "norm")
    return x


def attention_pool(h):
    score = linear(torch.tanh(linear(h, "pool.hidden", min(h.shape[2], 128))), "pool.score", 1)
    return (torch.softmax(score, 1) * h).sum(1)


def decode(h, samples, leads):
    n = round(math.log2(samples / h.shape[1]))
    while h.shape[1] << n < samples:
        h = torch.cat([h, h[:, -1:]], 1)
    channels = min(h.shape[2], 256)
    for k in range(n):
        w = param(f"decoder.{k}.weight", h.shape[2], 4, channels).permute(0, 2, 1)
        h = F.gelu(F.conv_transpose1d(h.transpose(1, 2), w, param(f"decoder.{k}.bias", channels), 2, 1).transpose(1, 2))
        channels = max(channels // 2, 32)
    w = param("decoder.output.weight", leads, 3, h.shape[2]).permute(0, 2, 1)
    return F.conv1d(h[:, :samples].transpose(1, 2), w, param("decoder.output.bias", leads), padding=1).transpose(1, 2)


def report(name, y):
    y = y.flatten(1) if y.dim() == 1 else y
    values = " ".join("%.9g" % v for v in y.flatten()[:8])
    print(name, *y.shape, ":", "%.9g %.9g" % (y.mean().item(), y.square().mean().item()), values)
    PARAMETERS.clear()


B, T, C = 3, 203, 5
signal = waves(B * T * C, 1).reshape(B, T, C)

if __name__ == "__main__":
    report("xresnet1d.18", xresnet(signal, 8, (2, 2, 2, 2), False))
    report("xresnet1d.50", xresnet(signal, 8, (3, 4, 6, 3), True))
    report("transformer.tiny", transformer(signal, 128, 128, 512, 3, 32, 4))
    report("s4.tiny", s4(signal, 64, 2, 4))
    report("s4.causal", s4(signal, 64, 2, 4, True))
    h = s4(signal, 64, 2, 4)
    report("attention", attention_pool(h))
    report("decoder", decode(h, T, C))
    report("decoder.long", decode(h, 230, 2))
    print("made with torch", torch.__version__, file=sys.stderr)
