// SPDX-License-Identifier: Apache-2.0
// What `clef devices` lists and what --device takes, with drivers that are missing, broken, old and
// many. Each case runs the program, since a loader reads its environment once.
#include "support/program.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static int forget_environment(void **state)
{
    (void)state;
    const char *const names[] = {"CLEF_DEVICE",  "CLEF_OPENCL_LIBRARY", "CLEF_FAKE_OPENCL",
                                 "CLEF_VERBOSE", "CLEF_BAD_DRIVER",     "CLEF_OPENCL_TIMEOUT"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static int restore_drivers(void **state)
{
    const char *vendors = *state;
    if (vendors)
        setenv("OCL_ICD_VENDORS", vendors, 1);
    else
        unsetenv("OCL_ICD_VENDORS");
    return forget_environment(state);
}

static void pretend(const char *what)
{
    setenv("CLEF_OPENCL_LIBRARY", CLEF_FAKE_LOADER, 1);
    setenv("CLEF_FAKE_OPENCL", what, 1);
}

// The rows of the backend "opencl" in `clef devices --json`; release with json_decref.
static json_t *list_opencl(void)
{
    struct program_result result = RUN_CLEF("devices", "--json");
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    json_t *report = json_loads(result.out, 0, NULL), *rows = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(report, "devices"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "backend")), "opencl") == 0)
            json_array_append(rows, row);
    }
    json_decref(report);
    program_release(&result);
    return rows;
}

static const char *text_of(const json_t *rows, size_t row, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(rows, row), key));
    return text ? text : "";
}

// The shortest run that computes on the device and tells which it is.
#define COMPUTE_ON(device) RUN_CLEF("check", "--case", "fill#0", "--device", device)

// Where OpenCL has no device: the list has one row with the reason and the package, a selector of
// OpenCL fails with it, and auto is the processor and says so.
static void check_absence(const char *reason, const char *package)
{
    json_t *rows = list_opencl();
    assert_int_equal(1, json_array_size(rows));
    assert_true(json_is_false(json_object_get(json_array_get(rows, 0), "usable")));
    check_contains(text_of(rows, 0, "reason"), reason);
    check_contains(text_of(rows, 0, "reason"), package);
    json_decref(rows);
    struct program_result result = RUN_CLEF("devices");
    check_exit(&result, 0);
    check_contains(result.out, reason);
    program_release(&result);
    result = RUN_CLEF("info", "--device", "opencl");
    assert_int_not_equal(0, result.exit_code);
    check_one_line(&result, reason);
    check_contains(result.err, package);
    program_release(&result);
    result = COMPUTE_ON("auto");
    check_exit(&result, 0);
    check_contains(result.out, ": cpu, ");
    check_contains(result.out, "auto took cpu, since opencl");
    check_contains(result.out, package);
    program_release(&result);
}

static void test_no_loader(void **state)
{
    (void)state;
    setenv("CLEF_OPENCL_LIBRARY", "/nonexistent/libOpenCL.so.1", 1);
    check_absence("cannot open /nonexistent/libOpenCL.so.1", "ocl-icd-libopencl1");
}

static void test_no_driver(void **state)
{
    (void)state;
    setenv("OCL_ICD_VENDORS", "/nonexistent", 1);
    check_absence("no OpenCL driver is installed (CL_PLATFORM_NOT_FOUND_KHR, -1001)",
                  "pocl-opencl-icd");
}

static void test_no_platform(void **state)
{
    (void)state;
    pretend("no-platform");
    check_absence("no OpenCL driver is installed", "rocm-opencl-runtime");
}

static void test_broken_loader(void **state)
{
    (void)state;
    pretend("broken");
    check_absence("clGetPlatformIDs: CL_OUT_OF_HOST_MEMORY (-6)", "ocl-icd-libopencl1");
}

static void test_driver_without_device(void **state)
{
    (void)state;
    pretend("no-device");
    check_absence("the OpenCL driver \"AMD Accelerated Parallel Processing\" finds no device "
                  "(CL_DEVICE_NOT_FOUND, -1)",
                  "rocm-opencl-runtime");
}

