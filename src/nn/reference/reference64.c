/* SPDX-License-Identifier: Apache-2.0 */
/* The reference back end in double, for finite differences. */
typedef double real;
#define REFERENCE_FILL nn_reference64_fill
#include "nn/reference/table.h"
