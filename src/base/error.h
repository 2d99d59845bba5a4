/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: one line at the place of the fault. Every message names the place, what was found, what was expected, what to do. */
#ifndef PCLR_BASE_ERROR_H
#define PCLR_BASE_ERROR_H

#include <physioclr.h>

/* Writes the message (printf style) into `error` (may be NULL) and returns `status`, so that `return error_set(...)` reads as one line. */
pclr_status error_set(pclr_error *error, pclr_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "text: " before the message of an error already set, e.g. the file that a deeper function did not know. Returns the status. */
pclr_status error_prefix(pclr_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* PCLR_E_MEMORY with the size that was asked for. */
pclr_status error_memory(pclr_error *error, size_t bytes);
/* PCLR_E_IO with strerror(errno_value) and `what` ("create", "write", ...). */
pclr_status error_io(pclr_error *error, const char *path, const char *what, int errno_value);
/* What was to be read could not be opened: PCLR_E_MISSING when the name is the reason, else PCLR_E_IO. */
pclr_status error_open(pclr_error *error, const char *path, int errno_value);

/* Returns from the calling function on failure. */
#define TRY(call)                                      \
    do {                                               \
        pclr_status try_status_ = (call);              \
        if (try_status_ != PCLR_OK) return try_status_; \
    } while (0)

/* Jumps to the calling function's cleanup label `done`; needs a local `pclr_status status`. */
#define TRY_GOTO(call)                       \
    do {                                     \
        status = (call);                     \
        if (status != PCLR_OK) goto done;    \
    } while (0)

#endif
