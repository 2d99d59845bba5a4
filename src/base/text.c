/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool reserve(text *t, size_t extra)
{
    if (t->failed) return false;
    if (extra > SIZE_MAX / 2 - t->length) {
        t->failed = true;
        return false;
    }
    size_t need = t->length + extra + 1, grown = t->capacity ? t->capacity : 128;
    if (need <= t->capacity) return true;
    while (grown < need) grown *= 2;
    if (mem_grow(&t->data, t->capacity, grown, 1, NULL) != PCLR_OK) {
        t->failed = true;
        return false;
    }
    t->capacity = grown;
    return true;
}

void text_add_bytes(text *t, const char *bytes, size_t n)
{
    if (!reserve(t, n)) return;
    if (n > 0) memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = '\0';
}

void text_add(text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        t->failed = true;
    else if (reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
}

/* printf and strtod follow the caller's locale; a comma as decimal point is turned back into a point. */
static void point(char *number)
{
    const struct lconv *l = localeconv();
    if (!l || !l->decimal_point || l->decimal_point[0] == '.') return;
    char *comma = strstr(number, l->decimal_point);
    if (!comma) return;
    size_t n = strlen(l->decimal_point);
    *comma = '.';
    memmove(comma + 1, comma + n, strlen(comma + n) + 1);
}

void text_add_double(text *t, double value)
{
    char number[64];
    double back;
    if (isnan(value)) return;
    for (int digits = 15; digits <= 17; digits++) { /* %g drops trailing zeros: 15 digits already give "0.1" */
        snprintf(number, sizeof number, "%.*g", digits, value);
        point(number);
        if (digits == 17 || (parse_double(number, &back) && back == value)) break;
    }
    text_add_bytes(t, number, strlen(number));
}

void text_add_float(text *t, float value)
{
    char number[64];
    double back;
    if (isnan(value)) return;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, (double)value);
        point(number);
        if (digits == 9 || (parse_double(number, &back) && (float)back == value)) break;
    }
    text_add_bytes(t, number, strlen(number));
}

void text_add_csv(text *t, const char *field)
{
    if (!strpbrk(field, ",\"\r\n")) {
        text_add_bytes(t, field, strlen(field));
        return;
    }
    text_add_bytes(t, "\"", 1);
    for (; *field; field++) {
        if (*field == '"') text_add_bytes(t, "\"", 1);
        text_add_bytes(t, field, 1);
    }
    text_add_bytes(t, "\"", 1);
}

pclr_status text_ok(const text *t, pclr_error *error)
{
    return t->failed ? error_memory(error, t->length) : PCLR_OK;
}

void text_free(text *t)
{
    mem_free(t->data);
    *t = (text){0};
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of a decimal number ([sign] digits [. digits] [e [sign] digits], or inf, nan) at s; 0: none. */
static size_t number_length(const char *s)
{
    const char *p = s;
    if (*p == '+' || *p == '-') p++;
    if (strncasecmp(p, "nan", 3) == 0 || strncasecmp(p, "inf", 3) == 0) return (size_t)(p + 3 - s);
    const char *digits = p;
    while (digit(*p)) p++;
    size_t count = (size_t)(p - digits);
    if (*p == '.') {
        const char *fraction = ++p;
        while (digit(*p)) p++;
        count += (size_t)(p - fraction);
    }
    if (count == 0) return 0;
    if (*p == 'e' || *p == 'E') {
        const char *exponent = p + 1 + (p[1] == '+' || p[1] == '-');
        if (digit(*exponent)) {
            while (digit(*exponent)) exponent++;
            p = exponent;
        }
    }
    return (size_t)(p - s);
}

bool scan_double(const char **s, double *value)
{
    const char *p = *s;
    while (isspace((unsigned char)*p)) p++;
    size_t n = number_length(p);
    char number[128];
    if (n == 0 || n >= sizeof number - 8) return false;
    memcpy(number, p, n);
    number[n] = '\0';
    const struct lconv *l = localeconv();
    char *dot = strchr(number, '.');
    if (dot && l && l->decimal_point && l->decimal_point[0] != '.' && strlen(l->decimal_point) == 1) *dot = l->decimal_point[0];
    *value = strtod(number, NULL);
    *s = p + n;
    return true;
}

bool scan_int(const char **s, int64_t *value)
{
    const char *p = *s;
    while (isspace((unsigned char)*p)) p++;
    bool negative = *p == '-';
    if (*p == '+' || *p == '-') p++;
    if (!digit(*p)) return false;
    uint64_t magnitude = 0, limit = (uint64_t)INT64_MAX + negative;
    for (; digit(*p); p++) {
        uint64_t d = (uint64_t)(*p - '0');
        if (magnitude > (limit - d) / 10) return false;
        magnitude = 10 * magnitude + d;
    }
    *value = negative ? (int64_t)(~magnitude + 1) : (int64_t)magnitude;
    *s = p;
    return true;
}

static bool only_blanks(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return *s == '\0';
}

bool parse_double(const char *s, double *value)
{
    double v;
    if (!scan_double(&s, &v) || !only_blanks(s)) return false;
    *value = v;
    return true;
}

bool parse_int(const char *s, int64_t *value)
{
    int64_t v;
    if (!scan_int(&s, &v) || !only_blanks(s)) return false;
    *value = v;
    return true;
}

bool parse_bool(const char *s, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t k = 0; k < 4; k++) {
        if (text_compare_nocase(s, yes[k]) == 0) return *value = true, true;
        if (text_compare_nocase(s, no[k]) == 0) return *value = false, true;
    }
    return false;
}

static int lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

int text_compare_nocase(const char *a, const char *b)
{
    while (*a && lower((unsigned char)*a) == lower((unsigned char)*b)) a++, b++;
    return lower((unsigned char)*a) - lower((unsigned char)*b);
}

/* Levenshtein distance, one row of the table at a time; words longer than the row are never close. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[128], m = strlen(a), n = strlen(b);
    if (m >= 128 || n >= 128) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (lower((unsigned char)a[i - 1]) != lower((unsigned char)b[j - 1]));
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[n];
}

const char *text_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 2 + 1;
    for (size_t k = 0; k < n; k++) {
        size_t d = edit_distance(word, names[k]);
        if (d < best_distance) {
            best = names[k];
            best_distance = d;
        }
    }
    return best;
}

/* Length of the piece at s up to an unquoted separator. */
static size_t piece_length(const char *s, char separator)
{
    bool quoted = false;
    size_t n = 0;
    for (; s[n] && (quoted || s[n] != separator); n++)
        if (s[n] == '"') quoted = !quoted;
    return n;
}

pclr_status text_split(const char *s, char separator, char ***pieces, size_t *count, pclr_error *error)
{
    size_t n = 1;
    for (const char *p = s; *(p += piece_length(p, separator)); p++) n++;
    size_t bytes = n * sizeof(char *) + strlen(s) + n;
    char **block = NULL;
    TRY(mem_alloc(&block, 1, bytes, error));
    char *out = (char *)(block + n);
    *count = 0;
    for (const char *p = s;; p++) {
        size_t length = piece_length(p, separator);
        const char *begin = p, *end = p + length;
        while (begin < end && isspace((unsigned char)*begin)) begin++;
        while (end > begin && isspace((unsigned char)end[-1])) end--;
        if (end - begin >= 2 && *begin == '"' && end[-1] == '"') begin++, end--;
        block[(*count)++] = out;
        memcpy(out, begin, (size_t)(end - begin));
        out += end - begin;
        *out++ = '\0';
        p += length;
        if (*p == '\0') break;
    }
    *pieces = block;
    return PCLR_OK;
}
