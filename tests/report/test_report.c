/* SPDX-License-Identifier: Apache-2.0 */
/* The HTML report: well-formed, self-contained, complete, and unmoved by hostile names and empty inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <physioclr.h>

#include "base/file.h"
#include "base/memory.h"
#include "folder.h"
#include "report/chart.h"
#include "report/curves.h"

static const char *write_file(const char *name, const char *content)
{
    const char *path = in_folder(name);
    assert_int_equal(file_write(path, content, strlen(content), NULL), PCLR_OK);
    return path;
}

/* ---- a small HTML reader ---- */

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(name, *list) == 0) return true;
    }
    return false;
}

static bool is_void(const char *name)
{
    static const char *const names[] = {"meta", "br", "img", NULL};
    return is_one_of(name, names);
}

/* Moves behind the tag at `p` ('<'); name[32] lower case; *closing, *selfclosed. Quotes may hold '>'. */
static const char *read_tag(const char *p, char *name, bool *closing, bool *selfclosed)
{
    size_t n = 0;
    char quote = 0;
    p++;
    *closing = *p == '/';
    p += *closing;
    while (isalnum((unsigned char)*p) && n < 31) name[n++] = (char)tolower((unsigned char)*p++);
    name[n] = '\0';
    if (n == 0) fail_msg("a '<' that begins no tag: %.40s", p - 1);
    for (; *p && (quote || *p != '>'); p++) {
        if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
    }
    if (*p != '>') fail_msg("tag <%s is not closed", name);
    *selfclosed = p[-1] == '/';
    return p + 1;
}

/* Entities are of the few that the report writes; every other & would be a name that was not escaped. */
static void check_entity(const char *p)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&le;", NULL};
    for (const char *const *k = known; *k; k++) {
        if (strncmp(p, *k, strlen(*k)) == 0) return;
    }
    fail_msg("unknown entity: %.20s", p);
}

/* Every element that opens is closed in order; table cells stand in rows; nothing but text and known entities between. */
static void check_structure(const char *page)
{
    char stack[64][32], name[32];
    size_t depth = 0;
    bool closing, selfclosed;
    assert_memory_equal(page, "<!DOCTYPE html>", 15);
    for (const char *p = page + 15; *p;) {
        if (*p == '&') check_entity(p);
        if (*p != '<') {
            p++;
            continue;
        }
        p = read_tag(p, name, &closing, &selfclosed);
        if (is_void(name) || selfclosed) continue;
        if (!closing) {
            if (depth == 64) fail_msg("more than 64 elements deep");
            if ((strcmp(name, "td") == 0 || strcmp(name, "th") == 0) && strcmp(stack[depth - 1], "tr") != 0) fail_msg("cell outside a row");
            memcpy(stack[depth++], name, sizeof name);
            if (strcmp(name, "style") == 0) p = strstr(p, "</style>");
            assert_non_null(p);
            continue;
        }
        if (depth == 0 || strcmp(stack[depth - 1], name) != 0) fail_msg("</%s> closes <%s>", name, depth ? stack[depth - 1] : "nothing");
        depth--;
    }
    if (depth) fail_msg("<%s> is never closed", stack[depth - 1]);
}

/* No request leaves the page: no script, no address but data:. */
static void check_self_contained(const char *page)
{
    static const char *const forbidden[] = {"<script", "<link", "<iframe", "http:", "https:", "@import", "url(", "href=", "onload", NULL};
    for (const char *const *f = forbidden; *f; f++) {
        if (strstr(page, *f)) fail_msg("%s in the page: %.60s", *f, strstr(page, *f));
    }
    for (const char *p = strstr(page, "<img "); p; p = strstr(p + 1, "<img ")) {
        const char *source = strstr(p, " src='");
        assert_non_null(source);
        assert_memory_equal(source + 6, "data:", 5);
    }
}

static size_t count_of(const char *page, const char *words)
{
    size_t n = 0;
    for (const char *p = strstr(page, words); p; p = strstr(p + 1, words)) n++;
    return n;
}