static void test_driver_that_fails(void **state)
{
    (void)state;
    pretend("failing");
    check_absence("fails to list its devices (clGetDeviceIDs: CL_OUT_OF_RESOURCES, -5)",
                  "rocm-opencl-runtime");
}

static void test_loader_that_aborts(void **state)
{
    (void)state;
    pretend("abort");
    check_absence("the OpenCL loader breaks down without any driver (Aborted: no  [1mtopology)",
                  "ocl-icd-libopencl1");
}

static void test_loader_that_crashes(void **state)
{
    (void)state;
    pretend("crash");
    check_absence("the OpenCL loader breaks down without any driver (Segmentation fault)",
                  "ocl-icd-libopencl1");
}

static void test_senseless_timeout(void **state)
{
    (void)state;
    setenv("CLEF_OPENCL_TIMEOUT", "1h", 1);
    check_absence("CLEF_OPENCL_TIMEOUT: \"1h\" is not a number of seconds", "from 1 to 3600");
}

// ---------------------------------------------------------------- a bad driver, the real loader

// A directory of .icd files in the place of the system's.
struct vendors {
    char directory[64], bad[96];
};

static struct vendors make_vendors(void)
{
    struct vendors made = {.directory = "/tmp/clef-vendors-XXXXXX"};
    assert_non_null(mkdtemp(made.directory));
    snprintf(made.bad, sizeof made.bad, "%s/pocl-bad.icd", made.directory);
    FILE *file = fopen(made.bad, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", CLEF_BAD_DRIVER);
    assert_int_equal(0, fclose(file));
    setenv("OCL_ICD_VENDORS", made.directory, 1);
    return made;
}

// Puts a driver that is really there beside the bad one.
static void add_real_driver(const struct vendors *made, const char *real)
{
    glob_t found;
    char link[96], pattern[512];
    snprintf(pattern, sizeof pattern, "%s/*.icd", real ? real : "/etc/OpenCL/vendors");
    if (glob(pattern, 0, NULL, &found) != 0)
        assert_int_equal(0, glob(real, 0, NULL, &found));
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(link, sizeof link, "%s/real-%zu.icd", made->directory, i);
        assert_int_equal(0, symlink(found.gl_pathv[i], link));
    }
    globfree(&found);
}

