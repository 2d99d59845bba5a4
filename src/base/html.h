/* SPDX-License-Identifier: Apache-2.0 */
/* What every page that the library writes needs. */
#ifndef PCLR_BASE_HTML_H
#define PCLR_BASE_HTML_H

#include "base/text.h"

/* Text with &, <, > and quotes escaped, and control characters as spaces. */
void html_escape(text *out, const char *words);
void html_escape_part(text *out, const char *words, size_t length);

#endif
