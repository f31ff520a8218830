// SPDX-License-Identifier: Apache-2.0
// Preloaded into the program, lets calls of the C library fail:
//   CLEF_FAIL_CALLS=FUNCTION:NUMBER:ERRNO  the call of this number, counted from the start of main;
//                                          0 for every other call. If ERRNO is negative, a signal
//                                          of that number is raised instead, at all later calls
//                                          too.
//   CLEF_FAIL_PATH=TEXT                    only where the file's name contains this
//   CLEF_FAIL_LOG=FILE                     is made once a call has failed, and names its caller
//   CLEF_FAIL_SIGNALS=MICROSECONDS         SIGALRM comes as often, and interrupts what waits
// "allocate" is any function that allocates memory, for whomever: the program, zlib, jansson, or
// the C library itself. Calls that the C library makes of itself are only seen where it allocates.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
    char function[32];
    int number, error;
    const char *path, *log;
    bool armed;
} fault;
static atomic_int calls;

static void come_back(int number)
{
    (void)number;
}

// Without SA_RESTART, so that calls end with EINTR.
static void send_signals(const char *microseconds)
{
    struct itimerval timer = {.it_interval.tv_usec = atoi(microseconds)};
    timer.it_value = timer.it_interval;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = come_back}, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void find_allocator(void);

__attribute__((constructor)) static void begin(void)
{
    find_allocator();
    const char *setting = getenv("CLEF_FAIL_CALLS"), *signals = getenv("CLEF_FAIL_SIGNALS");
    if (signals != NULL)
        send_signals(signals);
    fault.path = getenv("CLEF_FAIL_PATH");
    fault.log = getenv("CLEF_FAIL_LOG");
    if (setting == NULL)
        return;
    if (sscanf(setting, "%31[^:]:%d:%d", fault.function, &fault.number, &fault.error) != 3) {
        fprintf(stderr, "CLEF_FAIL_CALLS=%s is not FUNCTION:NUMBER:ERRNO\n", setting);
        abort();
    }
    fault.armed = true;
}

