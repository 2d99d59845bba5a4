/* SPDX-License-Identifier: Apache-2.0 */
/* The one list of layouts, asked in this order. */
#include <stddef.h>

#include "dataset/layouts/layout.h"

extern const dataset_layout layout_ptbxl, layout_ludb, layout_cinc2017, layout_cinc2011, layout_labels, layout_mimic, layout_code15;

const dataset_layout *const dataset_layouts[] = {
    &layout_ptbxl, &layout_ludb, &layout_cinc2017, &layout_cinc2011, &layout_labels, &layout_mimic, &layout_code15, NULL,
};
