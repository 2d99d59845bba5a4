/* SPDX-License-Identifier: Apache-2.0 */
/* The reference back end in float. */
typedef float real;
#define REFERENCE_FILL nn_reference32_fill
#include "nn/reference/table.h"