/* ---- evaluations to report on ---- */

enum { RECORDS = 60 };

/* labels.csv with sex, age and source, and a prediction file; `names` are the heads of two score columns. */
static void make_files(const char *first, const char *second, const char **labels, const char **predictions)
{
    text l = {0}, p = {0};
    const char *name[] = {first, second};
    text_add(&l, "record_id,patient_id,age,sex,source");
    text_add(&p, "record_id");
    for (size_t k = 0; k < 2; k++) {
        text_add(&l, ",");
        text_add_csv(&l, name[k]);
        text_add(&p, ",");
        text_add_csv(&p, name[k]);
    }
    text_add(&l, "\n"), text_add(&p, "\n");
    for (int r = 0; r < RECORDS; r++) {
        text_add(&l, "r%d,p%d,%d,%d,%s,%d,%d\n", r, r / 2, 20 + r, r % 2, r % 3 ? "north" : "south", r % 4 == 0, r % 7 == 0);
        text_add(&p, "r%d,%.3f,%.3f\n", r, (r * 37 % 100) / 150.0 + (r % 4 == 0) * 0.3, (r * 53 % 100) / 150.0 + (r % 7 == 0) * 0.3);
    }
    *labels = write_file("labels.csv", l.data);
    *predictions = write_file("predictions.csv", p.data);
    text_free(&l), text_free(&p);
}

