# SPDX-License-Identifier: Apache-2.0
"""Steps of AdamW, and how the encoders of encoders.py learn by it, computed by PyTorch in double.

    python3 tests/oracles/learning.py > tests/oracles/learning.txt

"adamw.KIND V.." are parameters after five steps; "curve.ENCODER V.." the losses of ten steps; "gradients.ENCODER NAME NORM PROJECTION .."
the gradients of the first step: their norm, and their product with sines.
"""
import sys

import torch

import encoders
from encoders import B, s4, signal, transformer, waves, xresnet

# ---- AdamW: seven values, gradients g_t = sines of step t plus the values themselves
SLOW = ("log_dt", "log_re", "im")  # learn at a tenth of the rate


def line(name, values):
    print(name, *("%.10g" % v for v in values))


def adamw(name, decay, clip, rates):
    p = waves(7, 2.0).requires_grad_()
    optimiser = torch.optim.AdamW([p], lr=1.0, betas=(0.9, 0.99), eps=1e-8, weight_decay=decay)
    for step, rate in enumerate(rates):
        optimiser.param_groups[0]["lr"] = rate
        p.grad = (3 * waves(7, 10.0 + step) + p).detach()
        if clip:
            torch.nn.utils.clip_grad_norm_([p], clip)
        optimiser.step()
    line("adamw." + name, p.detach())


adamw("plain", 0.0, None, [0.1] * 5)
adamw("decay", 0.3, None, [0.1] * 5)
adamw("clip", 0.3, 1.5, [0.1] * 5)
adamw("schedule", 0.3, None, [0.02, 0.04, 0.1, 0.05, 0.01])


# ---- ten steps of each encoder; the loss is the mean square of the pooled output minus sines
def learn(name, encode):
    encoders.PARAMETERS.clear()
    width = encode().shape[2]
    target = waves(B * width, 4.0).reshape(B, width)
    names = sorted(encoders.PARAMETERS)
    groups = [{"params": [encoders.PARAMETERS[n]], "lr": 0.001 * (0.1 if n.rsplit(".", 1)[-1] in SLOW else 1)} for n in names]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    for step in range(10):
        optimiser.zero_grad()
        loss = (encode().mean(1) - target).square().mean()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = [(n, encoders.PARAMETERS[n].grad) for n in names]
            print("gradients." + name, *("%s %.8g %.8g" % (n, g.norm(), (g.flatten() * waves(g.numel(), 3.0)).sum()) for n, g in gradients))
        optimiser.step()
    line("curve." + name, losses)


learn("xresnet1d", lambda: xresnet(signal, 8, (2, 2, 2, 2), False))
learn("transformer", lambda: transformer(signal, 128, 128, 512, 3, 32, 4))
learn("s4", lambda: s4(signal, 64, 2, 4))
print("made with torch", torch.__version__, file=sys.stderr)
