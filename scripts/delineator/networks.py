# SPDX-License-Identifier: Apache-2.0
"""The delineator's networks in torch, as src/physio/learned.c computes them, and how they are trained."""
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recordings import P_PRESENT

POINTS = 8
GRID = 4  # working samples between the places that the beat network weighs
BLUR = 5.0  # working samples: standard deviation of the label on that grid
OWN = np.r_[0:71, 107:239]  # inputs that change sign with the lead
CONTEXT = 5  # inputs behind the beat's own, seen by the presence network alone
RHYTHM = np.r_[107:381]  # what the presence network sees, the first 132 its lead's own
HALF = 15
STEP = [2, 2, 2, 1, 1, 3, 3, 3]  # of what a point network sees, working samples
FINE = [0, 0, 0, 1, 1, 0, 0, 0]  # whether it sees the lead and the slopes at QRS scale
JITTER = [3, 3, 3, 1.5, 1.5, 3, 3, 4]  # by which its start is moved in training, working samples
STRIP_BEFORE, STRIP = 120, 311


class Table:
    """Rows as tensors, with the constants that all networks share."""

    def __init__(self, rows):
        self.rows = rows
        self.x, self.y = torch.tensor(rows["x"][:, :-CONTEXT]), torch.tensor(rows["y"])
        self.rhythm = torch.tensor(rows["x"][:, RHYTHM])
        self.marked = np.isin(rows["source"], ("ludb", "qtdb"))
        points = rows["y"][:, :POINTS]
        self.mean, self.sd = self.x.mean(0), self.x.std(0) + 0.02
        self.spread = torch.tensor(np.nanstd(points, axis=0))
        low = np.floor(np.nanpercentile(points, 0.05, axis=0) / GRID) * GRID - 2 * GRID
        high = np.ceil(np.nanpercentile(points, 99.95, axis=0) / GRID) * GRID + 2 * GRID
        self.grids = [torch.arange(a, b + 1, GRID).float() for a, b in zip(low, high)]
        self.first = np.cumsum([0] + [len(g) for g in self.grids])
        # QTDB has half the records of LUDB and a sixth of its leads.
        self.weight = torch.tensor(np.where(rows["source"] == "qtdb", 2.0, 1.0).astype(np.float32))

    def subset(self, chosen):
        return torch.tensor(np.flatnonzero(chosen))


def mlp(inputs, hidden, outputs, drop):
    a, b = hidden
    return nn.Sequential(nn.Linear(inputs, a), nn.ReLU(), nn.Dropout(drop[0]), nn.Linear(a, b), nn.ReLU(), nn.Dropout(drop[1]),
                         nn.Linear(b, outputs))


