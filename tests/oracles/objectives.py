# SPDX-License-Identifier: Apache-2.0
"""Values and gradients of the contrastive losses, computed by PyTorch in double from their formulas, loop by loop.

    python3 tests/oracles/objectives.py > tests/oracles/objectives.txt

Inputs are made of sines, so that the C test makes the same. A line is "NAME VALUE" or "NAME.grad G0 G1 ..." (the gradient with
respect to the first input, row by row).
"""
import math
import sys

import torch

torch.set_default_dtype(torch.float64)


def waves(count, seed):
    return torch.tensor([math.sin(0.7 * k * k % 97 + 1.3 * k + seed) for k in range(count)]).float().double()


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def report(name, loss, x):
    loss.backward()
    print(name, "%.12g" % loss.item())
    print(name + ".grad", " ".join("%.9g" % g for g in x.grad.flatten()))


def cosines(a, b):
    return unit(a) @ unit(b).T


# ---- PhysioCLR: B anchors, second views, queue of Q; pairs (0,1) (2,3) ..., records i // 2 ----
B, P, Z, Q, TAU = 8, 6, 5, 4, 0.1
QUEUE_RECORD = [0, 9, 10, -1]


def physioclr(name, rule, denominator, own=True, partner=True, neighbours=True, queue=Q, delta=0.25, share=0.2, softness=0.25):
    x = waves(2 * B * P, 1).reshape(2 * B, P).requires_grad_()
    z = unit(x)
    h, s = z[:B], z[B:]
    component, q_component = waves(B * Z, 2).reshape(B, Z), waves(Q * Z, 3).reshape(Q, Z)
    q = unit(waves(Q * P, 4).reshape(Q, P))
    items = [("batch", j) for j in range(B)] + [("queue", j) for j in range(queue) if QUEUE_RECORD[j] >= 0]
    all_pairs = sorted((float(cosines(component, component)[i, j]) for i in range(B) for j in range(B) if i != j), reverse=True)
    losses = []
    for i in range(B):
        candidates, similarity, logit, is_partner = [], [], [], []
        for kind, j in items:
            if kind == "batch" and j == i:
                continue
            candidates.append((kind, j))
            f = component[j] if kind == "batch" else q_component[j]
            similarity.append(float(cosines(component[i:i + 1], f[None])[0, 0]))
            logit.append((h[i] * (h[j] if kind == "batch" else q[j])).sum() / TAU)
            is_partner.append(j == i ^ 1 if kind == "batch" else QUEUE_RECORD[j] == i // 2)
        if rule == "threshold":
            limit = delta
        elif rule == "quantile":
            limit = all_pairs[max(1, round(share * len(all_pairs))) - 1]
        elif rule == "top_k":
            limit = sorted(similarity, reverse=True)[max(1, round(share * len(similarity))) - 1]
        weight = []
        for c in range(len(candidates)):
            w = 0.0
            if neighbours:
                w = math.exp((similarity[c] - 1) / softness) if rule == "soft" else float(similarity[c] >= limit)
            if partner and is_partner[c]:
                w = 1.0
            weight.append(w)
        positives = [(w, l) for w, l in zip(weight, logit) if w > 0]
        negatives = [l for w, l in zip(weight, logit) if w == 0 or rule == "soft"]
        if own:
            positives.append((1.0, (h[i] * s[i]).sum() / TAU))
            if rule == "soft":
                negatives.append(positives[-1][1])
        if not positives or not negatives:
            continue
        total = sum(w for w, _ in positives)
        loss = 0
        for w, l in positives:
            if rule == "soft":
                contrast = torch.stack(negatives)
            elif denominator == "all":
                contrast = torch.stack([p for _, p in positives] + negatives)
            else:
                contrast = torch.stack([l] + negatives)
            loss = loss + w / total * (torch.logsumexp(contrast, 0) - l)
        losses.append(loss)
    report(name, torch.stack(losses).mean(), x)


physioclr("physioclr.threshold", "threshold", "negatives")
physioclr("physioclr.threshold_all", "threshold", "all")
physioclr("physioclr.no_queue", "threshold", "negatives", queue=0)
physioclr("physioclr.quantile", "quantile", "negatives")
physioclr("physioclr.top_k", "top_k", "negatives")
physioclr("physioclr.soft", "soft", "all")
physioclr("physioclr.only_own", "threshold", "negatives", partner=False, neighbours=False)
physioclr("physioclr.only_neighbours", "threshold", "negatives", own=False, partner=False, delta=0.6)


def official():
    x = waves(2 * B * P, 1).reshape(2 * B, P).requires_grad_()
    component = waves(B * Z, 2).reshape(B, Z)
    h, s = unit(x[:B]), unit(x[B:])
    a = torch.roll(h, -1, 0)
    logits = h @ torch.cat([s, a, h]).T / TAU
    near = cosines(component, component) >= 0.25
    eye, none = torch.eye(B, dtype=torch.bool), torch.zeros(B, B, dtype=torch.bool)
    positive, negative = torch.cat([eye, eye, near], 1), torch.cat([none, none, ~near], 1)
    fill = torch.tensor(-1e4)
    loss = -torch.logsumexp(torch.where(positive, logits, fill), 1) + torch.logsumexp(torch.where(negative, logits, fill), 1)
    report("physioclr.official", loss.mean(), x)


official()

# ---- SimCLR with and without partners; 3KG; CMSC ----
PAIR = [1, 0, 3, 2, -1, -1]
PATIENT = [0, 0, 1, 1, 0, 2]
N = 6


def simclr(name, partners):
    x = waves(2 * N * P, 5).reshape(2 * N, P).requires_grad_()
    s = unit(x) @ unit(x).T / TAU
    losses = []
    for r in range(2 * N):
        i = r % N
        positive, candidates = [], []
        for c in range(2 * N):
            j = c % N
            if c == r:
                continue
            is_partner = PAIR[i] == j
            if j == i or (is_partner and partners):
                positive.append(s[r, c])
            if not is_partner or partners:
                candidates.append(s[r, c])
        losses.append(torch.logsumexp(torch.stack(candidates), 0) - torch.stack(positive).mean())
    report(name, torch.stack(losses).mean(), x)


simclr("simclr.partners", True)
simclr("simclr.plain", False)


def threekg():
    x = waves(2 * N * P, 6).reshape(2 * N, P).requires_grad_()
    s = unit(x) @ unit(x).T / TAU
    losses = []
    for r in range(2 * N):
        positive = [c for c in range(2 * N) if c != r and PATIENT[c % N] == PATIENT[r % N]]
        negative = [s[r, c] for c in range(2 * N) if PATIENT[c % N] != PATIENT[r % N]]
        each = [torch.logsumexp(torch.stack([s[r, p]] + negative), 0) - s[r, p] for p in positive]
        losses.append(torch.stack(each).mean())
    report("3kg", torch.stack(losses).mean(), x)


threekg()


def cmsc():
    x = waves(N * P, 7).reshape(N, P).requires_grad_()
    pair = [1, 0, 3, 2, 5, 4]
    patient = [0, 0, 1, 1, 0, 0]
    z = unit(x)
    first = [i for i in range(N) if pair[i] > i]
    a, b = z[first], z[[pair[i] for i in first]]
    target = torch.tensor([[float(patient[i] == patient[pair[j]]) for j in first] for i in first])
    target = target / target.sum(1, keepdim=True)
    s = a @ b.T / TAU
    loss = (torch.nn.functional.cross_entropy(s, target) + torch.nn.functional.cross_entropy(s.T, target)) / 2
    report("cmsc", loss, x)


cmsc()


def vicreg():
    x = waves(2 * N * P, 8).reshape(2 * N, P).requires_grad_()
    a, b = x[:N] * 1.5, x[N:] * 0.5

    def variance(z):
        return torch.relu(1 - torch.sqrt(z.var(0, unbiased=True) + 1e-4)).mean()

    def covariance(z):
        c = torch.cov(z.T)
        return (c - torch.diag(torch.diag(c))).square().sum() / z.shape[1]

    loss = 25 * torch.nn.functional.mse_loss(a, b) + 25 * (variance(a) + variance(b)) / 2 + covariance(a) + covariance(b)
    report("vicreg", loss, x)


vicreg()


def wav2vec2():
    groups, codes, entry, width, items, frames = 2, 320, 128, 8, 2, 5
    rows = items * frames
    x = waves(rows * width, 9).reshape(rows, width)
    x[3] = x[1]  # two frames with one target
    x = x.requires_grad_()
    weight = waves(groups * codes * width, 10).reshape(groups * codes, width)
    book = waves(groups * codes * entry, 11).reshape(groups, codes, entry)
    noise = waves(rows * groups * codes, 12).reshape(rows, groups, codes)
    with torch.no_grad():
        noise[3] = noise[1]
    context = unit(waves(rows * groups * entry, 13).reshape(items, frames, groups * entry))
    logits = (x @ weight.T).reshape(rows, groups, codes)
    soft = torch.softmax((logits + noise) / 1.5, -1)
    hard = torch.nn.functional.one_hot((logits + noise).argmax(-1), codes).to(soft.dtype)
    q = torch.einsum("rgv,gve->rge", hard + soft - soft.detach(), book).reshape(items, frames, -1)
    mean = torch.softmax(logits, -1).mean(0)
    diversity = 1 - torch.exp(-(mean * mean.log()).sum(-1)).sum() / (groups * codes)
    target = unit(q)
    choice = hard.argmax(-1).reshape(items, frames, groups)
    losses = []
    for b in range(items):
        for i in range(frames):
            terms = [(context[b, i] * target[b, i]).sum() / TAU]
            for j in range(frames):
                count = (3 * i + 5 * j + b) % 4 if i != j else 0
                if count and not bool((choice[b, i] == choice[b, j]).all()):
                    terms.append((context[b, i] * target[b, j]).sum() / TAU + math.log(count))
            losses.append(torch.logsumexp(torch.stack(terms), 0) - terms[0])
    print("wav2vec2.diversity", "%.12g" % diversity.item())
    report("wav2vec2", torch.stack(losses).mean() + 0.1 * diversity, x)


wav2vec2()
print("made with torch", torch.__version__, file=sys.stderr)
