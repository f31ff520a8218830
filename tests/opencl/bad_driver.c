// SPDX-License-Identifier: Apache-2.0
// An OpenCL driver that the real loader finds by an .icd file, and that does what CLEF_BAD_DRIVER
// says as soon as it is asked for its platforms: abort, exit or hang.
#include <CL/cl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cl_int list_platforms(cl_uint room, cl_platform_id *ids, cl_uint *count)
{
    const char *mode = getenv("CLEF_BAD_DRIVER");
    (void)room, (void)ids, (void)count;
    printf("a word on standard output\n");
    fflush(stdout);
    fprintf(stderr, "no memory to run on this device\n");
    if (mode && strcmp(mode, "hang") == 0)
        for (;;)
            pause();
    if (mode && strcmp(mode, "exit") == 0)
        exit(EXIT_SUCCESS);
    abort();
}

void *clGetExtensionFunctionAddress(const char *name)
{
    cl_int (*function)(cl_uint, cl_platform_id *, cl_uint *) = list_platforms;
    void *address;
    memcpy(&address, &function, sizeof address); // No cast does this in ISO C.
    return strcmp(name, "clIcdGetPlatformIDsKHR") == 0 ? address : NULL;
}

// The loader asks for no platform without it.
cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room, void *to,
                         size_t *actual)
{
    (void)platform, (void)what, (void)room, (void)to, (void)actual;
    return CL_INVALID_PLATFORM;
}