def run(net, index, epochs, batch, rate, loss_of):
    """One-cycle AdamW over the rows `index`."""
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    steps = len(index) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * steps + 1, pct_start=0.15)
    start = time.process_time()
    for _ in range(epochs):
        order = index[torch.randperm(len(index))]
        for k in range(steps):
            loss = loss_of(order[k * batch : (k + 1) * batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    print(f"  {len(index)} rows, {epochs} epochs, loss {loss.item():.3f}, {time.process_time() - start:.0f} s", flush=True)
    net.eval()
    return net


# ---- the whole beat ---------------------------------------------------------------------------------------------


def beat_loss(table, net, rows, noise=0.3):
    x, y, w = table.x[rows], table.y[rows], table.weight[rows]
    turned = (torch.rand(len(rows)) < 0.5)[:, None] & torch.zeros(x.shape[1], dtype=torch.bool).index_fill(0, torch.tensor(OWN), True)
    x = (torch.where(turned, -x, x) - table.mean) / table.sd
    o = net(x + noise * torch.randn_like(x))
    loss = torch.zeros(())
    for p, grid in enumerate(table.grids):
        known = ~torch.isnan(y[:, p])
        label = torch.softmax(-0.5 * ((grid[None] - y[known, p : p + 1]) / BLUR) ** 2, 1)
        logs = torch.log_softmax(o[known, table.first[p] : table.first[p + 1]], 1)
        loss = loss - ((label * logs).sum(1) * w[known]).mean() / POINTS
    present = y[:, P_PRESENT:]
    known = ~torch.isnan(present)
    cross = F.binary_cross_entropy_with_logits(o[:, -2:], torch.nan_to_num(present), reduction="none")
    return loss + 0.7 * (cross * known * w[:, None]).sum() / known.sum()


def train_beat(table, chosen, seed=0, epochs=6):
    torch.manual_seed(seed)
    net = mlp(table.x.shape[1], (96, 48), table.first[-1] + 2, (0.15, 0.15))
    return run(net, table.subset(chosen), epochs, 512, 3e-3, lambda rows: beat_loss(table, net, rows))


def decode(table, o):
    """[rows, 10]: each point at the top of the parabola through its best place and the two beside it; then the two presences' logits."""
    out = torch.cat([torch.zeros(len(o), POINTS), o[:, -2:]], 1)
    r = torch.arange(len(o))
    for p, grid in enumerate(table.grids):
        z = o[:, table.first[p] : table.first[p + 1]]
        k = z[:, 1:-1].argmax(1) + 1
        a, b, c = z[r, k - 1], z[r, k], z[r, k + 1]
        out[:, p] = grid[k] + GRID * (0.5 * (a - c) / (a - 2 * b + c).clamp(max=-1e-6)).clamp(-0.5, 0.5)
    return out


def estimate(table, net, x):
    with torch.no_grad():
        return torch.cat([decode(table, net((part - table.mean) / table.sd)) for part in x.split(8192)])


# ---- presence of P -----------------------------------------------------------------------------------------------


def train_presence(table, chosen, rhythm_weight, seed=0, epochs=5, noise=0.3):
    """Of P, apart from the beat network: from the beat without its complex, its neighbours and the rhythm. Rows with a rhythm label alone
    count rhythm_weight times."""
    torch.manual_seed(seed)
    y, own = table.y[:, P_PRESENT], 132
    weight = table.weight * torch.tensor(np.where(table.marked, 1.0, rhythm_weight).astype(np.float32))
    table.rhythm_mean, table.rhythm_sd = table.rhythm.mean(0), table.rhythm.std(0) + 0.02
    net = mlp(len(RHYTHM), (48, 24), 1, (0.2, 0.2))

    def loss(rows):
        x, turned = table.rhythm[rows], (torch.rand(len(rows)) < 0.5)[:, None]
        x = torch.cat([torch.where(turned, -x[:, :own], x[:, :own]), x[:, own:]], 1)
        x = (x - table.rhythm_mean) / table.rhythm_sd
        said = net(x + noise * torch.randn_like(x))[:, 0]
        return (F.binary_cross_entropy_with_logits(said, y[rows], reduction="none") * weight[rows]).mean()

    return run(net, table.subset(chosen & ~np.isnan(table.rows["y"][:, P_PRESENT])), epochs, 512, 3e-3, loss)


def p_score(table, presence, x):
    """Above 0: P is there. x: columns RHYTHM of the rows."""
    with torch.no_grad():
        return presence((x - table.rhythm_mean) / table.rhythm_sd)[:, 0]


# ---- one point --------------------------------------------------------------------------------------------------


def point_inputs(table, strip, x, p, position, points):
    """What learned.c's point_inputs gives for the point p when it stands at `position` and all points at `points`."""
    centre = torch.round(position)
    at = (centre.long()[:, None] + STRIP_BEFORE + STEP[p] * torch.arange(-HALF, HALF + 1)[None]).clamp(0, STRIP - 1)
    own = torch.gather(strip[:, 0 if FINE[p] else 1].float(), 1, at)
    pool = torch.gather(strip[:, 2 if FINE[p] else 3].float(), 1, at)
    own = own - own.mean(1, keepdim=True)
    deviation, level = own.std(1, keepdim=True) + 0.01, pool.mean(1, keepdim=True) + 0.002
    return torch.cat([(own / deviation).clamp(-4, 4), (pool / level).clamp(0, 4) - 1, deviation / (deviation + 0.1), level / (level + 0.02),
                      (points - position[:, None]) / table.spread / 3, x[:, -5:-3], (position - centre)[:, None]], 1)


def train_point(table, strip, beat, chosen, p, seed=0, epochs=5):
    """Starts from where the beat network puts the points under dropout, moved further at random."""
    torch.manual_seed(100 * seed + p)
    side = 2 * HALF + 1
    net = mlp(2 * side + 2 + POINTS + 3, (32, 16), 1, (0.1, 0.0))
    index = table.subset(chosen & ~np.isnan(table.rows["y"][:, p]))
    spread = table.spread[p]

    def loss(rows):
        x, y = table.x[rows], table.y[rows, p]
        points = table.start[rows]
        position = points[:, p] + JITTER[p] * torch.randn(len(rows))
        z = point_inputs(table, strip[rows], x, p, position, points)
        turned = torch.where(torch.rand(len(rows)) < 0.5, -1.0, 1.0)[:, None]
        z = torch.cat([z[:, :side] * turned, z[:, side:]], 1)
        shift = net(z + 0.05 * torch.randn_like(z))[:, 0]
        return (F.smooth_l1_loss(shift, (y - position) / spread, reduction="none", beta=0.2) * table.weight[rows]).mean()

    return run(net, index, epochs, 512, 3e-3, loss)


def train_points(table, strip, beat, chosen, seed=0):
    beat.train()  # dropout on: starts as uncertain as on unseen records
    torch.manual_seed(seed)
    index = table.subset(chosen)
    table.start = torch.zeros(len(table.y), POINTS)
    table.start[index] = estimate(table, beat, table.x[index])[:, :POINTS]
    beat.eval()
    return [train_point(table, strip, beat, chosen, p, seed) for p in range(POINTS)]


def refine(table, strip, x, points, nets, rounds=2):
    with torch.no_grad():
        for _ in range(rounds):
            moved = [points[:, p] + nets[p](point_inputs(table, strip, x, p, points[:, p], points))[:, 0] * table.spread[p] for p in range(POINTS)]
            points = torch.stack(moved, 1)
    return points