static pclr_evaluation *evaluate(const char *predictions, const char *labels)
{
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 50, .allow_missing = true};
    if (pclr_evaluate(&e, predictions, labels, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    return e;
}

/* Writes, reads back and checks a report; the page is freed by the caller. */
static char *report(const pclr_evaluation *const *list, size_t count, const pclr_report_options *options)
{
    const char *path = in_folder("report.html");
    char *page = NULL;
    size_t size;
    pclr_error error = {0};
    if (pclr_report_write(path, list, count, options, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(file_read(path, 0, &page, &size, &error), PCLR_OK);
    assert_int_equal(strlen(page), size);
    check_structure(page);
    check_self_contained(page);
    return page;
}

static void every_part_is_there(void **state)
{
    (void)state;
    static const char *const parts[] = {"AUROC by class", "Measures over the classes",
                                        "ROC curves",     "Precision–recall curves",
                                        "Calibration",    "Calls at the thresholds",
                                        "Confusion",      "Subgroups",
                                        "Methods",        "Provenance",
                                        "sex: male",      "age: under 40",
                                        "source: north",  "without source: south",
                                        "SHA-256",        NULL};
    const char *labels, *predictions;
    make_files("MI", "AF", &labels, &predictions);
    pclr_evaluation *e = evaluate(predictions, labels);
    const pclr_evaluation *const list[] = {e};
    char *page = report(list, 1, NULL);
    for (const char *const *p = parts; *p; p++) {
        if (!strstr(page, *p)) fail_msg("the report has no '%s'", *p);
    }
    assert_int_equal(count_of(page, "<svg class=chart"), 6); /* ROC, precision-recall, reliability of two classes */
    assert_int_equal(count_of(page, "<svg "), count_of(page, "role=img"));
    mem_free(page);
    pclr_evaluation_destroy(&e);
}

static void hostile_names_are_escaped(void **state)
{
    (void)state;
    const char *labels, *predictions;
    make_files("<script>alert('1')</script>", "A&B \"quoted\" </td>", &labels, &predictions);
    pclr_evaluation *e = evaluate(predictions, labels);
    const pclr_evaluation *const list[] = {e};
    const char *const names[] = {"</title><img src=x onerror=1>"};
    pclr_report_options options = {.title = "<b>&", .name = names};
    char *page = report(list, 1, &options);
    assert_non_null(strstr(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
    assert_non_null(strstr(page, "A&amp;B &quot;quoted&quot; &lt;/td&gt;"));
    assert_non_null(strstr(page, "<title>&lt;b&gt;&amp;</title>"));
    assert_null(strstr(page, "<img src=x"));
    mem_free(page);
    pclr_evaluation_destroy(&e);
}

/* A class without positives, and every class constant: named once, and nothing drawn of what does not exist. */
static void undefined_classes_make_no_figures(void **state)
{
    (void)state;
    const char *labels = write_file("l.csv", "record_id,A,B,C\nr1,0,0,1\nr2,0,0,1\nr3,0,0,1\n");
    const char *predictions = write_file("p.csv", "record_id,A,B,C\nr1,5,0.5,1\nr2,5,0.5,1\nr3,5,0.5,1\n");
    pclr_evaluation *e = evaluate(predictions, labels);
    const pclr_evaluation *const list[] = {e, e};
    char *page = report(list, 2, NULL);
    assert_non_null(strstr(page, "no class has positives and negatives"));
    assert_int_equal(count_of(page, "classes A and B are undefined: no positives"), 1);
    assert_int_equal(count_of(page, "class C is undefined: no negatives"), 1);
    assert_int_equal(count_of(page, "<svg class=chart"), 0);
    mem_free(page);
    pclr_evaluation_destroy(&e);
}

/* From the highest score: a negative, two positives, a negative. Precision is that of the first threshold that reaches the recall. */
static void precision_is_of_the_thresholds_themselves(void **state)
{
    (void)state;
    const char *labels = write_file("l.csv", "record_id,A\nr1,0\nr2,1\nr3,1\nr4,0\n");
    const char *predictions = write_file("p.csv", "record_id,A\nr1,0.9\nr2,0.8\nr3,0.7\nr4,0.6\n");
    pclr_evaluation *e = evaluate(predictions, labels);
    class_curves *curves = NULL;
    assert_int_equal(curves_create(&curves, e, NULL), PCLR_OK);
    const double *precision = curves[0].precision.value, *roc = curves[0].roc.value;
    assert_true(precision[0] == 0 && precision[1] == 1 / 2.0 && precision[50] == 1 / 2.0);
    assert_true(precision[51] == 2 / 3.0 && precision[100] == 2 / 3.0);
    assert_true(roc[0] == 0 && roc[49] == 0 && roc[50] == 1 && roc[100] == 1);
    mem_free(curves);
    pclr_evaluation_destroy(&e);
}

/* Twelve classes: names of the confusion stand on end; what a group lacks makes no row; rare classes have short axes. */
static void many_classes_have_room(void **state)
{
    (void)state;
    text l = {0}, p = {0};
    text_add(&l, "record_id,sex"), text_add(&p, "record_id");
    for (int c = 0; c < 12; c++) text_add(&l, ",class%d", c), text_add(&p, ",class%d", c);
    for (int r = 0; r < 48; r++) {
        text_add(&l, "\nr%d,%d", r, r % 2), text_add(&p, "\nr%d", r);
        for (int c = 0; c < 12; c++) text_add(&l, ",%d", r % 12 == c), text_add(&p, ",%.3f", 0.05 + (r * 7 + c) % 10 / 1000.0);
    }
    text_add(&l, "\n"), text_add(&p, "\n");
    pclr_evaluation *e = evaluate(write_file("p.csv", p.data), write_file("l.csv", l.data));
    const pclr_evaluation *const list[] = {e};
    char *page = report(list, 1, NULL);
    assert_int_equal(count_of(page, "<table class='heat many'>"), 1);
    assert_int_equal(count_of(page, "<tr><td>sex: male</td>"), 6); /* even records: classes 0, 2, ... 10 */
    assert_int_equal(count_of(page, "<tr><td>sex: female</td>"), 6);
    assert_non_null(strstr(page, ">0.05</text>"));
    assert_non_null(strstr(page, "Of records of l.csv"));
    mem_free(page);
    text_free(&l), text_free(&p);
    pclr_evaluation_destroy(&e);
}

static void nothing_to_report_is_an_error(void **state)
{
    (void)state;
    pclr_error error = {0};
    assert_int_equal(pclr_report_write(in_folder("none.html"), NULL, 0, NULL, &error), PCLR_E_ARGUMENT);
    assert_false(file_exists(in_folder("none.html")));
}

/* Two systems of which one lacks a record: equal notes stand once, differences are told. */
static void comparisons_tell_differences(void **state)
{
    (void)state;
    const char *labels, *predictions;
    make_files("MI", "AF", &labels, &predictions);
    char *data = NULL;
    size_t size;
    assert_int_equal(file_read(predictions, 0, &data, &size, NULL), PCLR_OK);
    char *last = strstr(data, "r59,"), *line = strstr(data, "r3,");
    *last = '\0';                 /* the other file ends one record earlier */
    line[3] = '0', line[5] = '9'; /* and one score differs */
    const char *files[] = {predictions, write_file("other.csv", data)};
    mem_free(data);
    pclr_comparison *c = NULL;
    pclr_error error = {0};
    const char *const names[] = {"ours", "theirs"};
    pclr_evaluate_options options = {.bootstraps = 50, .allow_missing = true, .name = names};
    if (pclr_compare(&c, files, 2, labels, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    const pclr_evaluation *list[] = {pclr_comparison_evaluation(c, 0), pclr_comparison_evaluation(c, 1)};
    pclr_report_options report_options = {.comparison = c};
    char *page = report(list, 2, &report_options);
    assert_non_null(strstr(page, "Paired differences"));
    assert_non_null(strstr(page, "Macro AUROC of <b>theirs</b> minus that of <b>ours</b>: "));
    assert_int_equal(count_of(page, "1 of 60 records of ours are not in every file"), 1);
    assert_non_null(strstr(page, "59 records of "));
    mem_free(page);
    pclr_comparison_destroy(&c);
}

/* A run folder: curves, configuration, model card; a broken last line is passed over. */
static void runs_are_shown(void **state)
{
    (void)state;
    const char *labels, *predictions, *run = in_folder("run");
    char name[160];
    make_files("MI", "AF", &labels, &predictions);
    assert_int_equal(mkdir(run, 0755), 0);
    snprintf(name, sizeof name, "%s/metrics.jsonl", run);
    static const char metrics[] =
        "{\"event\":\"train\",\"step\":1,\"loss\":2.0,\"learning_rate\":0.1}\n{\"event\":\"train\",\"step\":2,\"loss\":1.0,"
        "\"learning_rate\":0.05}\n{\"event\":\"validation\",\"step\":2,\"auroc\":0.8}\n{\"event\":\"train\",\"st";
    assert_int_equal(file_write(name, metrics, strlen(metrics), NULL), PCLR_OK);
    snprintf(name, sizeof name, "%s/config.yaml", run);
    assert_int_equal(file_write(name, "seed: 1 # <&>\n", 14, NULL), PCLR_OK);
    snprintf(name, sizeof name, "%s/README.md", run);
    assert_int_equal(file_write(name, "# ECG classifier\n", 17, NULL), PCLR_OK);
    pclr_evaluation *e = evaluate(predictions, labels);
    const pclr_evaluation *const list[] = {e};
    const char *const runs[] = {run};
    pclr_report_options options = {.run = runs, .runs = 1};
    char *page = report(list, 1, &options);
    assert_int_equal(count_of(page, "<svg class=chart"), 9); /* and loss, validation AUROC, learning rate */
    assert_non_null(strstr(page, "seed: 1 # &lt;&amp;&gt;"));
    assert_non_null(strstr(page, "# ECG classifier"));
    mem_free(page);
    pclr_evaluation_destroy(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_there),
        cmocka_unit_test(hostile_names_are_escaped),
        cmocka_unit_test(undefined_classes_make_no_figures),
        cmocka_unit_test(precision_is_of_the_thresholds_themselves),
        cmocka_unit_test(many_classes_have_room),
        cmocka_unit_test(nothing_to_report_is_an_error),
        cmocka_unit_test(comparisons_tell_differences),
        cmocka_unit_test(runs_are_shown),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
