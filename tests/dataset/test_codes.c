/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of codes, measurements of the recorder, pseudonyms. */
#include "archive.h"

#include "dataset/dataset.h"
#include "dataset/h5.h"
#include "record/deidentify.h"

static int make_archive(void **state)
{
    if (folder_set_up(state) != 0) return -1;
    put_record("dx", "a", 0, 500, 5, "59118001,426783006,99");
    put_record("dx", "b", 1, 500, 5, "713427006, 59118001");
    put_record("dx", "c", 2, 500, 5, "426783006");
    put_record("dx", "d", 3, 500, 5, NULL);
    put_text("map.csv",
             "code,name,class\n59118001,right bundle branch block,RBBB\n713427006,complete RBBB,RBBB\n426783006,sinus rhythm,\n");
    put_record("mimic/files/p1000/p10001/s40001", "40001", 4, 500, 10, NULL);
    put_record("mimic/files/p1000/p10001/s40002", "40002", 5, 500, 10, NULL);
    put_record("mimic/files/p1000/p10002/s40003", "40003", 6, 500, 10, NULL);
    put_text("mimic/record_list.csv", "subject_id,study_id,file_name,ecg_time,path\n"
                                      "10001,40001,40001,2180-07-23 08:44:00,files/p1000/p10001/s40001/40001\n"
                                      "10001,40002,40002,2180-07-24 09:00:00,files/p1000/p10001/s40002/40002\n"
                                      "10002,40003,40003,2150-01-01 00:00:00,files/p1000/p10002/s40003/40003\n");
    put_text("mimic/machine_measurements.csv",
             "subject_id,study_id,cart_id,ecg_time,report_0,report_1,report_2,bandwidth,filtering,rr_interval,p_onset,p_end,qrs_onset,"
             "qrs_end,t_end,p_axis,qrs_axis,t_axis\n"
             "10001,40002,1,2180-07-24 09:00:00,Atrial fibrillation,,Abnormal ECG,0.005-150 Hz,60 Hz "
             "notch,659,29999,29999,200,290,560,29999,-13,8\n"
             "10001,40001,1,2180-07-23 08:44:00,\"Sinus rhythm,\nregular\",,,0.005-150 Hz,,659,40,128,170,258,518,81,77,75\n");
    put_text("statements.csv", "code,name,class\nAtrial fibrillation,,AF\n");
    return 0;
}

