/* SPDX-License-Identifier: Apache-2.0 */
/* What a running command needs from its surroundings: messages, progress, signals, outputs that appear whole or not at all. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frame.h"

/* Signal handlers can reach a file-scope object only; it belongs to the program, not to the library. */
static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    if (stop_requested) _exit(128 + number);
    stop_requested = 1;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); /* mpirun passes it on, and cluster schedulers send it before time is up */
    signal(SIGPIPE, SIG_IGN);          /* a closed pipe is reported as a write error */
}

bool cli_interrupted(void)
{
    return stop_requested != 0;
}

void cli_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(out, "\\u%04x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

/* Lines are overwritten with blanks rather than erased by control codes, which not every terminal and log understands. */
void cli_bar_clear(cli_bar *bar)
{
    if (bar->width > 0) fprintf(stderr, "\r%*s\r", bar->width, "");
    bar->width = 0;
}

static void format_time(char *text, size_t size, double seconds)
{
    long s = seconds >= 0 && seconds < 1e8 ? (long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* "import [########          ] 120/400 records, 95.2/s, 0:03 left  detail", or without a total "import 120 records, 95.2/s, 0:01". */
static int format_progress(char *line, size_t size, const pclr_progress *p)
{
    enum { WIDTH = 24 };
    static const char FULL[] = "########################";
    const char *detail = p->detail ? p->detail : "", *gap = p->detail ? "  " : "";
    char time[32];
    if (p->total == 0) {
        format_time(time, sizeof time, p->seconds);
        return snprintf(line, size, "%s %" PRIu64 " %s, %.4g/s, %s%s%s", p->stage, p->done, p->unit, p->rate, time, gap, detail);
    }
    uint64_t done = p->done < p->total ? p->done : p->total;
    int filled = (int)(WIDTH * ((double)done / (double)p->total));
    format_time(time, sizeof time, p->rate > 0 ? (double)(p->total - done) / p->rate : 0);
    return snprintf(line, size, "%s [%.*s%*s] %" PRIu64 "/%" PRIu64 " %s, %.4g/s, %s left%s%s", p->stage, filled, FULL, WIDTH - filled, "",
                    p->done, p->total, p->unit, p->rate, time, gap, detail);
}

static void show_bar(void *user, const pclr_progress *p)
{
    cli_context *c = user;
    char line[512];
    int width = format_progress(line, sizeof line, p), limit = terminal_width() - 1;
    if (width > (int)sizeof line - 1) width = (int)sizeof line - 1;
    if (width > limit) width = limit;
    fprintf(stderr, "\r%.*s%*s", width, line, c->bar.width > width ? c->bar.width - width : 0, "");
    c->bar.width = width;
    if (p->total > 0 && p->done >= p->total) {
        fputc('\n', stderr);
        c->bar.width = 0;
    }
    fflush(stderr);
}

static void show_json(void *user, const pclr_progress *p)
{
    (void)user;
    fputs("{\"stage\":", stderr);
    cli_json_string(stderr, p->stage);
    fprintf(stderr, ",\"done\":%" PRIu64 ",\"total\":%" PRIu64 ",\"unit\":", p->done, p->total);
    cli_json_string(stderr, p->unit);
    fprintf(stderr, ",\"seconds\":%.3f,\"rate\":%.6g", p->seconds, p->rate);
    if (p->detail) {
        fputs(",\"detail\":", stderr);
        cli_json_string(stderr, p->detail);
    }
    fputs("}\n", stderr);
}

static void show_log(void *user, pclr_log_level level, const char *message)
{
    cli_context *c = user;
    if (level == PCLR_LOG_DEBUG) return;
    cli_bar_clear(&c->bar);
    const char *warning = level != PCLR_LOG_WARNING ? "" : c->bar.colour ? "\033[33mwarning:\033[0m " : "warning: ";
    fprintf(stderr, "physioclr %s: %s%s\n", c->command->name, warning, message);
}

static bool ask_stop(void *user)
{
    (void)user;
    return cli_interrupted();
}

pclr_callbacks cli_callbacks(cli_context *c)
{
    pclr_callbacks callbacks = {.user = c, .stop = ask_stop};
    const char *progress = cli_text(c, "progress"), *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool quiet = cli_flag(c, "quiet"), terminal = isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);
    c->bar.colour = terminal && (!no_colour || !*no_colour);
    if (!quiet) callbacks.log = show_log;
    if (strcmp(progress, "jsonl") == 0)
        callbacks.progress = show_json;
    else if (!quiet && !cli_json(c) && terminal && strcmp(progress, "auto") == 0)
        callbacks.progress = show_bar;
    return callbacks;
}

int cli_fail(const cli_context *c, const pclr_error *error)
{
    if (c->bar.width > 0) fputc('\n', stderr);
    fprintf(stderr, "physioclr %s: %s\n", c->command->name, error->message);
    return cli_status(error);
}

int cli_status(const pclr_error *error)
{
    switch (error->status) {
    case PCLR_E_ARGUMENT:
        return CLI_USAGE;
    case PCLR_E_FORMAT:
    case PCLR_E_UNSUPPORTED:
    case PCLR_E_DATA:
    case PCLR_E_MISSING:
        return CLI_UNUSABLE;
    case PCLR_E_INTERRUPTED:
        return CLI_INTERRUPTED;
    default:
        return CLI_FAILED;
    }
}

int cli_usage(const cli_context *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "physioclr %s: ", c->command->name);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: physioclr %s [OPTION...] %s\n'physioclr %s --help' lists the options\n", c->command->name,
            c->command->arguments, c->command->name);
    return CLI_USAGE;
}

