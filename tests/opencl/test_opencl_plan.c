// SPDX-License-Identifier: Apache-2.0
// What goes wrong while a plan is built: the message names the kernel and the numbers, and nothing
// leaks.
#include "opencl/ocl_plan.h"
#include "opencl/ocl_program.h"
#include "support/expect.h"

#include <stdlib.h>

static struct clef_device *device;
static struct clef_buffer *buffer;
static struct clef_tensor vector;

static int open_device(void **state)
{
    (void)state;
    setenv("CLEF_KERNEL_CACHE", "off", 1);
    EXPECT_OK(clef_device_open("opencl", NULL, &device));
    EXPECT_OK(clef_buffer_create(device, 1024, &buffer));
    vector = clef_tensor_vector(buffer, 0, 256);
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    clef_buffer_destroy(buffer);
    clef_device_close(device);
    return 0;
}

// A launch of `fill` that is right, for a test to spoil.
static struct ocl_launch good_launch(void)
{
    return (struct ocl_launch){.source = "memory",
                               .kernel = "fill",
                               .global = {256},
                               .args = {OCL_TENSOR(&vector), OCL_ULONG(256), OCL_FLOAT(2)}};
}

static void expect_failure(const struct ocl_launch *launch, clef_status status, const char *words)
{
    struct ocl_plan *build = ocl_plan_begin(clef_device_context(device));
    struct clef_plan *plan = NULL;
    struct ocl_launch good = good_launch();
    ocl_plan_launch(build, &good);
    ocl_plan_launch(build, launch);
    // What comes after a failure does nothing and does not hide it.
    ocl_plan_launch(build, &good);
    assert_null(ocl_plan_table(build, "table", 6));
    EXPECT_FAILS(ocl_plan_end(build, &plan), status, words);
    assert_null(plan);
}

static void test_build_failure_has_the_log(void **state)
{
    (void)state;
    struct ocl_launch launch = good_launch();
    launch.options = "-D float=no_such_type";
    expect_failure(&launch, CLEF_DEVICE,
                   "clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11), cl/memory.cl with \"");
    assert_non_null(strstr(clef_last_error(), "-D float=no_such_type"));
    assert_non_null(strstr(clef_last_error(), "unknown type name")); // The compiler's words.
    assert_null(strchr(clef_last_error(), '\n'));
}

static void test_unknown_names(void **state)
{
    (void)state;
    struct ocl_launch launch = good_launch();
    launch.kernel = "no_such_kernel";
    expect_failure(&launch, CLEF_DEVICE, "clCreateKernel: CL_INVALID_KERNEL_NAME (-46)");
    launch = good_launch();
    launch.source = "no_such_file";
    expect_failure(&launch, CLEF_INVALID_ARGUMENT, "there is no cl/no_such_file.cl");
}

static void test_arguments_are_counted(void **state)
{
    (void)state;
    struct ocl_launch launch = good_launch();
    launch.args[2] = (struct ocl_arg){.kind = OCL_ARG_NONE};
    expect_failure(&launch, CLEF_INVALID_ARGUMENT, "fill: the launch sets 3 parameters of 4");
    launch = good_launch();
    launch.args[3] = (struct ocl_arg)OCL_INT(1);
    expect_failure(&launch, CLEF_DEVICE, "clSetKernelArg: CL_INVALID_ARG_INDEX (-49), fill");
}

static void test_groups_are_checked(void **state)
{
    const struct ocl_context *ocl = clef_device_context(device);
    (void)state;
    struct ocl_launch launch = good_launch();
    launch.local[0] = 2 * ocl->caps.max_items[0];
    expect_failure(&launch, CLEF_UNSUPPORTED, "in dimension 0 of a group; the device allows");
    launch = good_launch();
    launch.local[0] = launch.local[1] = ocl_group_size(ocl, SIZE_MAX);
    if (launch.local[1] <= ocl->caps.max_items[1])
        expect_failure(&launch, CLEF_UNSUPPORTED, "the device runs this kernel with at most");
}

static void test_strides_beyond_an_int(void **state)
{
    (void)state;
    struct ocl_launch launch = good_launch();
    struct clef_tensor far = vector;
    far.stride_n = (size_t)1 << 31;
    launch.args[1] = (struct ocl_arg)OCL_STRIDES(&far);
    expect_failure(&launch, CLEF_UNSUPPORTED, "a stride of 2147483648 elements");
}

// Copies and casts walk the axes in another order; their strides are looked at all the same.
static void test_strides_of_copies_beyond_an_int(void **state)
{
    (void)state;
    struct clef_tensor near = clef_tensor_nhwc(buffer, 0, 2, 2, 2, 4), far = near;
    struct clef_plan_info info;
    struct clef_plan *plan = NULL;
    far.stride_n = (size_t)1 << 32;
    const struct clef_copy_args copy = {.src = &far, .dst = &near};
    EXPECT_FAILS(ocl_copy(clef_device_context(device), &copy, NULL, &info, &plan), CLEF_UNSUPPORTED,
                 "copy_rows: a stride of 4294967296 elements");
    const struct clef_cast_args cast = {.src = &near, .dst = &far, .divisor = 255};
    EXPECT_FAILS(ocl_cast(clef_device_context(device), &cast, NULL, &info, &plan), CLEF_UNSUPPORTED,
                 "cast_bytes_rows: a stride of 4294967296 elements");
    assert_null(plan);
}

static void test_group_sizes(void **state)
{
    const struct ocl_context *ocl = clef_device_context(device);
    (void)state;
    assert_int_equal(1, ocl_group_size(ocl, 1));
    assert_int_equal(1, ocl_group_size(ocl, 0));
    assert_int_equal(32, ocl_group_size(ocl, 63));
    assert_int_equal(64, ocl_group_size(ocl, 64));
    assert_true(ocl_group_size(ocl, SIZE_MAX) <= ocl->caps.max_group);
    assert_true(2 * ocl_group_size(ocl, SIZE_MAX) > ocl->caps.max_group ||
                2 * ocl_group_size(ocl, SIZE_MAX) > ocl->caps.max_items[0]);
}

// Programs are built once for each pair of source and options.
static void test_programs_are_shared(void **state)
{
    struct ocl_context *ocl = clef_device_context(device);
    (void)state;
    for (int i = 0; i < 3; i++) {
        cl_kernel kernel;
        EXPECT_OK(ocl_kernel_create(ocl, "memory", i == 1 ? "-D UNUSED=1" : "", "fill", &kernel));
        ocl_api.clReleaseKernel(kernel);
    }
    assert_int_equal(2, ocl->compiled);
    bool takes = false;
    EXPECT_OK(ocl_kernel_takes(ocl, "memory", NULL, "copy", 1, &takes));
    assert_true(takes);
    assert_int_equal(2, ocl->compiled);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_device, close_device)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_build_failure_has_the_log), TEST(test_unknown_names),
        TEST(test_arguments_are_counted),     TEST(test_groups_are_checked),
        TEST(test_strides_beyond_an_int),     TEST(test_group_sizes),
        TEST(test_programs_are_shared),       TEST(test_strides_of_copies_beyond_an_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
