/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight floats at a time, and functions compiled for several processors. A clone does the same operations in the same order as the
 * default (no contraction to FMA), so that results do not depend on the processor.
 */
#ifndef PCLR_SIGNAL_VECTOR_H
#define PCLR_SIGNAL_VECTOR_H

#include <string.h>

/* The dispatching of clones runs before a sanitizer is ready, and clang makes none of static functions: there the default serves. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

enum { VECTOR_FLOATS = 8 };
typedef float vector __attribute__((vector_size(32)));
typedef float vector_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

#endif