static void import_from(const char *source_name, const char *name, pclr_import_options options)
{
    const char *source = in_folder(source_name);
    pclr_error error = {0};
    options.threads = 1;
    if (pclr_import(in_folder(name), &source, 1, &options, NULL, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
}

static pclr_dataset *open_dataset(const char *name)
{
    pclr_dataset *d = NULL;
    pclr_error error = {0};
    if (pclr_dataset_open(&d, in_folder(name), &error) != PCLR_OK) fail_msg("%s", error.message);
    return d;
}

static void maps_codes_of_ones_own(void **state)
{
    static const uint8_t rbbb[] = {1, 1, 0, 255};
    static const char *const met[] = {"426783006", "59118001", "713427006", "99"};
    pclr_labels *l = NULL;
    const char *map = in_folder("map.csv");

    (void)state;
    import_from("dx", "dx.h5", (pclr_import_options){.codes = map});
    pclr_dataset *d = open_dataset("dx.h5");
    assert_int_equal(pclr_dataset_labels(d, "map", &l, NULL), PCLR_OK);
    assert_int_equal(l->classes, 1);
    assert_string_equal(l->class_name[0], "RBBB");
    assert_memory_equal(l->value, rbbb, sizeof rbbb);
    pclr_labels_destroy(&l);
    pclr_codes *c = NULL;
    assert_int_equal(pclr_dataset_codes(d, &c, NULL), PCLR_OK);
    assert_int_equal(c->codes, 4);
    for (size_t k = 0; k < 4; k++) { /* the last is on no map; the first is passed over on purpose, which is not the same */
        assert_string_equal(c->code[k], met[k]);
        assert_int_equal(c->known[k], k < 3);
        assert_int_equal(c->records[k], k < 2 ? 2 : 1);
    }
    assert_string_equal(c->class_name[1], "RBBB");
    assert_string_equal(c->name[2], "complete RBBB");
    pclr_codes_destroy(&c);
    pclr_dataset_destroy(&d);
    assert_true(file_holds("codes.csv", "code,name,class,records\n426783006,sinus rhythm,,2\n59118001,right bundle branch block,RBBB,2\n"
                                        "713427006,complete RBBB,RBBB,1\n99,,,1\n"));
}

static void counts_codes_without_a_map(void **state)
{
    (void)state;
    import_from("dx", "plain.h5", (pclr_import_options){0});
    assert_true(file_holds("codes.csv", "426783006,,NSR,2\n59118001,,CRBBB|RBBB,2\n713427006,,CRBBB|RBBB,1\n99,,,1\n"));
}

static void refuses_maps_without_sense(void **state)
{
    static const char *const bad[] = {"code,name\n1,x\n", "code,name,class\n1,x,\n", "code,name,class\n1,x,A\n1,y,B\n"};
    static const char *const told[] = {"class", "no code has a class", ":3:"};
    const char *source = in_folder("dx");

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        pclr_error error = {0};
        put_text("bad.csv", bad[k]);
        pclr_import_options options = {.codes = in_folder("bad.csv")};
        assert_int_not_equal(pclr_import(in_folder("bad.h5"), &source, 1, &options, NULL, NULL, &error), PCLR_OK);
        if (!strstr(error.message, told[k])) fail_msg("\"%s\" does not tell \"%s\"", error.message, told[k]);
    }
}

static void keeps_measurements_of_the_machine(void **state)
{
    const char *map = in_folder("statements.csv");
    pclr_labels *l = NULL;
    float value[3 * 9];
    hid_t file = -1;
    char **name = NULL;
    size_t names = 0;

    (void)state;
    import_from("mimic", "mimic.h5", (pclr_import_options){.codes = map});
    pclr_dataset *d = open_dataset("mimic.h5");
    assert_string_equal(pclr_dataset_get_row(d, 0).patient, "10001");
    assert_int_equal(pclr_dataset_labels(d, "statements", &l, NULL), PCLR_OK);
    assert_true(l->value[0] == 0 && l->value[1] == 1 && l->value[2] == 255); /* the third study has no row */
    pclr_labels_destroy(&l);
    pclr_dataset_destroy(&d);
    assert_int_equal(h5_open(&file, in_folder("mimic.h5"), false, NULL), PCLR_OK);
    assert_int_equal(h5_read(file, "/measurements", H5T_NATIVE_FLOAT, 3, 9, value, NULL), PCLR_OK);
    assert_int_equal(h5_get_texts(file, "/measurements", "names", &name, &names, NULL), PCLR_OK);
    assert_string_equal(name[0], "rr_interval");
    h5_free_texts(name, names);
    assert_int_equal(h5_close(&file, "", NULL), PCLR_OK);
    assert_true(value[0] == 659 && value[1] == 40 && value[6] == 81);
    assert_true(value[9] == 659 && isnan(value[10]) && value[12] == 200 && isnan(value[15]) && value[16] == -13); /* 29999 is missing */
    for (int k = 18; k < 27; k++) assert_true(isnan(value[k]));
    assert_true(file_holds("codes.csv", "Abnormal ECG,,,1\nAtrial fibrillation,,AF,1\n\"Sinus rhythm,\nregular\",,,1\n"));
}

static void read_times(const char *name, size_t records, char **block, const char **time)
{
    hid_t file = -1;
    assert_int_equal(h5_open(&file, in_folder(name), false, NULL), PCLR_OK);
    assert_int_equal(h5_read_texts(file, "/records/time", records, block, time, NULL), PCLR_OK);
    assert_int_equal(h5_close(&file, "", NULL), PCLR_OK);
}

static void hides_persons(void **state)
{
    static const char *const told[] = {"40001", "40002", "10001", "files/p1000", "2180-07-23"};
    char *block = NULL;
    const char *time[3];

    (void)state;
    import_from("mimic", "hidden.h5", (pclr_import_options){.deidentify = true});
    import_from("mimic", "again.h5", (pclr_import_options){.deidentify = true});
    assert_same_file("hidden.h5", "again.h5"); /* one key, the same pseudonyms */
    for (size_t k = 0; k < sizeof told / sizeof *told; k++) assert_false(file_holds("hidden.h5", told[k]));
    pclr_dataset *d = open_dataset("hidden.h5");
    pclr_dataset_row a = pclr_dataset_get_row(d, 0), b = pclr_dataset_get_row(d, 1), c = pclr_dataset_get_row(d, 2);
    assert_true(strlen(a.id) == 16 && strcmp(a.id, b.id) != 0);
    assert_string_equal(a.patient, b.patient);
    assert_string_not_equal(a.patient, c.patient);
    assert_true(a.age == 90 && a.path[0] == '\0');
    pclr_dataset_destroy(&d);
    read_times("hidden.h5", 3, &block, time);
    assert_true(strncmp(time[0], "2170", 4) >= 0 && strncmp(time[0], "2179-07-24", 10) < 0);
    assert_string_equal(time[0] + 10, "T08:44:00"); /* whole days */
    assert_int_not_equal(strncmp(time[0], time[1], 10), 0);
    mem_free(block);

    pclr_import_options other = {.deidentify = true, .salt = in_folder("other.salt")};
    import_from("mimic", "other.h5", other);
    pclr_dataset *e = open_dataset("other.h5");
    d = open_dataset("hidden.h5");
    assert_string_not_equal(pclr_dataset_get_row(e, 0).id, pclr_dataset_get_row(d, 0).id);
    pclr_dataset_destroy(&d);
    pclr_dataset_destroy(&e);
}

static void hides_a_recording(void **state)
{
    pclr_record *r = NULL;

    (void)state;
    assert_int_equal(pclr_record_read(&r, in_folder("dx/a"), NULL, NULL), PCLR_OK);
    assert_int_equal(record_set_text(&r->comments, "Name: Jane Doe", NULL), PCLR_OK);
    assert_int_equal(pclr_record_deidentify(r, in_folder("physioclr.salt"), NULL), PCLR_OK);
    assert_int_equal(strlen(r->id), 16);
    assert_true(r->age == 90 && r->comments == NULL && r->path == NULL);
    assert_string_equal(r->start_time + 10, "T08:30:00");
    assert_int_not_equal(strncmp(r->start_time, "2021-02-27", 10), 0);
    pclr_record_destroy(&r);
}

static void shifts_dates(void **state)
{
    static const struct {
        const char *from;
        int days;
        const char *to;
    } shift[] = {{"2021-03-01T10:00:00", -1, "2021-02-28T10:00:00"}, {"2020-03-01", -1, "2020-02-29"},   {"1900-03-01", -1, "1900-02-28"},
                 {"2000-12-31T23:59:59", 1, "2001-01-01T23:59:59"},  {"2021-01-01", -366, "2020-01-01"}, {"12:30:00", -5, ""}};
    char out[40];
    (void)state;
    for (size_t k = 0; k < sizeof shift / sizeof *shift; k++) {
        date_shift(shift[k].from, shift[k].days, out, sizeof out);
        assert_string_equal(out, shift[k].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_codes_of_ones_own),
        cmocka_unit_test(counts_codes_without_a_map),
        cmocka_unit_test(refuses_maps_without_sense),
        cmocka_unit_test(keeps_measurements_of_the_machine),
        cmocka_unit_test(hides_persons),
        cmocka_unit_test(hides_a_recording),
        cmocka_unit_test(shifts_dates),
    };
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
