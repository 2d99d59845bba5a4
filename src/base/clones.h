/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions compiled for several processors. A clone does the same operations in the same order as the default (no contraction to FMA),
 * so that results do not depend on the processor.
 */
#ifndef PCLR_BASE_CLONES_H
#define PCLR_BASE_CLONES_H

/* The dispatching of clones runs before a sanitizer is ready, and clang makes none of static functions: there the default serves. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

#endif
