/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/network.h"

#include <string.h>

#include "base/clones.h"
#include "base/memory.h"

enum { TILE = 16 }; /* outputs summed at once */

/* weight[tiles][inputs][TILE]; zeros fill the last tile up. */
VECTOR_CLONES static void unpack_weights(const network_table *t, float *restrict weight)
{
    for (size_t first = 0; first < t->outputs; first += TILE) {
        size_t outputs = t->outputs - first < TILE ? t->outputs - first : TILE;
        for (size_t i = 0; i < t->inputs; i++, weight += TILE)
            for (size_t o = 0; o < outputs; o++) weight[o] = (float)t->weight[i * t->outputs + first + o] * t->scale[first + o];
    }
}

static pclr_status layer_create(network_layer *layer, const network_table *t, pclr_error *error)
{
    layer->inputs = t->inputs;
    layer->outputs = t->outputs;
    layer->stride = (t->outputs + TILE - 1) / TILE * TILE;
    TRY(mem_alloc(&layer->weight, t->inputs * layer->stride, sizeof(float), error));
    TRY(mem_alloc(&layer->bias, layer->stride, sizeof(float), error));
    unpack_weights(t, layer->weight);
    memcpy(layer->bias, t->bias, t->outputs * sizeof(float));
    return PCLR_OK;
}

pclr_status network_create(network *net, const network_table table[NETWORK_LAYERS], pclr_error *error)
{
    memset(net, 0, sizeof *net);
    for (size_t k = 0; k < NETWORK_LAYERS; k++) {
        pclr_status status = layer_create(&net->layer[k], &table[k], error);
        if (status != PCLR_OK) {
            network_free(net);
            return status;
        }
    }
    return PCLR_OK;
}

void network_free(network *net)
{
    for (size_t k = 0; k < NETWORK_LAYERS; k++) {
        mem_release(&net->layer[k].weight);
        mem_release(&net->layer[k].bias);
    }
}

/* The plain version: one output of one row at a time. x[NETWORK_ROWS][inputs] -> y[NETWORK_ROWS][stride], as all here. */
static void layer_plain(const network_layer *layer, const float *x, float *y)
{
    for (size_t r = 0; r < NETWORK_ROWS; r++)
        for (size_t o = 0; o < layer->outputs; o++) {
            const float *weight = layer->weight + o / TILE * TILE * layer->inputs + o % TILE;
            float sum = layer->bias[o];
            for (size_t i = 0; i < layer->inputs; i++) sum += x[r * layer->inputs + i] * weight[i * TILE];
            y[r * layer->stride + o] = sum;
        }
}

typedef float tile __attribute__((vector_size(4 * TILE)));
typedef float tile_unaligned __attribute__((vector_size(4 * TILE), aligned(4), may_alias));

/* TILE outputs of NETWORK_ROWS rows, held in registers. Sums in the order of layer_plain, so that both agree bit for bit. */
VECTOR_CLONES static void layer_tile(const network_layer *layer, const float *restrict x, size_t first, float *restrict y)
{
    const float *weight = layer->weight + first * layer->inputs;
    size_t inputs = layer->inputs, stride = layer->stride;
    tile a = *(const tile_unaligned *)(layer->bias + first), b = a, c = a, d = a, e = a, f = a; /* the rows */
    for (size_t i = 0; i < inputs; i++) {
        const tile w = *(const tile_unaligned *)(weight + i * TILE);
        a += x[i] * w;
        b += x[inputs + i] * w;
        c += x[2 * inputs + i] * w;
        d += x[3 * inputs + i] * w;
        e += x[4 * inputs + i] * w;
        f += x[5 * inputs + i] * w;
    }
    const tile rows[NETWORK_ROWS] = {a, b, c, d, e, f};
    for (size_t r = 0; r < NETWORK_ROWS; r++) memcpy(y + r * stride + first, &rows[r], sizeof rows[r]);
}

/* y[rows][inputs of the next layer] := the layer's outputs, closed up, negative ones 0 unless it is the last. */
static void hand_on(const network_layer *layer, const float *x, size_t rows, bool last, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < layer->outputs; o++) {
            float value = x[r * layer->stride + o];
            *y++ = value > 0.0F || last ? value : 0.0F;
        }
}

void network_apply(const network *net, const float *x, size_t rows, float *y, bool plain)
{
    float from[NETWORK_ROWS * NETWORK_WIDEST], to[NETWORK_ROWS * NETWORK_WIDEST];
    memcpy(from, x, rows * net->layer[0].inputs * sizeof *x);
    memset(from + rows * net->layer[0].inputs, 0, (NETWORK_ROWS - rows) * net->layer[0].inputs * sizeof *x);
    for (size_t k = 0; k < NETWORK_LAYERS; k++) {
        const network_layer *layer = &net->layer[k];
        bool last = k + 1 == NETWORK_LAYERS;
        for (size_t first = 0; !plain && first < layer->stride; first += TILE) layer_tile(layer, from, first, to);
        if (plain) layer_plain(layer, from, to);
        hand_on(layer, to, last ? rows : NETWORK_ROWS, last, last ? y : from);
    }
}
