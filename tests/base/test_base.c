/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, memory, hashes, random numbers, threads, files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/select.h"
#include "folder.h"

static void test_error_is_one_line(void **state)
{
    (void)state;
    pclr_error error = {0};
    assert_int_equal(error_set(&error, PCLR_E_FORMAT, "a\nb %d", 7), PCLR_E_FORMAT);
    assert_string_equal(error.message, "a b 7");
    assert_int_equal(error_prefix(&error, "%s", "file.hea"), PCLR_E_FORMAT);
    assert_string_equal(error.message, "file.hea: a b 7");
    assert_int_equal(error_set(NULL, PCLR_E_DATA, "x"), PCLR_E_DATA);

    char path[2000];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(error_prefix(&error, "%s", path), PCLR_E_FORMAT);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Every rank of lists with many ties, against sorting. */
static void test_select(void **state)
{
    (void)state;
    enum { LONGEST = 40 };
    float value[LONGEST], sorted[LONGEST], work[LONGEST];
    rng r = rng_make(1, "select", 0);
    for (size_t n = 1; n <= LONGEST; n++) {
        for (size_t i = 0; i < n; i++) value[i] = sorted[i] = (float)rng_below(&r, n / 2 + 1);
        qsort(sorted, n, sizeof *sorted, compare_floats);
        for (size_t k = 0; k < n; k++) {
            memcpy(work, value, sizeof work);
            assert_float_equal(select_smallest(work, n, k), sorted[k], 0.0);
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    pclr_error error = {0};
    double *p = NULL;
    assert_int_equal(mem_alloc(&p, SIZE_MAX / 4, sizeof *p, &error), PCLR_E_MEMORY);
    assert_null(p);
    assert_int_equal(mem_alloc(&p, 3, sizeof *p, &error), PCLR_OK);
    assert_int_equal((uintptr_t)p % 64, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(p[i] == 0);
        p[i] = i + 1;
    }
    assert_int_equal(mem_grow(&p, 3, 1000, sizeof *p, &error), PCLR_OK);
    assert_true(p[0] == 1 && p[2] == 3 && p[3] == 0 && p[999] == 0);
    assert_int_equal(mem_grow(&p, 1000, SIZE_MAX, sizeof *p, &error), PCLR_E_MEMORY);
    assert_true(p[2] == 3);
    mem_release(&p);
    assert_null(p);
    assert_int_equal(mem_alloc(&p, 0, sizeof *p, &error), PCLR_OK);
    assert_non_null(p);
    mem_free(p);
}

static void test_arena(void **state)
{
    (void)state;
    arena *a = NULL;
    assert_int_equal(arena_create(&a, NULL), PCLR_OK);
    for (size_t n = 1; n < 200000; n = n * 3 + 1) {
        unsigned char *bytes = arena_alloc(a, n);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, n);
    }
    assert_string_equal(arena_strdup(a, "lead"), "lead");
    assert_null(arena_alloc(a, SIZE_MAX - 7));
    arena_destroy(&a);
    assert_null(a);
    arena_destroy(&a);
}

/* Digests of FIPS 180-4's examples and of "" (checked with sha1sum and sha256sum). */
static void test_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sha1, *sha256;
    } CASE[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t digest[32];
    char hex[65];
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        hash_sha1(CASE[i].text, strlen(CASE[i].text), digest);
        hash_hex(digest, 20, hex);
        assert_string_equal(hex, CASE[i].sha1);
        hash_sha256_state s;
        hash_sha256_begin(&s);
        for (const char *p = CASE[i].text; *p; p++) hash_sha256_add(&s, p, 1);
        hash_sha256_end(&s, digest);
        hash_hex(digest, 32, hex);
        assert_string_equal(hex, CASE[i].sha256);
    }
    assert_true(hash_fnv1a("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_fnv1a("foobar", 6) == UINT64_C(0x85944171f73967e8)); /* the authors' test vector */
}

/* A million letters a, fed in pieces that do not fit the blocks. */
static void test_sha256_in_pieces(void **state)
{
    (void)state;
    char piece[777], hex[65];
    memset(piece, 'a', sizeof piece);
    hash_sha256_state s;
    hash_sha256_begin(&s);
    for (size_t left = 1000000; left > 0;) {
        size_t n = left < sizeof piece ? left : sizeof piece;
        hash_sha256_add(&s, piece, n);
        left -= n;
    }
    uint8_t digest[32];
    hash_sha256_end(&s, digest);
    hash_hex(digest, 32, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Known answers of the Random123 distribution (kat_vectors, philox4x32, 10 rounds). */
static void test_philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } CASE[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        uint32_t out[4];
        philox4x32(CASE[i].counter, CASE[i].key, out);
        assert_memory_equal(out, CASE[i].out, sizeof out);
    }
}

static void test_streams_differ(void **state)
{
    (void)state;
    rng a = rng_make(1, "crop", 0), b = rng_make(1, "crop", 0), c = rng_make(1, "crop", 1), d = rng_make(2, "crop", 0),
        e = rng_make(1, "init", 0);
    uint64_t first = rng_u64(&a);
    assert_true(first == rng_u64(&b));
    assert_true(first != rng_u64(&c) && first != rng_u64(&d) && first != rng_u64(&e));
}

/* Means and variances of 200,000 draws within five standard errors. */
static void test_distributions(void **state)
{
    (void)state;
    enum { N = 200000 };
    double uniform = 0, normal = 0, square = 0, gamma_low = 0, gamma_high = 0;
    rng r = rng_make(3, "test", 0);
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r), z = rng_normal(&r), x = rng_range(&r, -2, 5);
        assert_true(u >= 0 && u < 1 && x >= -2 && x < 5);
        uniform += u, normal += z, square += z * z;
        gamma_low += rng_gamma(&r, 0.4), gamma_high += rng_gamma(&r, 6);
    }
    double error = 5 / sqrt(N);
    assert_true(fabs(uniform / N - 0.5) < error * sqrt(1.0 / 12));
    assert_true(fabs(normal / N) < error);
    assert_true(fabs(square / N - 1) < error * sqrt(2));
    assert_true(fabs(gamma_low / N - 0.4) < error * sqrt(0.4)); /* mean and variance of a gamma variable equal its shape */
    assert_true(fabs(gamma_high / N - 6) < error * sqrt(6));
}

