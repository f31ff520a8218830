// SPDX-License-Identifier: Apache-2.0
// The child process in which the HDF5 library reads. It is a copy of this one with the calling
// thread alone; the C library keeps its own locks usable in it.
#include "core/error.h"
#include "io/hdf5.h"
#include "io/hdf5_convert.h"
#include "io/hdf5_library.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SECONDS = 60, MESSAGE = 1024 };

// What it may allocate beside what this process already has.
#define MOST_BYTES(file_size) ((UINT64_C(64) << 20) + 4 * (uint64_t)(file_size))

// What the child tells: nothing if all went well, else a status and its explanation.
struct report {
    clef_status status;
    char message[MESSAGE];
};

static uint64_t mapped_bytes(void)
{
    char line[64];
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fgets(line, sizeof line, file))
            pages = strtoull(line, NULL, 10);
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, uint64_t most)
{
    struct rlimit current;
    if (getrlimit((__rlimit_resource_t)resource, &current) == 0 && current.rlim_max > most)
        setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

static _Noreturn void run_in_child(const char *path, const char *group, off_t size, int values,
                                   int answer)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGINT, SIG_IGN); // It is for the program, which outlives the child.
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, MOST_SECONDS);
    limit(RLIMIT_AS, mapped_bytes() + MOST_BYTES(size));
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(nothing, STDOUT_FILENO);
    (void)dup2(nothing, STDERR_FILENO); // The C library's own complaints about damaged memory.
    struct report report = {.status = hdf5_convert(path, group, values)};
    if (report.status == CLEF_OK)
        _exit(EXIT_SUCCESS);
    snprintf(report.message, sizeof report.message, "%s", clef_last_error());
    (void)!write(answer, &report, sizeof report);
    _exit(EXIT_FAILURE);
}

// Reads what the child tells, to the end, and waits for it.
static clef_status collect(const char *path, pid_t child, int answer)
{
    struct report report = {0};
    size_t got = 0;
    ssize_t more;
    while ((more = read(answer, (char *)&report + got, sizeof report - got)) > 0 ||
           (more < 0 && errno == EINTR))
        got += more > 0 ? (size_t)more : 0;
    int ending;
    while (waitpid(child, &ending, 0) < 0)
        if (errno != EINTR)
            return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
    if (WIFEXITED(ending) && WEXITSTATUS(ending) == EXIT_SUCCESS)
        return CLEF_OK;
    report.message[MESSAGE - 1] = '\0';
    if (WIFEXITED(ending) && got == sizeof report && report.status > CLEF_OK &&
        report.status <= CLEF_INTERRUPTED)
        return clef_fail(report.status, "%s", report.message);
    return clef_fail(CLEF_FORMAT, "%s: the HDF5 library broke down on it (%s): it is damaged", path,
                     WIFSIGNALED(ending) ? strsignal(WTERMSIG(ending)) : "it ended the process");
}

static clef_status convert(const char *path, const char *group, off_t size, int values)
{
    int answer[2];
    if (pipe2(answer, O_CLOEXEC) != 0)
        return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_in_child(path, group, size, values, answer[1]);
    int error = errno;
    close(answer[1]);
    clef_status status = child > 0 ? collect(path, child, answer[0])
                                   : clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: no process: %s",
                                               path, strerror(error));
    close(answer[0]);
    return status;
}

clef_status clef_hdf5_open(const char *path, const char *group, struct clef_safetensors **file)
{
    struct stat information;
    if (stat(path, &information) != 0)
        return clef_fail(errno == ENOENT ? CLEF_NOT_FOUND : CLEF_IO, "cannot open %s: %s", path,
                         strerror(errno));
    CLEF_TRY(hdf5_library_open());
    int values = memfd_create("clef-hdf5", MFD_CLOEXEC);
    if (values < 0)
        return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
    clef_status status = convert(path, group, information.st_size, values);
    if (status == CLEF_OK)
        return clef_safetensors_open_descriptor(values, path, file);
    close(values);
    return status;
}
