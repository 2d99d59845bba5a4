/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a WFDB record. Tolerated beyond the standard unless strict: ".mat" in the record name, date before time, "23-Mar-2021"
 * as date, blank lines, CRLF, a missing length. Anything from the file is bounded before it is used.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/wfdb.h"

enum { LINE_MAX_BYTES = 4096, SIGNALS_MAX = RECORD_LEADS_MAX, SEGMENTS_MAX = 1 << 20, COMMENTS_GROW = 32 };

/* A header being read: where we are, for messages. */
typedef struct reader {
    const char *path;
    char *next, *end; /* in the header's content */
    int line;
    bool strict;
    char *text; /* the line in hand */
    pclr_error *error;
} reader;

static pclr_status fail(reader *r, const char *field, const char *found, const char *expected)
{
    return error_set(r->error, PCLR_E_FORMAT, "%s:%d: %s \"%.60s\"; expected %s; correct the header", r->path, r->line, field, found,
                     expected);
}

/* The next line as r->text, cut out in place; false at the end. Blank lines are passed over. */
static pclr_status next_line(reader *r, bool *got)
{
    *got = false;
    while (r->next < r->end) {
        char *start = r->next, *stop = memchr(start, '\n', (size_t)(r->end - start));
        size_t n = (size_t)((stop ? stop : r->end) - start);
        r->next = stop ? stop + 1 : r->end;
        r->line++;
        while (n > 0 && isspace((unsigned char)start[n - 1])) n--;
        while (n > 0 && isspace((unsigned char)*start)) start++, n--;
        if (n == 0) continue;
        if (n >= LINE_MAX_BYTES) {
            return error_set(r->error, PCLR_E_FORMAT, "%s:%d: line of %zu bytes; expected at most %d; this is no WFDB header", r->path,
                             r->line, n, LINE_MAX_BYTES - 1);
        }
        if (memchr(start, '\0', n)) {
            return error_set(r->error, PCLR_E_FORMAT, "%s:%d: a zero byte; expected text; this is no WFDB header", r->path, r->line);
        }
        start[n] = '\0'; /* a blank, a line break, or the byte behind the content */
        r->text = start;
        *got = true;
        return PCLR_OK;
    }
    return PCLR_OK;
}

/* Cuts the next blank-separated word out of *cursor; NULL at the end. */
static char *next_word(char **cursor)
{
    char *p = *cursor;
    while (*p == ' ' || *p == '\t') p++;
    if (*p == '\0') return NULL;
    char *word = p;
    while (*p && *p != ' ' && *p != '\t') p++;
    if (*p) *p++ = '\0';
    *cursor = p;
    return word;
}

static pclr_status add_comment(wfdb_header *h, const char *line, pclr_error *error)
{
    line++;
    while (*line == ' ') line++;
    if (h->comments % COMMENTS_GROW == 0) {
        TRY(mem_grow(&h->comment, h->comments, h->comments + COMMENTS_GROW, sizeof *h->comment, error));
    }
    h->comment[h->comments++] = line;
    return PCLR_OK;
}

/* The next line that is no comment; comments are collected on the way. */
static pclr_status next_content(reader *r, wfdb_header *h, bool *got)
{
    for (;;) {
        TRY(next_line(r, got));
        if (!*got || r->text[0] != '#') return PCLR_OK;
        TRY(add_comment(h, r->text, r->error));
    }
}

/* ---- date and time ---- */

static int month_of(const char *s)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int m = 0; m < 12; m++) {
        int same = 0;
        while (same < 3 && tolower((unsigned char)s[same]) == names[3 * m + same]) same++;
        if (same == 3) return m + 1;
    }
    return 0;
}

/* "16/10/1994" or "23-Mar-2021" */
static bool parse_date(const char *s, int *day, int *month, int *year)
{
    int64_t d, m, y;
    if (!scan_int(&s, &d) || (*s != '/' && *s != '-')) return false;
    s++;
    if (isalpha((unsigned char)*s)) {
        m = month_of(s);
        while (isalpha((unsigned char)*s)) s++;
    } else if (!scan_int(&s, &m)) {
        return false;
    }
    if (*s != '/' && *s != '-') return false;
    s++;
    if (!scan_int(&s, &y) || *s) return false;
    if (d < 1 || d > 31 || m < 1 || m > 12 || y < 1 || y > 9999) return false;
    *day = (int)d, *month = (int)m, *year = (int)y;
    return true;
}