// By system calls alone, since the functions around them are the ones that fail.
static void tell(const char *function, void *caller)
{
    char text[512];
    Dl_info place;
    if (fault.log == NULL)
        return;
    fault.armed = false; // dladdr and snprintf do not allocate, but need not be trusted in that.
    bool known = dladdr(caller, &place) != 0;
    uintptr_t offset = (uintptr_t)caller - (known ? (uintptr_t)place.dli_fbase : 0);
    int length = snprintf(text, sizeof text, "%s called by %s+0x%lx\n", function,
                          known ? place.dli_fname : "?", (unsigned long)offset);
    long file = syscall(SYS_openat, AT_FDCWD, fault.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    syscall(SYS_write, file, text, length);
    syscall(SYS_close, file);
    fault.armed = true;
}

static bool fails(const char *group, const char *function, const char *path, void *caller)
{
    if (!fault.armed || strcmp(group, fault.function) != 0 ||
        (fault.path != NULL && (path == NULL || strstr(path, fault.path) == NULL)))
        return false;
    int call = atomic_fetch_add(&calls, 1) + 1;
    bool now = fault.number == 0 ? call % 2 == 1
               : fault.error < 0 ? call >= fault.number
                                 : call == fault.number;
    if (!now)
        return false;
    tell(function, caller);
    if (fault.error < 0)
        raise(-fault.error);
    errno = fault.error;
    return fault.error > 0;
}

#define CALLER __builtin_return_address(0)

static void find(const char *function, void **address)
{
    *address = dlsym(RTLD_NEXT, function);
    if (*address == NULL)
        abort();
}

// Declares the function of the real library.
#define REAL(name)                        \
    static __typeof__(name) *real = NULL; \
    if (real == NULL)                     \
    find(#name, (void **)&real)

// The name of the file behind a descriptor.
static const char *name_of(int descriptor, char *name, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, name, size - 1);
    name[length > 0 ? length : 0] = '\0';
    return name;
}

// ---------------------------------------------------------------- memory

// What is allocated before the constructor has found the real allocator: by dlsym, other libraries'
// constructors and the sanitizer, which begins first. It is never released.
static char first_bytes[1 << 20] __attribute__((aligned(64)));
static size_t first_used;

static bool is_first(const void *memory)
{
    return (const char *)memory >= first_bytes &&
           (const char *)memory < first_bytes + sizeof first_bytes;
}

static void *take_first(size_t bytes)
{
    size_t room = (bytes + 79) / 64 * 64;
    if (room > sizeof first_bytes - first_used)
        abort();
    void *memory = first_bytes + first_used;
    first_used += room;
    return memory;
}

static struct {
    __typeof__(malloc) *malloc;
    __typeof__(calloc) *calloc;
    __typeof__(realloc) *realloc;
    __typeof__(free) *free;
} allocator;

static void find_allocator(void)
{
    __typeof__(allocator) found;
    find("malloc", (void **)&found.malloc);
    find("calloc", (void **)&found.calloc);
    find("realloc", (void **)&found.realloc);
    find("free", (void **)&found.free);
    allocator = found;
}

void *malloc(size_t bytes)
{
    if (allocator.malloc == NULL)
        return take_first(bytes);
    return fails("allocate", "malloc", NULL, CALLER) ? NULL : allocator.malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (allocator.calloc == NULL)
        return take_first(count * bytes);
    return fails("allocate", "calloc", NULL, CALLER) ? NULL : allocator.calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    if (allocator.realloc != NULL && !is_first(memory))
        return fails("allocate", "realloc", NULL, CALLER) ? NULL : allocator.realloc(memory, bytes);
    void *larger = malloc(bytes);
    size_t behind =
        is_first(memory) ? (size_t)(first_bytes + sizeof first_bytes - (char *)memory) : 0;
    if (larger != NULL && memory != NULL)
        memmove(larger, memory, bytes < behind ? bytes : behind);
    return larger;
}

void free(void *memory)
{
    if (!is_first(memory) && allocator.free != NULL)
        allocator.free(memory);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    REAL(posix_memalign);
    return fails("allocate", "posix_memalign", NULL, CALLER) ? fault.error
                                                             : real(memory, alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    REAL(aligned_alloc);
    return fails("allocate", "aligned_alloc", NULL, CALLER) ? NULL : real(alignment, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    REAL(mmap);
    return fails("allocate", "mmap", NULL, CALLER)
               ? MAP_FAILED
               : real(address, bytes, protection, flags, file, offset);
}

// ---------------------------------------------------------------- files and threads

// One whose failure is -1, and which is given a file's name.
#define NAMED(name, parameters, arguments, path)                        \
    int name parameters                                                 \
    {                                                                   \
        REAL(name);                                                     \
        return fails(#name, #name, path, CALLER) ? -1 : real arguments; \
    }

// One whose failure is -1, and which is given a descriptor.
#define DESCRIBED(type, name, parameters, arguments, descriptor)                   \
    type name parameters                                                           \
    {                                                                              \
        char path[1024];                                                           \
        REAL(name);                                                                \
        return fails(#name, #name, name_of(descriptor, path, sizeof path), CALLER) \
                   ? -1                                                            \
                   : real arguments;                                               \
    }

NAMED(rename, (const char *from, const char *to), (from, to), to)
NAMED(link, (const char *from, const char *to), (from, to), to)
NAMED(mkdir, (const char *path, mode_t mode), (path, mode), path)
NAMED(unlink, (const char *path), (path), path)
DESCRIBED(ssize_t, read, (int file, void *bytes, size_t size), (file, bytes, size), file)
DESCRIBED(ssize_t, write, (int file, const void *bytes, size_t size), (file, bytes, size), file)
DESCRIBED(int, fsync, (int file), (file), file)

char *mkdtemp(char *path)
{
    REAL(mkdtemp);
    return fails("mkdtemp", "mkdtemp", path, CALLER) ? NULL : real(path);
}

DIR *opendir(const char *path)
{
    REAL(opendir);
    return fails("opendir", "opendir", path, CALLER) ? NULL : real(path);
}

// As on Linux the descriptor is closed, whatever it returns.
int close(int file)
{
    char path[1024];
    REAL(close);
    bool failed = fails("close", "close", name_of(file, path, sizeof path), CALLER);
    int result = real(file);
    if (!failed)
        return result;
    errno = fault.error;
    return -1;
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails("open", "open", path, CALLER) ? -1 : real(path, flags, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
    REAL(pthread_create);
    return fails("pthread_create", "pthread_create", NULL, CALLER)
               ? fault.error
               : real(thread, attributes, body, argument);
}
