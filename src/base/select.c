/* SPDX-License-Identifier: Apache-2.0 */
#include "base/select.h"

/* Hoare's selection: positions are signed, for j may pass below 0. */
float select_smallest(float *value, size_t n, size_t k)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, wanted = (ptrdiff_t)k;
    while (low < high) {
        float pivot = value[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (value[i] < pivot) i++;
            while (value[j] > pivot) j--;
            if (i <= j) {
                float other = value[i];
                value[i++] = value[j];
                value[j--] = other;
            }
        }
        if (wanted <= j)
            high = j;
        else if (wanted >= i)
            low = i;
        else
            break;
    }
    return value[k];
}
