/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: checked allocation, and an arena for things that live and die together. */
#ifndef PCLR_BASE_MEMORY_H
#define PCLR_BASE_MEMORY_H

#include "base/error.h"

/* count * size bytes, zeroed, 64-byte aligned, overflow-checked; *p must be freed with mem_free. count 0 gives a valid pointer. */
pclr_status mem_alloc(void *p_address, size_t count, size_t size, pclr_error *error);
/* Grows *p_address (from mem_alloc or NULL) from old_count to new_count elements; new part zeroed; *p unchanged on failure. */
pclr_status mem_grow(void *p_address, size_t old_count, size_t new_count, size_t size, pclr_error *error);
void mem_free(void *p);
/* Frees *p_address and sets it NULL. */
void mem_release(void *p_address);
/* A copy of `text` (NULL stays NULL) from mem_alloc. */
pclr_status mem_strdup(char **copy, const char *text, pclr_error *error);
pclr_status mem_strndup(char **copy, const char *text, size_t length, pclr_error *error);
pclr_status mem_printf(char **text, pclr_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Many small objects freed at once. */
typedef struct arena arena;
pclr_status arena_create(arena **a, pclr_error *error);
void arena_destroy(arena **a);
/* Zeroed, 16-byte aligned; NULL when there is no memory. */
void *arena_alloc(arena *a, size_t bytes);
char *arena_strdup(arena *a, const char *text);

#endif
