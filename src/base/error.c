/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message is one line: line breaks and other control characters from foreign files become blanks. */
static void flatten(char *message)
{
    for (char *p = message; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
}

pclr_status error_set(pclr_error *error, pclr_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (written < 0) error->message[0] = '\0';
    flatten(error->message);
    error->status = status;
    return status;
}

pclr_status error_prefix(pclr_error *error, const char *format, ...)
{
    if (!error) return PCLR_E_ARGUMENT;
    char old[sizeof error->message];
    memcpy(old, error->message, sizeof old);
    old[sizeof old - 1] = '\0';

    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t length = written < 0 ? 0 : (size_t)written;
    if (length >= sizeof error->message) length = sizeof error->message - 1;
    snprintf(error->message + length, sizeof error->message - length, ": %s", old);
    flatten(error->message);
    return error->status;
}

pclr_status error_memory(pclr_error *error, size_t bytes)
{
    return error_set(error, PCLR_E_MEMORY, "no memory for %zu bytes; use fewer threads, a smaller batch or a larger machine", bytes);
}

pclr_status error_io(pclr_error *error, const char *path, const char *what, int errno_value)
{
    char reason[128];
    /* Both variants of strerror_r leave a usable text: GNU returns it, XSI fills the buffer. This is the GNU one (_GNU_SOURCE). */
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    return error_set(error, PCLR_E_IO, "%s: cannot %s: %s", path, what, text);
}

pclr_status error_open(pclr_error *error, const char *path, int errno_value)
{
    pclr_status status = error_io(error, path, "open", errno_value);
    switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG:
        status = PCLR_E_MISSING;
        if (error) error->status = status;
    }
    return status;
}
