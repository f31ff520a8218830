// SPDX-License-Identifier: Apache-2.0
// The child is a copy of this process with the calling thread alone. The C library keeps its own
// locks usable in it, and the caller sees to it that no driver is loaded that others could be in.
#include "opencl/ocl_trial.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_WORDS 72      // Characters that are told of what it printed last.
#define SECONDS_TO_DIE 2.0 // A killed process that a device holds longer is left to the system.

enum ending { CAME_BACK, ENDED, SILENT };

// ---------------------------------------------------------------- in the child

// As they are in a new program: what this one does at a signal is not for the child to do.
static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            signal(number, SIG_DFL);
    }
}

// Out of the way of the standard streams, which the program may have closed.
static int move_up(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static void leave(void)
{
    _exit(EXIT_FAILURE);
}

static _Noreturn void run_in_child(const struct ocl_trial *trial, int done, FILE *output)
{
    setpgid(0, 0); // Ctrl-C and Ctrl-Z are for the program; if that ends, so does the child.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    reset_signals();
    atexit(leave); // If a driver calls exit(), the program's own functions must not run.
    done = move_up(done);
    int nothing = move_up(open("/dev/null", O_RDWR));
    int printed = output ? move_up(fileno(output)) : nothing;
    // Without them the driver is tried all the same.
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(printed, STDOUT_FILENO);
    (void)dup2(printed, STDERR_FILENO);
    if (trial->vendors)
        setenv("OCL_ICD_VENDORS", trial->vendors, 1);
    trial->function();
    _exit(write(done, "", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

// ---------------------------------------------------------------- in the parent

static enum ending wait_for(int done, int seconds)
{
    double end = clef_seconds() + seconds;
    struct pollfd event = {.fd = done, .events = POLLIN};
    for (;;) {
        double left = end - clef_seconds();
        int count = poll(&event, 1, left > 0 ? (int)(1e3 * left) + 1 : 0);
        if (count > 0) {
            char byte;
            return read(done, &byte, 1) == 1 ? CAME_BACK : ENDED;
        }
        if (count == 0 || errno != EINTR)
            return SILENT;
    }
}

// Its status, or -1 if that is not known: a process inside of a hanging device cannot be killed.
static int reap(pid_t child, enum ending ending)
{
    int status;
    if (ending == SILENT)
        kill(-child, SIGKILL);
    double end = clef_seconds() + SECONDS_TO_DIE;
    for (;;) {
        pid_t reaped = waitpid(child, &status, ending == CAME_BACK ? 0 : WNOHANG);
        if (reaped == child)
            return status;
        if ((reaped < 0 && errno != EINTR) || clef_seconds() > end)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

// The last line that is not empty, in characters that can be shown anywhere.
static void read_last_words(FILE *output, char words[LAST_WORDS + 1])
{
    char line[LAST_WORDS + 1];
    rewind(output);
    while (fgets(line, sizeof line, output)) {
        size_t length = strcspn(line, "\n");
        bool is_cut = line[length] != '\n' && !feof(output);
        line[length] = '\0';
        for (char *c = line; *c; c++)
            if (*c < ' ' || *c > '~')
                *c = ' ';
        if (line[strspn(line, " ")])
            memcpy(words, line, length + 1);
        while (is_cut) {
            int c = fgetc(output);
            is_cut = c != '\n' && c != EOF;
        }
    }
}

static void explain(const struct ocl_trial *trial, enum ending ending, int status, FILE *output,
                    char *failure, size_t size)
{
    char how[64] = "it ends the process", words[LAST_WORDS + 1] = "";
    if (ending == SILENT)
        snprintf(how, sizeof how, "no answer within %d s", trial->seconds);
    else if (status != -1 && WIFSIGNALED(status))
        snprintf(how, sizeof how, "%s", strsignal(WTERMSIG(status)));
    if (output)
        read_last_words(output, words);
    snprintf(failure, size, "%s%s%s", how, *words ? ": " : "", words);
}

bool ocl_trial_passes(const struct ocl_trial *trial, char *failure, size_t size)
{
    int done[2];
    if (pipe2(done, O_CLOEXEC) != 0)
        return true;
    FILE *output = tmpfile();
    pid_t child = fork();
    if (child == 0)
        run_in_child(trial, done[1], output);
    close(done[1]);
    enum ending ending = CAME_BACK;
    if (child > 0) {
        setpgid(child, child);
        ending = wait_for(done[0], trial->seconds);
        int status = reap(child, ending);
        if (ending != CAME_BACK)
            explain(trial, ending, status, output, failure, size);
    }
    close(done[0]);
    if (output)
        fclose(output);
    return ending == CAME_BACK;
}
