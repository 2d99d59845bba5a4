/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>

const char *pclr_version(void)
{
    return PCLR_VERSION;
}

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif
#ifdef PCLR_HAVE_ONEDNN
#define BACKENDS "reference, onednn"
#else
#define BACKENDS "reference"
#endif

#ifdef PCLR_HAVE_MPI
#define PROCESSES "MPI"
#else
#define PROCESSES "one"
#endif

const char *pclr_build_info(void)
{
    return COMPILER "; back ends: " BACKENDS "; processes: " PROCESSES;
}

const char *pclr_status_name(pclr_status status)
{
    switch (status) {
    case PCLR_OK:
        return "ok";
    case PCLR_E_ARGUMENT:
        return "argument";
    case PCLR_E_MEMORY:
        return "memory";
    case PCLR_E_IO:
        return "io";
    case PCLR_E_FORMAT:
        return "format";
    case PCLR_E_UNSUPPORTED:
        return "unsupported";
    case PCLR_E_DATA:
        return "data";
    case PCLR_E_NUMERIC:
        return "numeric";
    case PCLR_E_INTERRUPTED:
        return "interrupted";
    case PCLR_E_MISSING:
        return "missing";
    }
    return "unknown";
}