static void test_below_and_shuffle(void **state)
{
    (void)state;
    rng r = rng_make(4, "test", 0);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++) count[rng_below(&r, 7)]++;
    for (int k = 0; k < 7; k++) assert_in_range(count[k], 9500, 10500);
    assert_int_equal(rng_below(&r, 1), 0);

    uint32_t items[100];
    uint64_t sum = 0;
    int moved = 0;
    for (uint32_t i = 0; i < 100; i++) items[i] = i;
    rng_shuffle(&r, items, 100);
    for (uint32_t i = 0; i < 100; i++) sum += items[i], moved += items[i] != i;
    assert_int_equal(sum, 4950);
    assert_true(moved > 90);
}

static pclr_status square(void *user, size_t index, int thread, pclr_error *error)
{
    (void)thread;
    (void)error;
    ((uint64_t *)user)[index] += index * index;
    return PCLR_OK;
}

static pclr_status fail_from_500(void *user, size_t index, int thread, pclr_error *error)
{
    (void)thread;
    atomic_fetch_add((atomic_int *)user, 1);
    if (index < 500) return PCLR_OK;
    if (index % 2 == 0) usleep(100); /* so that a later index may fail before an earlier one */
    return error_set(error, PCLR_E_DATA, "index %zu", index);
}

static void test_parallel(void **state)
{
    (void)state;
    static uint64_t out[10000];
    for (int threads = 1; threads <= 8; threads *= 2) {
        memset(out, 0, sizeof out);
        assert_int_equal(parallel_for(10000, threads, square, out, NULL), PCLR_OK);
        for (size_t i = 0; i < 10000; i++) assert_true(out[i] == i * i);

        atomic_int calls = 0;
        pclr_error error = {0};
        assert_int_equal(parallel_for(10000, threads, fail_from_500, &calls, &error), PCLR_E_DATA);
        assert_string_equal(error.message, "index 500");
        assert_true(calls < 600);
    }
    assert_int_equal(parallel_for(0, 4, square, out, NULL), PCLR_OK);
    assert_true(parallel_processors() >= 1 && parallel_threads(0) >= 1);
    assert_int_equal(parallel_threads(3), 3);
}

static void count_progress(void *user, const pclr_progress *p)
{
    assert_string_equal(p->stage, "read");
    *(uint64_t *)user = p->done;
}

static void test_progress(void **state)
{
    (void)state;
    uint64_t seen = 0;
    pclr_callbacks callbacks = {.user = &seen, .progress = count_progress};
    progress p = progress_begin(&callbacks, "read", "records", 100);
    for (uint64_t i = 1; i <= 100; i++) progress_update(&p, i, NULL);
    assert_true(seen < 100); /* a hundred updates in less than a tenth of a second are not all told */
    progress_end(&p, NULL);
    assert_int_equal(seen, 100);
    assert_false(callbacks_stop(&callbacks));
    progress_end(&(progress){.stage = "none"}, NULL);
}

/* ---- files: each test in the folder made by `enter_folder` ---------------------------------------------------- */

static int enter_folder(void **state)
{
    (void)state;
    return folder_make() != 0 ? -1 : chdir(folder_name());
}

static int leave_folder(void **state)
{
    (void)state;
    return chdir("/") != 0 ? -1 : folder_remove();
}

