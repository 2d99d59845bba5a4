/* SPDX-License-Identifier: Apache-2.0 */
#include "base/html.h"

#include <string.h>

void html_escape_part(text *out, const char *words, size_t length)
{
    for (const char *p = words; p < words + length; p++) {
        switch (*p) {
        case '&':
            text_add(out, "&amp;");
            break;
        case '<':
            text_add(out, "&lt;");
            break;
        case '>':
            text_add(out, "&gt;");
            break;
        case '"':
            text_add(out, "&quot;");
            break;
        case '\'':
            text_add(out, "&#39;");
            break;
        default:
            text_add_bytes(out, (unsigned char)*p < ' ' && *p != '\n' && *p != '\t' ? " " : p, 1);
        }
    }
}

void html_escape(text *out, const char *words)
{
    html_escape_part(out, words, strlen(words));
}