void cli_note(const cli_context *c, const char *format, ...)
{
    if (cli_flag(c, "quiet")) return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "physioclr %s: ", c->command->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static int output_failed(const cli_context *c, const char *path, const char *what)
{
    fprintf(stderr, "physioclr %s: %s: cannot %s: %s\n", c->command->name, path, what, strerror(errno));
    return CLI_FAILED;
}

int cli_output_open(const cli_context *c, cli_output *out, const char *path)
{
    *out = (cli_output){.stream = stdout};
    if (!path || strcmp(path, "-") == 0) return CLI_DONE;
    int n = snprintf(out->path, sizeof out->path, "%s", path);
    if (n < 0 || (size_t)n >= sizeof out->path) return cli_usage(c, "the output's name is longer than %zu bytes", sizeof out->path - 1);
    struct stat s;
    if (stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode)) { /* a device or a pipe: renaming would put a file in its place */
        out->stream = fopen(path, "wb");
        return out->stream ? CLI_DONE : output_failed(c, out->path, "open");
    }
    snprintf(out->temporary, sizeof out->temporary, "%s.tmp.%ld", out->path, (long)getpid());
    out->stream = fopen(out->temporary, "wb");
    return out->stream ? CLI_DONE : output_failed(c, out->path, "create");
}

int cli_output_close(const cli_context *c, cli_output *out, bool keep)
{
    if (out->stream == stdout) return fflush(stdout) == 0 && !ferror(stdout) ? CLI_DONE : output_failed(c, "standard output", "write");
    const bool direct = !out->temporary[0];
    bool good = !ferror(out->stream) && fflush(out->stream) == 0 && (direct || fsync(fileno(out->stream)) == 0);
    good = fclose(out->stream) == 0 && good;
    out->stream = NULL;
    if (keep && good && (direct || rename(out->temporary, out->path) == 0)) return CLI_DONE;
    int status = keep ? output_failed(c, out->path, "write") : CLI_DONE;
    if (!direct) unlink(out->temporary);
    return status;
}

bool cli_ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), e = strlen(ending);
    return n >= e && strcmp(text + n - e, ending) == 0;
}

const char *cli_temporary_folder(void)
{
    const char *told = getenv("TMPDIR");
    return told && told[0] ? told : "/tmp";
}
