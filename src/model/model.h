/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders, decoder and heads as graph builders. One file each; model/registry.c names them all. */
#ifndef PCLR_MODEL_MODEL_H
#define PCLR_MODEL_MODEL_H

#include "base/config.h"
#include "nn/nn.h"

/* Resolved shape of an encoder, stored in every model file ("architecture" metadata, JSON). */
typedef struct model_encoder_spec {
    char name[32];     /* "xresnet1d", "transformer", "s4" */
    char size[32];     /* "18", "50", "tiny", "small", "base", ... */
    int64_t leads;     /* input channels */
    int64_t width;     /* 0: the size's own; scales channels */
    double dropout;    /* within transformer and s4 blocks; xresnet1d has none */
    int64_t stem_stride; /* samples a stem frame (power of two); 0: the size's own */
    bool causal;       /* s4: states run forward in time only (for predictive coding) */
} model_encoder_spec;

typedef struct model_encoder {
    const char *name;
    const char *sizes;       /* "18|34|50|101" */
    const char *default_size;
    const char *description; /* one line with the source paper */
    /* Two halves, so that objectives which mask or predict local features can stand between them.
     * stem: x [B][T][C] -> local features [B][Ts][S]. context: [B][Ts][S] -> features [B][T'][D].
     * visible: [B][Ts][1], 0 where a frame is replaced by the learned "mask_embedding"; NN_NONE: all are visible. */
    nn_id (*stem)(nn_graph *g, nn_id x, const model_encoder_spec *spec);
    nn_id (*context)(nn_graph *g, nn_id z, nn_id visible, const model_encoder_spec *spec);
    int64_t (*dimensions)(const model_encoder_spec *spec); /* D */
    int64_t (*stride)(const model_encoder_spec *spec);     /* samples a feature frame */
    bool may_be_causal;
} model_encoder;

size_t model_encoder_count(void);
const model_encoder *model_encoder_at(size_t k);
const model_encoder *model_encoder_find(const char *name); /* NULL: none */

/* "encoder.*" keys (name, size, width, dropout, stem_stride, causal). */
extern const config_key model_config_keys[];
extern const size_t model_config_keys_count;
pclr_status model_spec_from_config(model_encoder_spec *spec, const pclr_config *config, int64_t leads, pclr_error *error);
/* JSON text <-> spec (metadata "architecture"). */
pclr_status model_spec_to_json(const model_encoder_spec *spec, char **json, pclr_error *error);
pclr_status model_spec_from_json(model_encoder_spec *spec, const char *json, pclr_error *error);

int64_t model_dimensions(const model_encoder_spec *spec); /* D, channels of the encoder's output; 0 for an unknown encoder */
int64_t model_stride(const model_encoder_spec *spec);     /* samples a frame of the encoder's output */

/* Builds the encoder inside scope "encoder"; [B][T'][D]. */
nn_id model_encode(nn_graph *g, nn_id x, const model_encoder_spec *spec);
/* The same in two halves (model_encoder above); model_encode is context(stem(x)) with everything visible. */
nn_id model_encode_stem(nn_graph *g, nn_id x, const model_encoder_spec *spec);
nn_id model_encode_context(nn_graph *g, nn_id z, nn_id visible, const model_encoder_spec *spec);
/* [B][T'][D] -> [B][D] ("mean"), [B][2D] ("max_mean"), [B][D] ("attention": learned, scope "pool"). */
nn_id model_pool(nn_graph *g, nn_id h, const char *kind);
int64_t model_pool_dimensions(const char *kind, int64_t dimensions);
/* Projection head [B][D] -> [B][out], two layers, inside scope `scope`; hidden 0: one linear layer. */
nn_id model_project(nn_graph *g, nn_id x, const char *scope, int64_t hidden, int64_t out);
/* Decoder [B][T'][D] -> reconstruction [B][T][C] inside scope "decoder" (transposed convolutions, then a convolution). */
nn_id model_decode(nn_graph *g, nn_id h, int64_t samples, int64_t leads);
/* Classifier [B][F] -> logits [B][K] inside scope "head"; hidden 0: linear. */
nn_id model_classify(nn_graph *g, nn_id x, int64_t hidden, int64_t classes, double dropout);

#endif
