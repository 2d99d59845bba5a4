/* SPDX-License-Identifier: Apache-2.0 */
#include "record/deidentify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "record/record.h"

static pclr_status make_salt(pseudonyms *p, const char *path, pclr_error *error)
{
    if (getrandom(p->salt, sizeof p->salt, 0) != (ssize_t)sizeof p->salt) return error_io(error, path, "make a key for", errno);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return error_io(error, path, "create", errno);
    ssize_t written = write(descriptor, p->salt, sizeof p->salt);
    int failed = close(descriptor);
    return written == (ssize_t)sizeof p->salt && failed == 0 ? PCLR_OK : error_io(error, path, "write", errno);
}

pclr_status pseudonyms_open(pseudonyms *p, const char *path, pclr_error *error)
{
    char *data = NULL;
    size_t size = 0;

    if (!file_exists(path)) return make_salt(p, path, error);
    TRY(file_read(path, 1 << 16, &data, &size, error));
    bool good = size >= 16;
    hash_sha256_state s;
    hash_sha256_begin(&s);
    hash_sha256_add(&s, data, size);
    if (size == PSEUDONYM_SALT) {
        memcpy(p->salt, data, sizeof p->salt);
    } else {
        hash_sha256_end(&s, p->salt); /* a key of one's own, of any length */
    }
    mem_free(data);
    if (good) return PCLR_OK;
    return error_set(error, PCLR_E_DATA, "%s: a key of %zu bytes; expected at least 16; remove the file and a new one is made", path, size);
}

static void keyed_hash(const pseudonyms *p, const char *kind, const char *words, uint8_t digest[32])
{
    hash_sha256_state s;
    hash_sha256_begin(&s);
    hash_sha256_add(&s, p->salt, sizeof p->salt);
    hash_sha256_add(&s, kind, strlen(kind) + 1);
    hash_sha256_add(&s, words, strlen(words));
    hash_sha256_end(&s, digest);
}

void pseudonym_make(const pseudonyms *p, const char *kind, const char *words, char out[PSEUDONYM_SIZE])
{
    uint8_t digest[32];

    out[0] = '\0';
    if (!*words) return;
    keyed_hash(p, kind, words, digest);
    hash_hex(digest, (PSEUDONYM_SIZE - 1) / 2, out);
}

int pseudonym_days(const pseudonyms *p, const char *patient)
{
    uint8_t digest[32];
    keyed_hash(p, "days", patient, digest);
    return -366 - ((digest[0] << 16 | digest[1] << 8 | digest[2]) % 3285);
}

float deidentify_age(float age)
{
    return age > DEIDENTIFY_AGE_MAX - 1 ? DEIDENTIFY_AGE_MAX : age;
}

/* ---- dates: days since 0000-03-01 of the Gregorian calendar, in which the leap day ends the year ---- */

static int days_of(int year, int month, int day)
{
    if (month < 3) year--, month += 12;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1;
}

static void date_of(int days, int *year, int *month, int *day)
{
    int era = days / 146097, rest = days % 146097; /* 400 years */
    int y = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    int d = rest - (365 * y + y / 4 - y / 100);
    int m = (5 * d + 2) / 153;
    *day = d - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = 400 * era + y + (*month <= 2);
}

void date_shift(const char *time, int days, char *out, size_t size)
{
    int year, month, day, used = 0;

    out[0] = '\0';
    if (!time || sscanf(time, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10) return;
    if (year < 100 || month < 1 || month > 12 || day < 1 || day > 31) return;
    date_of(days_of(year, month, day) + days, &year, &month, &day);
    snprintf(out, size, "%04d-%02d-%02d%.20s", year, month, day, time + used);
}

/* ---- a whole recording ---- */

pclr_status pclr_record_deidentify(pclr_record *r, const char *key_path, pclr_error *error)
{
    pseudonyms p;
    char id[PSEUDONYM_SIZE], patient[PSEUDONYM_SIZE], time[40];

    TRY(pseudonyms_open(&p, key_path, error));
    const char *who = r->patient && *r->patient ? r->patient : r->id;
    date_shift(r->start_time, pseudonym_days(&p, who), time, sizeof time);
    pseudonym_make(&p, "record", r->id, id);
    pseudonym_make(&p, "patient", r->patient ? r->patient : "", patient);
    TRY(record_set_text(&r->id, id, error));
    TRY(record_set_text(&r->patient, patient[0] ? patient : NULL, error));
    TRY(record_set_text(&r->start_time, time[0] ? time : NULL, error));
    TRY(record_set_text(&r->path, NULL, error));
    TRY(record_set_text(&r->comments, NULL, error)); /* free words may name anybody */
    r->age = deidentify_age(r->age);
    for (size_t k = 0; k < r->annotations; k++) {
        char *aux = r->annotation[k].aux;
        if (aux && aux[0] != '(') mem_release(&r->annotation[k].aux); /* rhythm marks such as "(AFIB" stay */
    }
    return PCLR_OK;
}
