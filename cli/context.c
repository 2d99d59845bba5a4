/* SPDX-License-Identifier: Apache-2.0 */
/* What a running command needs from its surroundings: messages, progress, signals, outputs that appear whole or not at all. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is reported as a write error */
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

void cli_bar_clear(cli_bar *bar)
{
    if (bar->open) fputs("\r\033[K", stderr);
    bar->open = false;
}

static void format_time(char *text, size_t size, double seconds)
{
    long s = seconds < 0 || seconds > 1e8 ? 0 : (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

static void show_bar(void *user, const pclr_progress *p)
{
    cli_context *c = user;
    char left[32], passed[32];
    int width = 24, filled = p->total ? (int)((double)width * (double)p->done / (double)p->total) : 0;
    if (filled > width) filled = width;
    format_time(passed, sizeof passed, p->seconds);
    fprintf(stderr, "\r\033[K%s ", p->stage);
    if (p->total) {
        format_time(left, sizeof left, p->rate > 0 ? (double)(p->total - p->done) / p->rate : 0);
        fprintf(stderr, "[%.*s%*s] %llu/%llu %s, %.4g/s, %s left", filled, "########################", width - filled, "", (unsigned long long)p->done,
                (unsigned long long)p->total, p->unit, p->rate, left);
    } else {
        fprintf(stderr, "%llu %s, %.4g/s, %s", (unsigned long long)p->done, p->unit, p->rate, passed);
    }
    if (p->detail) fprintf(stderr, "  %s", p->detail);
    c->bar.open = true;
    if (p->total && p->done >= p->total) {
        fputc('\n', stderr);
        c->bar.open = false;
    }
    fflush(stderr);
}

static void show_json(void *user, const pclr_progress *p)
{
    (void)user;
    fputs("{\"stage\":", stderr);
    cli_json_string(stderr, p->stage);
    fprintf(stderr, ",\"done\":%llu,\"total\":%llu,\"unit\":", (unsigned long long)p->done, (unsigned long long)p->total);
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
    fprintf(stderr, "physioclr %s: %s%s\n", c->command->name, level == PCLR_LOG_WARNING ? "warning: " : "", message);
}

static bool ask_stop(void *user)
{
    (void)user;
    return cli_interrupted();
}

pclr_callbacks cli_callbacks(cli_context *c)
{
    pclr_callbacks callbacks = {.user = c, .stop = ask_stop};
    const char *progress = cli_text(c, "progress");
    const char *term = getenv("TERM");
    bool quiet = cli_flag(c, "quiet");
    c->bar.terminal = isatty(STDERR_FILENO) && !getenv("NO_COLOR") && (!term || strcmp(term, "dumb") != 0);
    if (!quiet) callbacks.log = show_log;
    if (strcmp(progress, "jsonl") == 0)
        callbacks.progress = show_json;
    else if (!quiet && !cli_json(c) && c->bar.terminal && strcmp(progress, "auto") == 0)
        callbacks.progress = show_bar;
    return callbacks;
}

int cli_fail(const cli_context *c, const pclr_error *error)
{
    if (c->bar.open) fputc('\n', stderr);
    fprintf(stderr, "physioclr %s: %s\n", c->command->name, error->message);
    switch (error->status) {
    case PCLR_E_ARGUMENT: return CLI_USAGE;
    case PCLR_E_FORMAT:
    case PCLR_E_UNSUPPORTED:
    case PCLR_E_DATA: return CLI_UNUSABLE;
    case PCLR_E_INTERRUPTED: return CLI_INTERRUPTED;
    default: return CLI_FAILED;
    }
}

int cli_usage(const cli_context *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "physioclr %s: ", c->command->name);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: physioclr %s [OPTION...] %s\n'physioclr %s --help' lists the options\n", c->command->name, c->command->arguments,
            c->command->name);
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
    snprintf(out->temporary, sizeof out->temporary, "%s.tmp.%ld", out->path, (long)getpid());
    out->stream = fopen(out->temporary, "wb");
    return out->stream ? CLI_DONE : output_failed(c, out->path, "create");
}

int cli_output_close(const cli_context *c, cli_output *out, bool keep)
{
    if (out->stream == stdout) return fflush(stdout) == 0 && !ferror(stdout) ? CLI_DONE : output_failed(c, "standard output", "write");
    bool good = !ferror(out->stream) && fflush(out->stream) == 0 && fsync(fileno(out->stream)) == 0;
    good = fclose(out->stream) == 0 && good;
    out->stream = NULL;
    if (keep && good && rename(out->temporary, out->path) == 0) return CLI_DONE;
    int status = keep ? output_failed(c, out->path, "write") : CLI_DONE;
    unlink(out->temporary);
    return status;
}
