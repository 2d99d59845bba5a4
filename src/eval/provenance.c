/* SPDX-License-Identifier: Apache-2.0 */
/* Which data an evaluation saw, as SHA-256. */
#include "base/file.h"
#include "base/hash.h"
#include "dataset/dataset.h"
#include "eval/evaluation.h"
#include "eval/labels.h"

static pclr_status hash_file(const char *path, char *hex, pclr_error *error)
{
    file_map map;
    uint8_t digest[32];
    hash_sha256_state state;
    TRY(file_map_open(&map, path, error));
    hash_sha256_begin(&state);
    hash_sha256_add(&state, map.data, map.size);
    hash_sha256_end(&state, digest);
    hash_hex(digest, sizeof digest, hex);
    file_map_close(&map);
    return PCLR_OK;
}

/* Of a dataset the fingerprint that training stores in a model file: rows, labels and the hashes of the signals. */
static pclr_status hash_labels(const char *path, char *hex, pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    if (!eval_labels_is_dataset(path)) return hash_file(path, hex, error);
    TRY(pclr_dataset_open(&dataset, path, error));
    pclr_status status = dataset_fingerprint(dataset, hex, error);
    pclr_dataset_destroy(&dataset);
    return status;
}

pclr_status evaluation_hashes(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    TRY(hash_file(input->predictions, e->predictions_hash, error));
    return hash_labels(input->labels, e->labels_hash, error);
}
