/* SPDX-License-Identifier: Apache-2.0 */
/* Eight floats at a time. */
#ifndef PCLR_SIGNAL_VECTOR_H
#define PCLR_SIGNAL_VECTOR_H

#include <string.h>

#include "base/clones.h"

enum { VECTOR_FLOATS = 8 };
typedef float vector __attribute__((vector_size(32)));
typedef float vector_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

#endif
