/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: format, number of signals, samples a frame and the bytes of a signal file. */
#include "base/memory.h"
#include "record/formats/wfdb.h"

enum { SIGNALS = 4, FRAMES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int formats[] = {8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516, 524};
    wfdb_signal signal[SIGNALS] = {0};
    wfdb_sink sink[SIGNALS] = {0};
    int64_t frames = 0;
    bool missing = false;

    if (size < 4) return 0;
    size_t signals = 1 + data[1] % SIGNALS;
    for (size_t k = 0; k < signals; k++) {
        signal[k].format = formats[data[0] % (sizeof formats / sizeof *formats)];
        signal[k].per_frame = 1 + (data[2] >> k & 1);
        signal[k].offset = data[3] % 8;
    }
    wfdb_group group = {.path = "fuzz.dat", .data = data + 4, .size = size - 4, .signal = signal, .signals = signals, .sink = sink};
    if (wfdb_group_frames(&group, &frames, NULL) != PCLR_OK) return 0;
    if (frames < 0 || frames > FRAMES_MAX) frames = FRAMES_MAX;
    bool ready = true;
    for (size_t k = 0; k < signals; k++) {
        sink[k].count = frames * signal[k].per_frame;
        sink[k].scale = 1;
        ready &= mem_alloc(&sink[k].out, (size_t)sink[k].count, sizeof(float), NULL) == PCLR_OK;
    }
    if (ready && wfdb_group_read(&group, 0, frames, &missing, NULL) != PCLR_OK) missing = true;
    for (size_t k = 0; k < signals; k++) mem_free(sink[k].out);
    return 0;
}