/* "17:27:45", "31:51.982" (minutes, seconds), "12" (seconds) -> seconds of the day. */
static bool parse_time(const char *s, double *seconds)
{
    double total = 0, part = 0;
    if (*s == '[') s++;
    for (int k = 0; k < 3; k++) {
        if (!isdigit((unsigned char)*s) || !scan_double(&s, &part) || part < 0 || part > 1e6) return false;
        total = total * 60 + part;
        if (*s != ':') break;
        s++;
    }
    *seconds = total;
    return *s == '\0' || *s == ']';
}

static pclr_status parse_start(reader *r, wfdb_header *h, char *cursor)
{
    int day = 0, month = 0, year = 0;
    double seconds = 0;
    bool has_date = false;
    char *word;

    for (int k = 0; k < 2 && (word = next_word(&cursor)); k++) {
        if (parse_date(word, &day, &month, &year)) {
            if (k == 0 && r->strict) return fail(r, "base time", word, "hours:minutes:seconds before the date");
            has_date = true;
        } else if (!parse_time(word, &seconds) && r->strict) {
            return fail(r, "base time or date", word, "h:m:s and dd/mm/yyyy");
        }
    }
    if (!has_date || seconds < 0 || seconds >= 86400) return PCLR_OK;
    int whole = (int)seconds;
    return mem_printf(&h->start_time, r->error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, whole / 3600, whole / 60 % 60,
                      whole % 60);
}

/* ---- record line: NAME[/SEGMENTS] SIGNALS [RATE[/COUNTER[(BASE)]] [SAMPLES [TIME [DATE]]]] ---- */

static pclr_status parse_record_line(reader *r, wfdb_header *h)
{
    char *cursor = r->text, *word = next_word(&cursor);
    char *slash = strrchr(word, '/');
    int64_t value;

    if (slash) {
        if (!parse_int(slash + 1, &value) || value < 1 || value > SEGMENTS_MAX)
            return fail(r, "number of segments", slash + 1, "1 to 1048576");
        h->segments = (size_t)value;
        *slash = '\0';
    }
    h->name = word;
    word = next_word(&cursor);
    if (!word || !parse_int(word, &value) || value < 0 || value > SIGNALS_MAX) {
        return fail(r, "number of signals", word ? word : "", "0 to 256");
    }
    h->signals = (size_t)value;
    h->rate = 250; /* the standard's default */
    h->samples = -1;
    if (!(word = next_word(&cursor))) return PCLR_OK;
    const char *p = word;
    if (!scan_double(&p, &h->rate) || !isfinite(h->rate) || h->rate <= 0 || (*p && *p != '/')) {
        return fail(r, "sampling rate", word, "a positive number in Hz");
    }
    if (!(word = next_word(&cursor))) return PCLR_OK;
    if (!parse_int(word, &value) || value < 0) return fail(r, "number of samples", word, "a whole number, 0 or more");
    h->samples = value > 0 ? value : -1;
    return parse_start(r, h, cursor);
}

/* ---- signal line ---- */

/* A name from a header may lead into a sub-folder, never out of the record's own folder. */
static pclr_status check_file_name(reader *r, const char *name)
{
    if (name[0] == '/' || name[0] == '\\' || strstr(name, "..") || strstr(name, "://") || strchr(name, '\\')) {
        return fail(r, "file name", name, "a name beside the header, without '..', absolute path or address");
    }
    return PCLR_OK;
}

static bool known_format(int64_t format)
{
    static const int known[] = {0, 8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516, 524};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (known[k] == format) return true;
    }
    return false;
}

static pclr_status parse_format(reader *r, wfdb_signal *s, const char *word)
{
    const char *p = word;
    int64_t format = -1;

    s->per_frame = 1;
    if (!isdigit((unsigned char)*p) || !scan_int(&p, &format) || !known_format(format)) {
        return fail(r, "signal format", word, "8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516 or 524");
    }
    s->format = (int)format;
    while (*p) {
        char kind = *p++;
        int64_t value;
        if (!scan_int(&p, &value)) return fail(r, "signal format", word, "FORMAT[xN][:SKEW][+OFFSET]");
        if (kind == 'x' && value >= 1 && value <= 100000) {
            s->per_frame = value;
        } else if (kind == ':' && value >= 0 && value <= INT32_MAX) {
            s->skew = value;
        } else if (kind == '+' && value >= 0) {
            s->offset = value;
        } else {
            return fail(r, "signal format", word, "FORMAT[xN][:SKEW][+OFFSET] with numbers that can be");
        }
    }
    return PCLR_OK;
}

