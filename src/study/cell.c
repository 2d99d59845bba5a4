/* SPDX-License-Identifier: Apache-2.0 */
#include "study/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

pclr_status cell_open(cell *c, const char *folder, const char *kind, const char *identity, pclr_error *error)
{
    uint8_t digest[32];
    hash_sha256_state s;
    hash_sha256_begin(&s);
    hash_sha256_add(&s, kind, strlen(kind));
    hash_sha256_add(&s, identity, strlen(identity));
    hash_sha256_end(&s, digest);
    hash_hex(digest, sizeof digest, c->hash);
    c->folder = NULL;
    TRY(mem_printf(&c->folder, error, "%s/cells/%s-%.16s", folder, kind, c->hash));
    return file_make_folder(c->folder, error);
}

void cell_close(cell *c)
{
    mem_release(&c->folder);
}

pclr_status cell_path(const cell *c, const char *name, char **path, pclr_error *error)
{
    return path_join(path, c->folder, name, error);
}

json_t *cell_result(const cell *c)
{
    char *path = NULL;
    json_t *result = NULL;
    if (cell_path(c, "cell.json", &path, NULL) == PCLR_OK) result = json_load_file(path, 0, NULL);
    mem_free(path);
    return result;
}

/* "HOST PID" of this process. */
static void own_mark(char mark[320])
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(mark, 320, "%s %ld", host, (long)getpid());
}

/* A lock is stale when its process, on this machine, is gone. Locks of other machines are believed. */
static bool lock_is_stale(const char *path)
{
    char *data = NULL, own[320];
    size_t size = 0;
    bool stale = false;
    if (file_read(path, 4096, &data, &size, NULL) != PCLR_OK) return false;
    own_mark(own);
    const char *space = strrchr(data, ' '), *own_space = strrchr(own, ' ');
    int64_t pid = 0;
    if (space && parse_int(space + 1, &pid) && space - data == own_space - own && strncmp(data, own, (size_t)(space - data)) == 0)
        stale = pid == getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
    mem_free(data);
    return stale;
}

pclr_status cell_claim(const cell *c, cell_state *state, pclr_error *error)
{
    char *path = NULL, own[320];
    json_t *done = cell_result(c);
    *state = CELL_DONE;
    if (done) {
        json_decref(done);
        return PCLR_OK;
    }
    TRY(cell_path(c, "lock", &path, error));
    if (lock_is_stale(path)) (void)unlink(path);
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    pclr_status status = PCLR_OK;
    if (file >= 0) {
        own_mark(own);
        if (write(file, own, strlen(own)) < 0) status = error_io(error, path, "write", errno);
        (void)close(file);
        *state = CELL_MINE;
    } else if (errno == EEXIST) {
        *state = CELL_BUSY;
    } else {
        status = error_io(error, path, "create", errno);
    }
    mem_free(path);
    return status;
}

void cell_release(const cell *c)
{
    char *path = NULL;
    if (cell_path(c, "lock", &path, NULL) == PCLR_OK) (void)unlink(path);
    mem_free(path);
}

pclr_status cell_finish(const cell *c, json_t *result, pclr_error *error)
{
    char *path = NULL, *dump = result ? json_dumps(result, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(result);
    pclr_status status = dump ? cell_path(c, "cell.json", &path, error) : error_memory(error, 0);
    if (status == PCLR_OK) status = file_write(path, dump, strlen(dump), error);
    free(dump);
    mem_free(path);
    cell_release(c);
    return status;
}

void cell_peak_reset(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f) return;
    (void)fputs("5", f); /* 5: the peak of resident memory (Linux, proc(5)) */
    (void)fclose(f);
}

double cell_peak_bytes(void)
{
    char line[128];
    double kib = 0.0;
    struct rusage usage;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *p = line + 6;
        if (strncmp(line, "VmHWM:", 6) != 0) continue;
        while (*p == ' ' || *p == '\t') p++;
        (void)scan_double(&p, &kib);
    }
    if (f) (void)fclose(f);
    if (kib == 0.0 && getrusage(RUSAGE_SELF, &usage) == 0) kib = (double)usage.ru_maxrss;
    return 1024.0 * kib;
}
