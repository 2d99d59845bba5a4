/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCLR_RECORD_FORMATS_MATLAB_H
#define PCLR_RECORD_FORMATS_MATLAB_H

#include "record/formats/format.h"

/* Refuses a MATLAB 5 file whose cells and structures lie within each other deeper than any recording's do: matio follows them by
 * recursion, to the end of the stack. */
pclr_status matlab5_check_nesting(const format_input *input, pclr_error *error);

#endif
