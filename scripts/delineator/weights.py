# SPDX-License-Identifier: Apache-2.0
"""src/physio/delineator_weights.c from trained networks: 8-bit weights with one scale an output."""
import numpy as np

HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by scripts/train_delineator.py; do not edit. */
/* clang-format off */
#include "physio/learned.h"

"""


def dense(net):
    return [(m.weight.detach().numpy().copy(), m.bias.detach().numpy().copy()) for m in net if hasattr(m, "weight")]


def scaled_layers(net, mean, sd):
    """The scaling of the inputs goes into the first layer."""
    (w, b), *rest = dense(net)
    w = w / sd.numpy()[None]
    return [(w, b - w @ mean.numpy()), *rest]


def quantise(w):
    scale = np.abs(w).max(1) / 127 + 1e-12
    return np.clip(np.round(w / scale[:, None]), -127, 127).astype(int), scale


def array(kind, name, values, each):
    lines = [", ".join(values[i : i + each]) for i in range(0, len(values), each)]
    return f"static const {kind} {name}[] = {{\n" + "".join(f"    {line},\n" for line in lines) + "};\n"


def number(x):
    return np.format_float_scientific(np.float32(x), unique=True, trim="0") + "F"


def layers(name, net):
    text = ""
    for k, (w, b) in enumerate(net):
        q, scale = quantise(w)
        text += array("int8_t", f"{name}_w{k}", [str(v) for v in q.T.ravel()], 32)
        text += array("float", f"{name}_s{k}", [number(v) for v in scale], 8)
        text += array("float", f"{name}_b{k}", [number(v) for v in b], 8)
    return text


def entry(name, net):
    return "{" + ", ".join(f"{{{w.shape[1]}, {w.shape[0]}, {name}_w{k}, {name}_s{k}, {name}_b{k}}}" for k, (w, _) in enumerate(net)) + "}"


def write(path, table, beat, presence, points):
    whole, parts = scaled_layers(beat, table.mean, table.sd), [dense(n) for n in points]
    p_layers = scaled_layers(presence, table.rhythm_mean, table.rhythm_sd)
    grids = ", ".join(f"{{{int(g[0])}, {len(g)}}}" for g in table.grids)
    with open(path, "w") as f:
        f.write(HEAD + layers("beat", whole) + layers("presence", p_layers) + "".join(layers(f"point{p}", n) for p, n in enumerate(parts)))
        f.write(f"\nconst network_table delineator_beat[NETWORK_LAYERS] = {entry('beat', whole)};\n")
        f.write(f"const network_table delineator_presence[NETWORK_LAYERS] = {entry('presence', p_layers)};\n")
        f.write("const network_table delineator_point[POINTS][NETWORK_LAYERS] = {\n"
                + "".join(f"    {entry(f'point{p}', n)},\n" for p, n in enumerate(parts)) + "};\n")
        f.write(f"const delineator_grid delineator_place[POINTS] = {{{grids}}};\n")
        f.write("const float delineator_spread[POINTS] = {" + ", ".join(number(s) for s in table.spread) + "};\n")