static void test_output_whole_or_not_at_all(void **state)
{
    (void)state;
    char *data = NULL;
    size_t size = 0;
    pclr_error error = {0};
    assert_int_equal(file_make_folder("a/b/c", &error), PCLR_OK);
    assert_int_equal(file_make_folder("a/b/c/", &error), PCLR_OK);
    assert_int_equal(file_write("a/b/c/f", "old", 3, &error), PCLR_OK);

    file_out out;
    assert_int_equal(file_out_open(&out, "a/b/c/f", &error), PCLR_OK);
    fputs("half", out.stream);
    fflush(out.stream);
    file_out_abort(&out);
    assert_int_equal(file_read("a/b/c/f", 0, &data, &size, &error), PCLR_OK);
    assert_string_equal(data, "old");
    mem_release(&data);

    assert_int_equal(file_out_open(&out, "a/b/c/f", &error), PCLR_OK);
    fputs("new text", out.stream);
    assert_int_equal(file_out_commit(&out, &error), PCLR_OK);
    file_out_abort(&out);
    assert_int_equal(file_read("a/b/c/f", 0, &data, &size, &error), PCLR_OK);
    assert_int_equal(size, 8);
    mem_release(&data);
    assert_int_equal(file_read("a/b/c/f", 7, &data, &size, &error), PCLR_E_FORMAT);
    assert_null(data);

    file_list list;
    assert_int_equal(file_list_folder(&list, "a", &error), PCLR_OK);
    assert_int_equal(list.count, 1); /* no temporary left behind */
    file_list_free(&list);
}

/* A pipe stays a pipe, and gets what is written: a rename would have put a file in its place. */
static void test_special_files_are_written_to(void **state)
{
    (void)state;
    pclr_error error = {0};
    char read_back[4] = {0};
    struct stat s;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    const int fd = open("pipe", O_RDWR | O_NONBLOCK | O_CLOEXEC); /* keeps it open at both ends */
    assert_true(fd >= 0);
    assert_true(file_is_special("pipe"));
    assert_int_equal(file_write("pipe", "abc", 3, &error), PCLR_OK);
    assert_int_equal(read(fd, read_back, sizeof read_back), 3);
    assert_string_equal(read_back, "abc");
    close(fd);
    assert_int_equal(stat("pipe", &s), 0);
    assert_true(S_ISFIFO(s.st_mode));
}

static void test_late_write_error_is_told(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    pclr_error error = {0};
    file_out out;
    assert_int_equal(file_out_open(&out, "f", &error), PCLR_OK);
    assert_non_null(freopen("/dev/full", "wb", out.stream));
    fputs("does not fit", out.stream);
    assert_int_equal(file_out_commit(&out, &error), PCLR_E_IO);
    assert_false(file_exists("f"));
}

static void test_walk(void **state)
{
    (void)state;
    pclr_error error = {0};
    file_list list;
    assert_int_equal(file_make_folder("w/b", &error), PCLR_OK);
    assert_int_equal(file_write("w/b/2", "", 0, &error), PCLR_OK);
    assert_int_equal(file_write("w/a", "", 0, &error), PCLR_OK);
    assert_int_equal(file_write("w/.hidden", "", 0, &error), PCLR_OK);
    assert_int_equal(symlink("..", "w/b/loop"), 0);
    assert_int_equal(symlink("nowhere", "w/dangling"), 0);
    assert_int_equal(file_list_folder(&list, "w", &error), PCLR_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.path[0], "w/a");
    assert_string_equal(list.path[1], "w/b/2");
    file_list_free(&list);
    assert_int_equal(file_list_folder(&list, "missing", &error), PCLR_E_MISSING);
    assert_non_null(strstr(error.message, "missing"));
}

static void test_map(void **state)
{
    (void)state;
    pclr_error error = {0};
    file_map map;
    assert_int_equal(file_write("m", "abc", 3, &error), PCLR_OK);
    assert_int_equal(file_map_open(&map, "m", &error), PCLR_OK);
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.data, "abc", 3);
    file_map_close(&map);
    assert_int_equal(file_write("m", "", 0, &error), PCLR_OK);
    assert_int_equal(file_map_open(&map, "m", &error), PCLR_OK);
    assert_int_equal(map.size, 0);
    file_map_close(&map);
    assert_int_equal(file_map_open(&map, ".", &error), PCLR_E_MISSING);
}

static void test_paths(void **state)
{
    (void)state;
    char *p = NULL;
    assert_string_equal(path_base("/a/b.c"), "b.c");
    assert_string_equal(path_extension("/a.x/b"), "");
    assert_string_equal(path_extension("b.tar.gz"), ".gz");
    assert_string_equal(path_extension("/.hidden"), "");
    assert_int_equal(path_join(&p, "a/", "b", NULL), PCLR_OK);
    assert_string_equal(p, "a/b");
    mem_release(&p);
    assert_int_equal(path_folder(&p, "/b", NULL), PCLR_OK);
    assert_string_equal(p, "/");
    mem_release(&p);
    assert_int_equal(path_folder(&p, "b", NULL), PCLR_OK);
    assert_string_equal(p, ".");
    mem_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_is_one_line),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_sha256_in_pieces),
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_below_and_shuffle),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_progress),
        cmocka_unit_test_setup_teardown(test_output_whole_or_not_at_all, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_special_files_are_written_to, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_late_write_error_is_told, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_walk, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_map, enter_folder, leave_folder),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
