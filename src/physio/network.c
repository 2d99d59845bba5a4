/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/network.h"

#include <string.h>

#include "base/memory.h"

/* The same loops compiled for several processors, chosen when the program starts. Without contraction all give the same bits. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

enum { TILE = 16 }; /* outputs summed at once */

pclr_status network_create(network *net, const network_table table[NETWORK_LAYERS], pclr_error *error)
{
    memset(net, 0, sizeof *net);
    for (size_t k = 0; k < NETWORK_LAYERS; k++) {
        const network_table *t = &table[k];
        network_layer *layer = &net->layer[k];
        *layer = (network_layer){.inputs = t->inputs, .outputs = t->outputs, .bias = t->bias};
        pclr_status status = mem_alloc(&layer->weight, t->inputs * t->outputs, sizeof(float), error);
        if (status != PCLR_OK) {
            network_free(net);
            return status;
        }
        for (size_t i = 0; i < t->inputs; i++)
            for (size_t o = 0; o < t->outputs; o++) layer->weight[i * t->outputs + o] = (float)t->weight[i * t->outputs + o] * t->scale[o];
    }
    return PCLR_OK;
}

void network_free(network *net)
{
    for (size_t k = 0; k < NETWORK_LAYERS; k++) mem_release(&net->layer[k].weight);
}

/* One output of one row. */
static float layer_output(const network_layer *layer, const float *x, size_t output)
{
    float sum = layer->bias[output];
    for (size_t i = 0; i < layer->inputs; i++) sum += x[i] * layer->weight[i * layer->outputs + output];
    return sum;
}

/* TILE outputs of NETWORK_ROWS rows, held in registers. Sums in the order of layer_output, so that both agree bit for bit. */
CLONES static void layer_tile(const network_layer *layer, const float *restrict x, size_t first, float *restrict y)
{
    float sum[NETWORK_ROWS][TILE];
    const float *restrict weight = layer->weight + first;
    size_t inputs = layer->inputs, outputs = layer->outputs;
    for (size_t r = 0; r < NETWORK_ROWS; r++) memcpy(sum[r], layer->bias + first, sizeof sum[r]);
    for (size_t i = 0; i < inputs; i++)
        for (size_t r = 0; r < NETWORK_ROWS; r++)
            for (size_t j = 0; j < TILE; j++) sum[r][j] += x[r * inputs + i] * weight[i * outputs + j];
    for (size_t r = 0; r < NETWORK_ROWS; r++) memcpy(y + r * outputs + first, sum[r], sizeof sum[r]);
}

static void layer_apply(const network_layer *layer, const float *x, size_t rows, float *y, bool plain)
{
    size_t tiled = plain || rows < NETWORK_ROWS ? 0 : layer->outputs / TILE * TILE;
    for (size_t first = 0; first < tiled; first += TILE) layer_tile(layer, x, first, y);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = tiled; o < layer->outputs; o++) y[r * layer->outputs + o] = layer_output(layer, x + r * layer->inputs, o);
}

void network_apply(const network *net, const float *x, size_t rows, float *y, bool plain)
{
    float hidden[2][NETWORK_ROWS * NETWORK_WIDEST];
    const float *from = x;
    for (size_t k = 0; k < NETWORK_LAYERS; k++) {
        bool last = k + 1 == NETWORK_LAYERS;
        float *to = last ? y : hidden[k % 2];
        layer_apply(&net->layer[k], from, rows, to, plain);
        for (size_t i = 0; !last && i < rows * net->layer[k].outputs; i++) to[i] = to[i] > 0.0F ? to[i] : 0.0F;
        from = to;
    }
}