/* GAIN[(BASELINE)][/UNIT] */
static pclr_status parse_gain(reader *r, wfdb_signal *s, const char *word, bool *has_baseline)
{
    const char *p = word;

    if (!scan_double(&p, &s->gain) || !isfinite(s->gain)) return fail(r, "gain", word, "a number, as in 200(1024)/mV");
    s->calibrated = s->gain != 0;
    if (!s->calibrated) s->gain = 200;
    if (*p == '(') {
        p++;
        if (!scan_double(&p, &s->baseline) || *p != ')' || !isfinite(s->baseline)) return fail(r, "baseline", word, "GAIN(BASELINE)/UNIT");
        p++;
        *has_baseline = true;
    }
    if (*p == '/') {
        s->unit = p + 1;
        return PCLR_OK;
    }
    return *p ? fail(r, "gain", word, "GAIN[(BASELINE)][/UNIT]") : PCLR_OK;
}

static pclr_status parse_signal_line(reader *r, wfdb_signal *s)
{
    char *cursor = r->text, *word = next_word(&cursor);
    int64_t value[5] = {0}; /* bits, zero, first value, checksum, block size */
    int given = 0;
    bool has_baseline = false;

    TRY(check_file_name(r, word));
    s->file = word;
    word = next_word(&cursor);
    if (!word) return fail(r, "signal line", s->file, "FILE FORMAT ...");
    TRY(parse_format(r, s, word));
    s->gain = 200;
    s->unit = "mV";
    if ((word = next_word(&cursor))) TRY(parse_gain(r, s, word, &has_baseline));
    for (; word && given < 5 && (word = next_word(&cursor)); given++) {
        if (!parse_int(word, &value[given])) return fail(r, "field of a signal line", word, "a whole number");
    }
    if (!has_baseline) s->baseline = (double)value[1];
    s->initial = value[2];
    s->has_checksum = given >= 4;
    s->checksum = value[3];
    while (*cursor == ' ' || *cursor == '\t') cursor++;
    s->name = cursor;
    return PCLR_OK;
}

static pclr_status parse_segment_line(reader *r, wfdb_segment *s)
{
    char *cursor = r->text, *name = next_word(&cursor), *count = next_word(&cursor);

    TRY(check_file_name(r, name));
    s->name = name;
    if (!count || !parse_int(count, &s->samples) || s->samples < 0) return fail(r, "segment length", count ? count : "", "a whole number");
    return PCLR_OK;
}

static pclr_status parse_body(reader *r, wfdb_header *h)
{
    size_t lines = h->segments ? h->segments : h->signals;
    bool got;

    /* Every line takes at least four bytes: no allocation beyond what the file can hold. */
    if (lines > (size_t)(r->end - r->next)) {
        return error_set(r->error, PCLR_E_FORMAT, "%s:%d: %zu lines announced; the file has %zu bytes left; the header is cut off", r->path,
                         r->line, lines, (size_t)(r->end - r->next));
    }
    if (h->segments) {
        TRY(mem_alloc(&h->segment, lines, sizeof *h->segment, r->error));
    } else {
        TRY(mem_alloc(&h->signal, lines, sizeof *h->signal, r->error));
    }
    for (size_t k = 0; k < lines; k++) {
        TRY(next_content(r, h, &got));
        if (!got) {
            return error_set(r->error, PCLR_E_FORMAT, "%s:%d: %zu %s lines found; expected %zu; the header is cut off", r->path, r->line, k,
                             h->segments ? "segment" : "signal", lines);
        }
        TRY(h->segments ? parse_segment_line(r, &h->segment[k]) : parse_signal_line(r, &h->signal[k]));
    }
    do {
        TRY(next_content(r, h, &got));
        if (got && r->strict) return fail(r, "line", r->text, "comments only after the signal lines");
    } while (got);
    return PCLR_OK;
}

static pclr_status parse(reader *r, wfdb_header *h)
{
    bool got;

    TRY(next_content(r, h, &got));
    if (!got) return error_set(r->error, PCLR_E_FORMAT, "%s: an empty header; expected a record line; get the file again", r->path);
    TRY(parse_record_line(r, h));
    return parse_body(r, h);
}

pclr_status wfdb_header_parse(wfdb_header *header, const char *path, const char *data, size_t size, bool strict, pclr_error *error)
{
    memset(header, 0, sizeof *header);
    TRY(mem_alloc(&header->content, size + 1, 1, error));
    memcpy(header->content, data, size);
    reader r = {.path = path, .next = header->content, .end = header->content + size, .strict = strict, .error = error};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) r.next += 3;
    pclr_status status = parse(&r, header);
    if (status != PCLR_OK) wfdb_header_free(header);
    return status;
}

void wfdb_header_free(wfdb_header *header)
{
    mem_free(header->content);
    mem_free(header->signal);
    mem_free(header->segment);
    mem_free(header->comment);
    mem_free(header->start_time);
    memset(header, 0, sizeof *header);
}
