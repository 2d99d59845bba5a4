/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes: SHA-1 (only for the published label-subset order), SHA-256 (provenance, cache keys), FNV-1a (tables, stream names). */
#ifndef PCLR_BASE_HASH_H
#define PCLR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

void hash_sha1(const void *data, size_t size, uint8_t digest[20]);
typedef struct hash_sha256_state {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t buffer[64];
} hash_sha256_state;
void hash_sha256_begin(hash_sha256_state *s);
void hash_sha256_add(hash_sha256_state *s, const void *data, size_t size);
void hash_sha256_end(hash_sha256_state *s, uint8_t digest[32]);
void hash_hex(const uint8_t *digest, size_t bytes, char *hex); /* hex[2 * bytes + 1] */
uint64_t hash_fnv1a(const void *data, size_t size);

#endif
