// SPDX-License-Identifier: Apache-2.0
// Selection with the drivers of two makers visible at once: numbers, platforms and names. Label
// "two_drivers"; fails where there are not two platforms with a usable device each.
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <jansson.h>

static json_t *devices; // The rows of the backend "opencl", in their order.

static int list_devices(void **state)
{
    (void)state;
    unsetenv("CLEF_DEVICE");
    struct program_result result = RUN_CLEF("devices", "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL), *row;
    devices = json_array();
    size_t i;
    json_array_foreach(json_object_get(report, "devices"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "backend")), "opencl") == 0)
            json_array_append(devices, row);
    }
    json_decref(report);
    program_release(&result);
    return 0;
}

static int release_devices(void **state)
{
    (void)state;
    json_decref(devices);
    return 0;
}

static const char *text_of(size_t device, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(devices, device), key));
    assert_non_null(text);
    return text;
}

static int place_of(size_t device, const char *key)
{
    const json_t *row = json_array_get(devices, device);
    return (int)json_integer_value(json_object_get(json_object_get(row, "platform"), key));
}

static struct program_result compute(const char *selector)
{
    return RUN_CLEF("check", "--case", "fill#0", "--json", "--device", selector);
}

// Computes on the device that this selects, and demands that it is this one.
static void expect_selects(const char *selector, size_t device)
{
    struct program_result result = compute(selector);
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    static const char *const keys[] = {"selector", "name", "driver"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(
            text_of(device, keys[i]),
            json_string_value(json_object_get(json_object_get(report, "device"), keys[i])));
    json_decref(report);
    program_release(&result);
}

// How many devices have this in their name, in upper or lower case.
static int count_named(const char *part)
{
    int count = 0;
    for (size_t i = 0; i < json_array_size(devices); i++)
        for (const char *at = text_of(i, "name"); *at; at++)
            if (strncasecmp(at, part, strlen(part)) == 0) {
                count++;
                break;
            }
    return count;
}

static void test_both_are_listed(void **state)
{
    (void)state;
    assert_int_equal(2, json_array_size(devices));
    for (size_t i = 0; i < 2; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "opencl:%zu", i);
        assert_string_equal(expected, text_of(i, "selector"));
        assert_true(json_is_true(json_object_get(json_array_get(devices, i), "usable")));
        assert_int_equal(i, place_of(i, "platform"));
        assert_int_equal(0, place_of(i, "device"));
    }
    assert_string_not_equal(text_of(0, "driver"), text_of(1, "driver"));
    assert_string_not_equal(text_of(0, "vendor"), text_of(1, "vendor"));
}

static void test_by_number_and_by_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        char place[32];
        snprintf(place, sizeof place, "opencl:%d:%d", place_of(i, "platform"),
                 place_of(i, "device"));
        expect_selects(text_of(i, "selector"), i);
        expect_selects(place, i);
    }
}

// A name that fits one device alone selects it, whatever its case; PoCL's begins with "pthread".
static void test_by_part_of_a_name(void **state)
{
    (void)state;
    static const char *const parts[] = {"opencl:pthread", "opencl:PTHREAD-"};
    assert_int_equal(1, count_named("pthread"));
    size_t pocl = strncmp(text_of(0, "name"), "pthread", 7) == 0 ? 0 : 1;
    for (int i = 0; i < 2; i++)
        expect_selects(parts[i], pocl);
}

// Both drivers give the processor's own name: it cannot choose between them, and nothing else does.
static void test_a_name_of_both(void **state)
{
    (void)state;
    size_t other = strncmp(text_of(0, "name"), "pthread", 7) == 0 ? 1 : 0;
    char selector[512], list[1024];
    snprintf(selector, sizeof selector, "opencl:%.5s", text_of(other, "name"));
    assert_int_equal(2, count_named(selector + strlen("opencl:")));
    snprintf(list, sizeof list, "fits 2 devices: opencl:0 (%s), opencl:1 (%s)", text_of(0, "name"),
             text_of(1, "name"));
    struct program_result result = compute(selector);
    check_exit(&result, 2);
    check_one_line(&result, list);
    program_release(&result);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *words;
    } cases[] = {
        {"opencl:2", "opencl has 2 devices"},
        {"opencl:0:1", "opencl has no device 1 of a platform 0"},
        {"opencl:2:0", "opencl has no device 0 of a platform 2"},
        {"opencl:geforce", "no name of a device of opencl contains \"geforce\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program_result result = compute(cases[i].selector);
        check_exit(&result, 2);
        check_one_line(&result, cases[i].words);
        program_release(&result);
    }
}

// Of two processors' drivers `opencl` takes the first, and `auto` none.
static void test_without_a_name(void **state)
{
    (void)state;
    expect_selects("opencl", 0);
    struct program_result result = RUN_CLEF("check", "--case", "fill#0", "--device", "auto");
    check_exit(&result, 0);
    check_contains(result.out, "Device: cpu, ");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_are_listed),   cmocka_unit_test(test_by_number_and_by_place),
        cmocka_unit_test(test_by_part_of_a_name), cmocka_unit_test(test_a_name_of_both),
        cmocka_unit_test(test_what_is_not_there), cmocka_unit_test(test_without_a_name),
    };
    return cmocka_run_group_tests(tests, list_devices, release_devices);
}