static void remove_vendors(const struct vendors *made)
{
    glob_t found;
    char pattern[96];
    snprintf(pattern, sizeof pattern, "%s/*", made->directory);
    assert_int_equal(0, glob(pattern, 0, NULL, &found));
    for (size_t i = 0; i < found.gl_pathc; i++)
        unlink(found.gl_pathv[i]);
    globfree(&found);
    assert_int_equal(0, rmdir(made->directory));
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void test_bad_driver_alone(void **state)
{
    char sentence[256];
    struct vendors made = make_vendors();
    snprintf(sentence, sizeof sentence,
             "the OpenCL driver %s breaks down when it lists its devices (Aborted: no memory to "
             "run on this device): reinstall or remove",
             made.bad);
    check_absence(sentence, "pocl-opencl-icd");
    // Only some loaders take a file in the place of the directory: those that do here already.
    if (*state && access(*state, F_OK) == 0 && !is_directory(*state)) {
        setenv("OCL_ICD_VENDORS", made.bad, 1);
        check_absence(sentence, "pocl-opencl-icd");
    }
    setenv("CLEF_BAD_DRIVER", "exit", 1);
    check_absence("(it ends the process: no memory to run on this device)", made.bad);
    remove_vendors(&made);
}

static void test_driver_that_hangs(void **state)
{
    (void)state;
    struct vendors made = make_vendors();
    setenv("CLEF_BAD_DRIVER", "hang", 1);
    setenv("CLEF_OPENCL_TIMEOUT", "5", 1);
    struct program_result result = RUN_CLEF("info", "--device", "opencl");
    assert_int_not_equal(0, result.exit_code);
    check_one_line(&result, "(no answer within 5 s: no memory to run on this device)");
    program_release(&result);
    remove_vendors(&made);
}

// The others are there as before, in the same order; the bad one comes last.
static void test_bad_driver_beside_others(void **state)
{
    json_t *before = list_opencl();
    size_t good = json_array_size(before);
    struct vendors made = make_vendors();
    add_real_driver(&made, *state);
    json_t *rows = list_opencl();
    assert_true(good >= 1);
    assert_int_equal(good + 1, json_array_size(rows));
    for (size_t i = 0; i < good; i++)
        assert_true(json_equal(json_array_get(before, i), json_array_get(rows, i)));
    check_contains(text_of(rows, good, "reason"), made.bad);
    assert_true(json_is_false(json_object_get(json_array_get(rows, good), "usable")));
    struct program_result result = RUN_CLEF("info", "--device", text_of(rows, good, "selector"));
    assert_int_not_equal(0, result.exit_code);
    check_one_line(&result, made.bad);
    program_release(&result);
    result = COMPUTE_ON("opencl");
    check_exit(&result, 0);
    check_contains(result.out, text_of(rows, 0, "name"));
    program_release(&result);
    json_decref(before);
    json_decref(rows);
    remove_vendors(&made);
}

// Nothing of the search for the bad one is left.
static void test_no_rubbish(void **state)
{
    (void)state;
    char temporary[] = "/tmp/clef-test-XXXXXX";
    assert_non_null(mkdtemp(temporary));
    struct vendors made = make_vendors();
    setenv("TMPDIR", temporary, 1);
    struct program_result result = RUN_CLEF("devices");
    unsetenv("TMPDIR");
    check_exit(&result, 0);
    check_contains(result.out, made.bad);
    program_release(&result);
    assert_int_equal(0, rmdir(temporary));
    remove_vendors(&made);
}

// ---------------------------------------------------------------- many devices

static void test_list_of_many(void **state)
{
    static const struct {
        const char *selector, *name, *type, *reason;
    } expected[] = {
        {"opencl:0", "Radeon RX 6800", "gpu", ""},
        {"opencl:1", "Radeon RX 7900", "gpu", "no compiler"},
        {"opencl:2", "Radeon HD 5450", "gpu", "older than OpenCL 1.2"},
        {"opencl:3", "Radeon Pro", "gpu", "not available"},
        {"opencl:4", "Some accelerator", "accelerator", ""},
    };
    (void)state;
    pretend("devices");
    json_t *rows = list_opencl();
    assert_int_equal(5, json_array_size(rows));
    for (size_t i = 0; i < 5; i++) {
        const json_t *row = json_array_get(rows, i), *place = json_object_get(row, "platform");
        assert_string_equal(expected[i].selector, text_of(rows, i, "selector"));
        assert_string_equal(expected[i].name, text_of(rows, i, "name"));
        assert_string_equal(expected[i].type, text_of(rows, i, "type"));
        assert_int_equal(*expected[i].reason == '\0', json_is_true(json_object_get(row, "usable")));
        check_contains(text_of(rows, i, "reason"), expected[i].reason);
        assert_int_equal(i == 4, json_integer_value(json_object_get(place, "platform")));
        assert_int_equal(i % 4, json_integer_value(json_object_get(place, "device")));
        assert_string_equal("3590.0", text_of(rows, i, "driver"));
        assert_string_equal("Advanced Micro Devices, Inc.", text_of(rows, i, "vendor"));
        assert_true(json_is_true(json_object_get(row, "fp16")));
        assert_true(json_is_false(json_object_get(row, "fp64")));
    }
    assert_string_equal("OpenCL 2.0", text_of(rows, 0, "version"));
    json_decref(rows);
}

// Nothing that was asked for by name is replaced, not even what cannot be used.
static void test_selectors_of_many(void **state)
{
    static const struct {
        const char *selector, *words;
    } cases[] = {
        {"opencl:radeon", "fits 4 devices: opencl:0 (Radeon RX 6800), opencl:1 (Radeon RX 7900), "
                          "opencl:2 (Radeon HD 5450), opencl:3 (Radeon Pro)"},
        {"opencl:rx 7900", "\"opencl:1\" cannot be used: its driver has no compiler"},
        {"opencl:1", "\"opencl:1\" cannot be used: its driver has no compiler"},
        {"opencl:0:2", "\"opencl:2\" cannot be used: it is older than OpenCL 1.2"},
        {"opencl:5", "opencl has 5 devices"},
        {"opencl:1:1", "opencl has no device 1 of a platform 1"},
        {"opencl:geforce", "no name of a device of opencl contains \"geforce\""},
        {"opencl:", "must follow the colon"},
        {"opencl2", "no backend of this name"},
    };
    (void)state;
    pretend("devices");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program_result result = RUN_CLEF("info", "--device", cases[i].selector);
        assert_int_not_equal(0, result.exit_code);
        check_one_line(&result, cases[i].words);
        program_release(&result);
        setenv("CLEF_DEVICE", cases[i].selector, 1);
        result = RUN_CLEF("info");
        assert_int_not_equal(0, result.exit_code);
        check_one_line(&result, cases[i].words);
        unsetenv("CLEF_DEVICE");
        program_release(&result);
    }
}

