/* SPDX-License-Identifier: Apache-2.0 */
/* The example of include/physioclr.h; tests/project/example_text.cmake checks that both texts agree. */
#include <physioclr.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    pclr_error error = {0};
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    int status = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: %s RECORD\n", argv[0]);
        return 2;
    }
    if (pclr_record_read(&record, argv[1], NULL, &error) != PCLR_OK) goto done;
    if (pclr_fiducials_compute(&marks, record, NULL, &error) != PCLR_OK) goto done;
    for (size_t b = 0; b < marks->beats; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(marks, PCLR_FUSED, b);
        printf("beat %zu: R at %.3f s\n", b + 1, beat->qrs.peak / marks->rate);
    }
    status = 0;
done:
    if (status != 0) fprintf(stderr, "%s\n", error.message);
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
    return status;
}
