/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

pclr_status file_read(const char *path, size_t limit, char **data, size_t *size, pclr_error *error)
{
    *data = NULL;
    *size = 0;
    if (limit == 0) limit = (size_t)1 << 30;
    FILE *f = fopen(path, "rb");
    if (!f) return error_open(error, path, errno);
    pclr_status status = PCLR_OK;
    size_t capacity = 0;
    for (;;) {
        if (*size + 1 >= capacity) {
            size_t grown = capacity ? 2 * capacity : 65536;
            status = mem_grow(data, capacity, grown, 1, error);
            if (status != PCLR_OK) break;
            capacity = grown;
        }
        size_t n = fread(*data + *size, 1, capacity - 1 - *size, f);
        *size += n;
        if (*size > limit) {
            status = error_set(error, PCLR_E_FORMAT, "%s: larger than the %zu bytes expected of such a file", path, limit);
            break;
        }
        if (n == 0) {
            int reason = errno; /* a folder opens like a file and fails here */
            if (ferror(f)) status = reason == EISDIR ? error_open(error, path, reason) : error_io(error, path, "read", reason);
            break;
        }
    }
    fclose(f);
    if (status == PCLR_OK)
        (*data)[*size] = '\0';
    else
        mem_release(data);
    return status;
}

/* Up to this size a file is copied: mapping costs page faults, and unmapping stops the other threads. */
enum { COPIED_MOST = 1 << 20 };

static pclr_status copy_file(int fd, const char *path, size_t size, file_map *map, pclr_error *error)
{
    uint8_t *data = malloc(size); /* not zeroed: it is filled at once */
    size_t got = 0;

    if (!data) return error_memory(error, size);
    while (got < size) {
        ssize_t n = read(fd, data + got, size - got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            free(data);
            return n < 0 ? error_io(error, path, "read", errno)
                         : error_set(error, PCLR_E_IO, "%s: shrank while it was read; expected %zu bytes; read it again", path, size);
        }
        got += (size_t)n;
    }
    *map = (file_map){data, size};
    return PCLR_OK;
}

pclr_status file_map_open(file_map *map, const char *path, pclr_error *error)
{
    *map = (file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_open(error, path, errno);
    struct stat s;
    pclr_status status = PCLR_OK;
    if (fstat(fd, &s) != 0) {
        status = error_io(error, path, "examine", errno);
    } else if (!S_ISREG(s.st_mode)) {
        status = error_set(error, PCLR_E_MISSING, "%s: not a regular file", path);
    } else if (s.st_size > 0 && s.st_size <= COPIED_MOST) {
        status = copy_file(fd, path, (size_t)s.st_size, map, error);
    } else if (s.st_size > 0) {
        void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = error_io(error, path, "map", errno);
        else
            *map = (file_map){p, (size_t)s.st_size};
    }
    close(fd);
    return status;
}

void file_map_close(file_map *map)
{
    void *data = (void *)(uintptr_t)map->data;
    if (data && map->size > COPIED_MOST)
        munmap(data, map->size);
    else
        free(data);
    *map = (file_map){0};
}

pclr_status file_out_open(file_out *out, const char *path, pclr_error *error)
{
    *out = (file_out){0};
    if (strcmp(path, "-") == 0) {
        out->stream = stdout;
        return PCLR_OK;
    }
    pclr_status status = mem_strdup(&out->path, path, error);
    if (status == PCLR_OK && !file_is_special(path)) status = mem_printf(&out->temporary, error, "%s.tmp.%ld", path, (long)getpid());
    if (status == PCLR_OK && !(out->stream = fopen(out->temporary ? out->temporary : path, "wb"))) status = error_io(error, path, "create", errno);
    if (status != PCLR_OK) file_out_abort(out);
    return status;
}

/* The rename itself must survive a crash: the folder is synchronised too. Best effort; some file systems refuse. */
static void sync_folder(const char *path)
{
    char *folder = NULL;
    if (path_folder(&folder, path, NULL) != PCLR_OK) return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    mem_free(folder);
}

pclr_status file_out_commit(file_out *out, pclr_error *error)
{
    if (out->stream == stdout) {
        bool good = fflush(stdout) == 0 && !ferror(stdout);
        out->stream = NULL;
        return good ? PCLR_OK : error_io(error, "standard output", "write", errno);
    }
    errno = 0;
    bool good = !ferror(out->stream) && fflush(out->stream) == 0 && (!out->temporary || fsync(fileno(out->stream)) == 0);
    int reason = errno ? errno : EIO;
    if (fclose(out->stream) != 0 && good) {
        good = false;
        reason = errno;
    }
    out->stream = NULL;
    pclr_status status = good ? PCLR_OK : error_io(error, out->path, "write", reason);
    if (good && out->temporary && rename(out->temporary, out->path) != 0) status = error_io(error, out->path, "rename into place", errno);
    if (status == PCLR_OK && out->temporary) {
        sync_folder(out->path);
        mem_release(&out->temporary);
    }
    file_out_abort(out);
    return status;
}

void file_out_abort(file_out *out)
{
    if (out->stream && out->stream != stdout) fclose(out->stream);
    if (out->temporary) unlink(out->temporary);
    mem_free(out->temporary);
    mem_free(out->path);
    *out = (file_out){0};
}

pclr_status file_write(const char *path, const void *data, size_t size, pclr_error *error)
{
    file_out out;
    TRY(file_out_open(&out, path, error));
    if (size > 0 && fwrite(data, 1, size, out.stream) != size) {
        pclr_status status = error_io(error, path, "write", errno);
        file_out_abort(&out);
        return status;
    }
    return file_out_commit(&out, error);
}

bool file_is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

bool file_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int64_t file_size(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) ? (int64_t)s.st_size : -1;
}