// An emulator of an FPGA, for example, is no graphics processor: who wants it says so.
static void test_accelerator_alone(void **state)
{
    (void)state;
    pretend("accelerator");
    json_t *rows = list_opencl();
    assert_int_equal(1, json_array_size(rows));
    assert_string_equal("accelerator", text_of(rows, 0, "type"));
    assert_true(json_is_true(json_object_get(json_array_get(rows, 0), "usable")));
    assert_true(json_is_false(json_object_get(json_array_get(rows, 0), "gpu")));
    json_decref(rows);
    struct program_result result = COMPUTE_ON("auto");
    check_exit(&result, 0);
    check_contains(result.out, "auto took cpu, since no graphics processor is there");
    program_release(&result);
}

// A device that is really there, by each of its names.
static void test_real_devices(void **state)
{
    (void)state;
    json_t *rows = list_opencl();
    assert_true(json_array_size(rows) >= 1);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *place = json_object_get(row, "platform");
        if (!json_is_true(json_object_get(row, "usable")))
            fail_msg("%s: %s", text_of(rows, i, "selector"), text_of(rows, i, "reason"));
        char by_place[64];
        snprintf(by_place, sizeof by_place, "opencl:%d:%d",
                 (int)json_integer_value(json_object_get(place, "platform")),
                 (int)json_integer_value(json_object_get(place, "device")));
        const char *const selectors[] = {by_place, text_of(rows, i, "selector")};
        for (int k = 0; k < 2; k++) {
            struct program_result result = RUN_CLEF("info", "--device", selectors[k]);
            check_exit(&result, 0);
            program_release(&result);
        }
    }
    json_decref(rows);
}

int main(void)
{
    char *vendors = getenv("OCL_ICD_VENDORS");
    vendors = vendors ? strdup(vendors) : NULL;
#define TEST(name)                                             \
    {                                                          \
#name, name, restore_drivers, restore_drivers, vendors \
    }
    const struct CMUnitTest tests[] = {
        TEST(test_no_loader),
        TEST(test_no_driver),
        TEST(test_no_platform),
        TEST(test_broken_loader),
        TEST(test_driver_without_device),
        TEST(test_driver_that_fails),
        TEST(test_loader_that_aborts),
        TEST(test_loader_that_crashes),
        TEST(test_senseless_timeout),
        TEST(test_bad_driver_alone),
        TEST(test_driver_that_hangs),
        TEST(test_bad_driver_beside_others),
        TEST(test_no_rubbish),
        TEST(test_list_of_many),
        TEST(test_selectors_of_many),
        TEST(test_accelerator_alone),
        TEST(test_real_devices),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(vendors);
    return failures;
}
