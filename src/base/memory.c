/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector register */
enum { ARENA_BLOCK = 64 * 1024, ARENA_ALIGNMENT = 16 };

/* *p_address without assuming that all pointer types share a representation the compiler may look through. */
static void *load(const void *p_address)
{
    void *p;
    memcpy(&p, p_address, sizeof p);
    return p;
}

static void store(void *p_address, void *p)
{
    memcpy(p_address, &p, sizeof p);
}

pclr_status mem_alloc(void *p_address, size_t count, size_t size, pclr_error *error)
{
    store(p_address, NULL);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGNMENT) return error_memory(error, SIZE_MAX);
    size_t rounded = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *p = aligned_alloc(ALIGNMENT, rounded);
    if (!p) return error_memory(error, bytes);
    memset(p, 0, rounded);
    store(p_address, p);
    return PCLR_OK;
}

pclr_status mem_grow(void *p_address, size_t old_count, size_t new_count, size_t size, pclr_error *error)
{
    void *old = load(p_address), *grown;
    TRY(mem_alloc(&grown, new_count, size, error));
    size_t kept = old_count < new_count ? old_count : new_count;
    if (old && kept > 0) memcpy(grown, old, kept * size);
    free(old);
    store(p_address, grown);
    return PCLR_OK;
}

void mem_free(void *p)
{
    free(p);
}

void mem_release(void *p_address)
{
    free(load(p_address));
    store(p_address, NULL);
}

pclr_status mem_strndup(char **copy, const char *text, size_t length, pclr_error *error)
{
    *copy = NULL;
    if (!text) return PCLR_OK;
    length = strnlen(text, length);
    TRY(mem_alloc(copy, length + 1, 1, error));
    memcpy(*copy, text, length);
    return PCLR_OK;
}

pclr_status mem_strdup(char **copy, const char *text, pclr_error *error)
{
    return mem_strndup(copy, text, text ? strlen(text) : 0, error);
}

pclr_status mem_printf(char **text, pclr_error *error, const char *format, ...)
{
    *text = NULL;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    pclr_status status =
        length < 0 ? error_set(error, PCLR_E_ARGUMENT, "text cannot be formatted") : mem_alloc(text, (size_t)length + 1, 1, error);
    if (status == PCLR_OK) vsnprintf(*text, (size_t)length + 1, format, again);
    va_end(again);
    return status;
}

/* Blocks in a list, the newest first; objects are cut from the newest. */
typedef struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(ARENA_ALIGNMENT) unsigned char bytes[];
} arena_block;

struct arena {
    arena_block *newest;
};

pclr_status arena_create(arena **a, pclr_error *error)
{
    return mem_alloc(a, 1, sizeof **a, error);
}

void arena_destroy(arena **a)
{
    if (!*a) return;
    for (arena_block *block = (*a)->newest, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    mem_release(a);
}

void *arena_alloc(arena *a, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 2) return NULL;
    bytes = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    arena_block *block = a->newest;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
        block = calloc(1, sizeof *block + size);
        if (!block) return NULL;
        *block = (arena_block){.next = a->newest, .size = size};
        a->newest = block;
    }
    void *p = block->bytes + block->used;
    block->used += bytes;
    return p;
}

char *arena_strdup(arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(a, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}
