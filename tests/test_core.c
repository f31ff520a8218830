// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "core/philox.h"
#include "support/expect.h"

#include <pthread.h>
#include <stdio.h>

struct philox_answer {
    uint64_t seed;
    uint32_t purpose, stream;
    uint64_t index;
    uint32_t words[4];
};

// The known answers of Random123 for philox4x32 with 10 rounds, with its counter and key taken
// apart as clef_philox puts them together.
static const struct philox_answer answers[] = {
    {0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {UINT64_MAX,
     UINT32_MAX,
     UINT32_MAX,
     UINT64_MAX,
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {0x299f31d0a4093822,
     0x03707344,
     0x13198a2e,
     0x85a308d3243f6a88,
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_philox_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        uint32_t words[4];
        clef_philox(answers[i].seed, (enum clef_random_purpose)answers[i].purpose,
                    answers[i].stream, answers[i].index, words);
        for (int w = 0; w < 4; w++)
            assert_int_equal(answers[i].words[w], words[w]);
    }
}

static void test_uniform_stays_below_one(void **state)
{
    (void)state;
    assert_true(clef_uniform(0) == 0.0f);
    assert_true(clef_uniform(UINT32_MAX) < 1.0f);
    assert_true(clef_uniform(0x80000000u) == 0.5f);
}

static void test_failure_is_recorded(void **state)
{
    (void)state;
    assert_int_equal(CLEF_IO, clef_fail(CLEF_IO, "%s: %d bytes", "file", 3));
    assert_string_equal("file: 3 bytes", clef_last_error());
    assert_int_equal(CLEF_FORMAT, clef_fail_in(CLEF_FORMAT, "part %d", 7));
    assert_string_equal("part 7: file: 3 bytes", clef_last_error());
}

static void test_failure_may_quote_the_last(void **state)
{
    (void)state;
    clef_fail(CLEF_IO, "inner");
    clef_fail(CLEF_IO, "outer (%s)", clef_last_error());
    assert_string_equal("outer (inner)", clef_last_error());
    clef_fail_in(CLEF_IO, "again (%s)", clef_last_error());
    assert_string_equal("again (outer (inner)): outer (inner)", clef_last_error());
}

static void test_failure_is_one_line(void **state)
{
    (void)state;
    clef_fail(CLEF_DEVICE, "first\nsecond\r\n");
    assert_string_equal("first second", clef_last_error());
}

static void test_long_failure_is_cut(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    clef_fail(CLEF_IO, "%s", text);
    size_t length = strlen(clef_last_error());
    assert_in_range(length, 1000, sizeof text - 2);
    clef_fail_in(CLEF_IO, "%s", text);
    assert_int_equal(length, strlen(clef_last_error()));
}

static void *fail_elsewhere(void *seen)
{
    snprintf(seen, 8, "%s", clef_last_error());
    clef_fail(CLEF_IO, "elsewhere");
    return NULL;
}

static void test_failures_belong_to_a_thread(void **state)
{
    (void)state;
    clef_fail(CLEF_IO, "here");
    pthread_t thread;
    char seen[8] = "unset";
    assert_int_equal(0, pthread_create(&thread, NULL, fail_elsewhere, seen));
    assert_int_equal(0, pthread_join(thread, NULL));
    assert_string_equal("", seen);
    assert_string_equal("here", clef_last_error());
}

static void test_status_texts(void **state)
{
    (void)state;
    assert_string_equal("OK", clef_status_name(CLEF_OK));
    assert_string_equal("INTERRUPTED", clef_status_name(CLEF_INTERRUPTED));
    assert_string_equal("UNKNOWN", clef_status_name((clef_status)99));
    assert_string_equal("success", clef_status_meaning(CLEF_OK));
    assert_non_null(clef_status_meaning((clef_status)99));
}

static void test_version(void **state)
{
    (void)state;
    int major, minor, patch, end = 0;
    assert_int_equal(3, sscanf(clef_version(), "%d.%d.%d%n", &major, &minor, &patch, &end));
    assert_int_equal(strlen(clef_version()), end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_uniform_stays_below_one),
        cmocka_unit_test(test_failure_is_recorded),
        cmocka_unit_test(test_failure_may_quote_the_last),
        cmocka_unit_test(test_failure_is_one_line),
        cmocka_unit_test(test_long_failure_is_cut),
        cmocka_unit_test(test_failures_belong_to_a_thread),
        cmocka_unit_test(test_status_texts),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
