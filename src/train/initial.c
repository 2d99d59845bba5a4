/* SPDX-License-Identifier: Apache-2.0 */
#include "train/initial.h"

#include <string.h>

#include "base/memory.h"
#include "model/classifier.h"
#include "train/modelfile.h"

/* Two descriptions as JSON are equal, or the error shows both. */
static pclr_status expect_same(char *found, char *expected, const char *what, pclr_error *error)
{
    if (strcmp(found, expected) == 0) return PCLR_OK;
    return error_set(error, PCLR_E_ARGUMENT, "its %s is %s, expected this run's %s; give the same encoder.* and input.* as that run", what,
                     found, expected);
}

static pclr_status same_network(const model_encoder_spec *found, const model_encoder_spec *expected, pclr_error *error)
{
    char *a = NULL, *b = NULL;
    pclr_status status;
    TRY_GOTO(model_spec_to_json(found, &a, error));
    TRY_GOTO(model_spec_to_json(expected, &b, error));
    TRY_GOTO(expect_same(a, b, "network", error));
done:
    mem_free(a);
    mem_free(b);
    return status;
}

static pclr_status same_input(preprocess_spec found, const preprocess_spec *expected, pclr_error *error)
{
    char *a = NULL, *b = NULL;
    pclr_status status;
    found.seconds = expected->seconds;
    TRY_GOTO(preprocess_to_json(&found, &a, error));
    TRY_GOTO(preprocess_to_json(expected, &b, error));
    TRY_GOTO(expect_same(a, b, "input", error));
done:
    mem_free(a);
    mem_free(b);
    return status;
}

pclr_status initial_weights(nn_params *params, const model_encoder_spec *spec, const preprocess_spec *input, const char *path,
                            pclr_error *error)
{
    st_file *f = NULL;
    model_encoder_spec encoder;
    preprocess_spec then;
    pclr_status status = st_open(&f, path, error);
    if (status != PCLR_OK) return error_prefix(error, "train.initial");
    TRY_GOTO(modelfile_read_encoder(f, &encoder, &then, error));
    TRY_GOTO(same_network(&encoder, spec, error));
    TRY_GOTO(same_input(then, input, error));
    TRY_GOTO(model_weights_load(params, "encoder.", "", f, error));
done:
    st_close(&f);
    return status == PCLR_OK ? status : error_prefix(error, "train.initial: %s", path);
}