pclr_status file_make_folder(const char *path, pclr_error *error)
{
    char *copy = NULL;
    TRY(mem_strdup(&copy, path, error));
    pclr_status status = PCLR_OK;
    for (char *p = copy + (copy[0] == '/'); status == PCLR_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        char end = *p;
        *p = '\0';
        if (*copy && mkdir(copy, 0777) != 0 && errno != EEXIST) status = error_io(error, copy, "create the folder", errno);
        if (end == '\0') break;
        *p = end;
    }
    if (status == PCLR_OK && *copy && !file_is_folder(path)) status = error_set(error, PCLR_E_IO, "%s: exists and is not a folder", path);
    mem_free(copy);
    return status;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_extension(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot : base + strlen(base);
}

pclr_status path_join(char **joined, const char *folder, const char *name, pclr_error *error)
{
    size_t n = strlen(folder);
    const char *separator = n == 0 || folder[n - 1] == '/' ? "" : "/";
    return mem_printf(joined, error, "%s%s%s", folder, separator, name);
}

pclr_status path_folder(char **folder, const char *path, pclr_error *error)
{
    const char *base = path_base(path);
    if (base == path) return mem_strdup(folder, ".", error);
    size_t n = (size_t)(base - path);
    return mem_strndup(folder, path, n > 1 ? n - 1 : 1, error);
}

typedef struct folder_id {
    dev_t device;
    ino_t inode;
} folder_id;

typedef struct walk {
    file_list *list;
    size_t capacity;
    folder_id above[64]; /* folders on the way down, so that symbolic loops end */
    size_t depth;
} walk;

static pclr_status walk_add(walk *w, char *path, pclr_error *error)
{
    if (w->list->count == w->capacity) {
        size_t grown = w->capacity ? 2 * w->capacity : 256;
        pclr_status status = mem_grow(&w->list->path, w->capacity, grown, sizeof *w->list->path, error);
        if (status != PCLR_OK) return status;
        w->capacity = grown;
    }
    w->list->path[w->list->count++] = path;
    return PCLR_OK;
}

static pclr_status walk_folder(walk *w, const char *folder, pclr_error *error);

static pclr_status walk_entry(walk *w, const char *folder, const char *name, pclr_error *error)
{
    char *path = NULL;
    struct stat s;
    TRY(path_join(&path, folder, name, error));
    pclr_status status = PCLR_OK;
    if (stat(path, &s) == 0 && S_ISREG(s.st_mode)) {
        status = walk_add(w, path, error);
        if (status == PCLR_OK) return PCLR_OK;
    } else if (S_ISDIR(s.st_mode) && file_is_folder(path)) {
        bool seen = w->depth >= sizeof w->above / sizeof w->above[0];
        for (size_t k = 0; k < w->depth && !seen; k++) seen = w->above[k].device == s.st_dev && w->above[k].inode == s.st_ino;
        if (!seen) status = walk_folder(w, path, error);
    }
    mem_free(path);
    return status;
}

static pclr_status walk_folder(walk *w, const char *folder, pclr_error *error)
{
    struct stat s;
    DIR *dir = opendir(folder);
    if (!dir) return w->depth == 0 ? error_open(error, folder, errno) : PCLR_OK; /* an unreadable inner folder is skipped */
    if (stat(folder, &s) == 0) w->above[w->depth] = (folder_id){s.st_dev, s.st_ino};
    w->depth++;
    pclr_status status = PCLR_OK;
    for (struct dirent *entry; status == PCLR_OK && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') status = walk_entry(w, folder, entry->d_name, error);
    closedir(dir);
    w->depth--;
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

pclr_status file_list_folder(file_list *list, const char *folder, pclr_error *error)
{
    *list = (file_list){0};
    walk w = {.list = list};
    pclr_status status = walk_folder(&w, folder, error);
    if (status != PCLR_OK) {
        file_list_free(list);
        return status;
    }
    if (list->count > 1) qsort(list->path, list->count, sizeof *list->path, compare_paths);
    return PCLR_OK;
}

void file_list_free(file_list *list)
{
    for (size_t k = 0; k < list->count; k++) mem_free(list->path[k]);
    mem_free(list->path);
    *list = (file_list){0};
}
