// SPDX-License-Identifier: Apache-2.0
#include "support/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// What comes through one descriptor.
struct stream {
    int descriptor; // -1 once it has ended.
    char *text;
    size_t length;
};

enum { NOBODY = 65534 };

// Becomes the program; never returns.
static void become(const char *path, const struct program_setting *setting, const char *const *argv,
                   int out, int err)
{
    char *arguments[PROGRAM_ARGUMENTS + 2] = {(char *)path};
    for (int i = 0; argv[i] != NULL && i < PROGRAM_ARGUMENTS; i++)
        arguments[i + 1] = (char *)argv[i];
    if (setting->stdout_to != NULL)
        out = open(setting->stdout_to, O_WRONLY);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(126);
    if (setting->file_limit > 0) {
        struct rlimit limit = {setting->file_limit, setting->file_limit};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    // What runs the tests may have been started in the background, where a shell ignores SIGINT.
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    // By descriptor: nobody may not pass through the directories that the program lies in.
    int program = open(path, O_RDONLY | O_CLOEXEC);
    if (setting->directory != NULL && chdir(setting->directory) != 0)
        _exit(126);
    if (setting->powerless && geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(126);
    fexecve(program, arguments, environ);
    _exit(127);
}

// Reads what is there. The other end of a terminal that was closed is the error EIO.
static void read_some(struct stream *stream)
{
    size_t room = PROGRAM_OUTPUT - 1 - stream->length;
    ssize_t got = read(stream->descriptor, stream->text + stream->length, room);
    if (got > 0) {
        stream->length += (size_t)got;
        stream->text[stream->length] = '\0';
    } else if (got == 0 || errno != EINTR) {
        close(stream->descriptor);
        stream->descriptor = -1;
    }
}

static void read_all(const struct program_setting *setting, pid_t child, struct stream streams[2])
{
    bool signalled = setting->signal_at == NULL;
    while (streams[0].descriptor >= 0 || streams[1].descriptor >= 0) {
        struct pollfd polls[2] = {{.fd = streams[0].descriptor, .events = POLLIN},
                                  {.fd = streams[1].descriptor, .events = POLLIN}};
        if (poll(polls, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (polls[i].revents != 0)
                read_some(&streams[i]);
        }
        if (!signalled && strstr(streams[0].text, setting->signal_at) != NULL) {
            if (setting->before != NULL)
                setting->before(setting->user);
            kill(child, setting->signal != 0 ? setting->signal : SIGINT);
            signalled = true;
        }
    }
}

struct program_result program_run(const char *path, const struct program_setting *setting,
                                  const char *const *argv)
{
    int out[2], err[2], status;
    struct stream streams[2] = {{.text = calloc(1, PROGRAM_OUTPUT)},
                                {.text = calloc(1, PROGRAM_OUTPUT)}};
    assert_non_null(streams[0].text);
    assert_non_null(streams[1].text);
    assert_int_equal(0, pipe2(err, O_CLOEXEC));
    if (setting->terminal)
        assert_int_equal(0, openpty(&out[0], &out[1], NULL, NULL, NULL));
    else
        assert_int_equal(0, pipe2(out, O_CLOEXEC));
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(path, setting, argv, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    streams[0].descriptor = out[0];
    streams[1].descriptor = err[0];
    read_all(setting, child, streams);
    assert_int_equal(child, waitpid(child, &status, 0));
    return (struct program_result){
        .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
        .out = streams[0].text,
        .err = streams[1].text,
    };
}

void program_release(struct program_result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct program_result){0};
}

void check_exit(const struct program_result *result, int expected)
{
    if (result->exit_code != expected)
        fail_msg("exit code %d instead of %d; standard error:\n%s\nstandard output:\n%s",
                 result->exit_code, expected, result->err, result->out);
}

void check_one_line(const struct program_result *result, const char *text)
{
    const char *end = strchr(result->err, '\n');
    if (strncmp(result->err, "clef", 4) != 0 || end == NULL || end[1] != '\0' ||
        strstr(result->err, text) == NULL)
        fail_msg("not one line that tells \"%s\":\n%s", text, result->err);
}

void check_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}
