// SPDX-License-Identifier: Apache-2.0
// Each call of OpenCL fails once: an error that says so, nothing half done, nothing left.
#include "fault_run.h"

#include "opencl/ocl_library.h"
#include "support/program.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The counts say something only if all that makes, keeps or releases an object is counted.
static void test_all_objects_are_counted(void **state)
{
    (void)state;
#define NAME(name) #name,
    static const char *const names[] = {OCL_FUNCTIONS(NAME)};
#undef NAME
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Dl_info info;
        assert_true(dladdr(dlsym(RTLD_DEFAULT, names[i]), &info));
        if (strncmp(names[i], "clGet", 5) != 0 && strcmp(info.dli_fname, CLEF_FAILING_LOADER) != 0)
            fail_msg("%s comes from %s", names[i], info.dli_fname);
    }
}

static void test_memory(void **state)
{
    static const struct fault faults[] = {
        {"clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE, false, 0},
        {"clEnqueueMapBuffer", CL_MAP_FAILURE, false, 0},
        {"clEnqueueUnmapMemObject", CL_OUT_OF_RESOURCES, false, 0},
        {"clEnqueueReadBuffer", CL_OUT_OF_RESOURCES, false, 0},
        {"clEnqueueWriteBuffer", CL_OUT_OF_HOST_MEMORY, false, 0},
        {0}};
    check_faults(state, NULL, faults);
}

static void test_kernels(void **state)
{
    static const struct fault faults[] = {
        {"clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, false, 0},
        {"clSetKernelArg", CL_INVALID_ARG_SIZE, false, 13},
        {"clGetKernelInfo", CL_OUT_OF_HOST_MEMORY, false, 7},
        {"clGetKernelWorkGroupInfo", CL_OUT_OF_RESOURCES, false, 7},
        {0}};
    check_faults(state, NULL, faults);
}

static void test_device_and_queue(void **state)
{
    static const struct fault faults[] = {
        {"clCreateContext", CL_DEVICE_NOT_AVAILABLE, false, 0},
        {"clCreateCommandQueue", CL_OUT_OF_HOST_MEMORY, false, 0},
        {"clFinish", CL_OUT_OF_RESOURCES, true, 0}, // A device that is closed has nobody to tell.
        {"clFlush", CL_OUT_OF_RESOURCES, false, 0},
        {"clWaitForEvents", CL_OUT_OF_RESOURCES, false, 0},
        {"clGetEventInfo", CL_OUT_OF_RESOURCES, true, 0},
        {"clGetDeviceInfo", CL_OUT_OF_RESOURCES, true, 0},
        {0}};
    check_faults(state, NULL, faults);
}

static void test_programs(void **state)
{
    static const struct fault faults[] = {
        {"clBuildProgram", CL_BUILD_PROGRAM_FAILURE, false, 0},
        {"clCreateProgramWithSource", CL_OUT_OF_HOST_MEMORY, false, 5},
        {"clCreateKernel", CL_OUT_OF_RESOURCES, false, 17},
        {0}};
    check_faults(state, &(struct clef_device_options){.no_kernel_cache = true}, faults);
}

// What the driver refuses of a cached program is compiled again.
static void test_cached_programs(void **state)
{
    static const struct fault faults[] = {{"clCreateProgramWithBinary", CL_INVALID_BINARY, true, 4},
                                          {"clBuildProgram", CL_BUILD_PROGRAM_FAILURE, true, 4},
                                          {"clCreateKernel", CL_OUT_OF_RESOURCES, true, 17},
                                          {0}};
    check_faults(state, NULL, faults);
}

// Through the library's message and the program's.
static void test_a_long_log_reaches_the_user(void **state)
{
    (void)state;
    setenv("CLEF_FAIL", "clBuildProgram:1:-11", 1);
    struct program_result result =
        RUN_CLEF("bench", "train", "--quick", "--steps", "1", "--batch-size", "1", "--image-size",
                 "8", "--device", "opencl", "--no-kernel-cache");
    unsetenv("CLEF_FAIL");
    assert_int_equal(1, result.exit_code);
    check_one_line(&result, "clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11), cl/");
    check_contains(result.err, "as the test wants it");
    program_release(&result);
}

#define TEST(name) cmocka_unit_test_setup(name, fault_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_long_log_reaches_the_user),
        TEST(test_all_objects_are_counted),
        TEST(test_memory),
        TEST(test_kernels),
        TEST(test_device_and_queue),
        TEST(test_programs),
        TEST(test_cached_programs),
    };
    return cmocka_run_group_tests(tests, fault_group_setup, fault_group_teardown);
}
