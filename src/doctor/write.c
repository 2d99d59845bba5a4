/* SPDX-License-Identifier: Apache-2.0 */
/* A check as CSV: one row a recording, or one row a finding with its remedy. */
#include <string.h>

#include "base/file.h"
#include "doctor/findings.h"

static void add_recording(text *out, const pclr_checked *r)
{
    text_add_csv(out, r->id);
    text_add(out, ",%.4f,", (double)r->quality);
    text_add_csv(out, r->findings ? r->findings : "");
    text_add(out, "\n");
}

static int kind_of(const char *name, size_t length)
{
    for (int k = 0; k < PCLR_FINDINGS; k++) {
        const char *known = pclr_finding_name((size_t)k);
        if (strlen(known) == length && strncmp(known, name, length) == 0) return k;
    }
    return -1;
}

static void add_field(text *out, const char *words, size_t length)
{
    text field = {0};
    text_add_bytes(&field, words, length);
    text_add(out, ",");
    text_add_csv(out, field.data ? field.data : "");
    text_free(&field);
}

/* "flat(V2);mains(50 Hz)" -> a row each */
static void add_reasons(text *out, const pclr_checked *r)
{
    for (const char *p = r->findings; p && *p;) {
        size_t length = strcspn(p, ";"), name = strcspn(p, "(;");
        int k = kind_of(p, name);
        text_add_csv(out, r->id);
        add_field(out, p, name);
        if (name < length)
            add_field(out, p + name + 1, length - name - 2);
        else
            text_add(out, ",");
        add_field(out, k < 0 ? "" : pclr_finding_meaning((size_t)k), k < 0 ? 0 : strlen(pclr_finding_meaning((size_t)k)));
        add_field(out, k < 0 ? "" : pclr_finding_remedy((size_t)k), k < 0 ? 0 : strlen(pclr_finding_remedy((size_t)k)));
        add_field(out, r->path, strlen(r->path));
        text_add(out, "\n");
        p += length + (p[length] == ';');
    }
}

pclr_status pclr_checkup_csv(const pclr_checkup *c, const char *path, bool reasons, pclr_error *error)
{
    text out = {0};
    file_out to;

    text_add(&out, reasons ? "record_id,finding,detail,meaning,remedy,path\n" : "record_id,quality,findings\n");
    for (size_t i = 0; i < c->count; i++) {
        if (reasons)
            add_reasons(&out, &c->record[i]);
        else
            add_recording(&out, &c->record[i]);
    }
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK) status = file_out_open(&to, path, error);
    if (status == PCLR_OK) {
        fwrite(out.data, 1, out.length, to.stream); /* commit reports what failed */
        status = file_out_commit(&to, error);
    }
    text_free(&out);
    return status;
}
