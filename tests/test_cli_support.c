// SPDX-License-Identifier: Apache-2.0
// Texts from outside in JSON.
#include "cli/cli_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BAD "\xef\xbf\xbd" // U+FFFD

static void test_json_text(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"runs/first", "runs/first"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        // The first and last characters of each length, and those around the surrogates.
        {"\x01\x7f\xc2\x80\xdf\xbf", "\x01\x7f\xc2\x80\xdf\xbf"},
        {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"},
        {"\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
         "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        // Latin 1, and a character that is cut off, by the end or by another.
        {"Ger\xe4t", "Ger" BAD "t"},
        {"\xff\xfe", BAD BAD},
        {"a\xe2\x82", "a" BAD BAD},
        {"\xf0\x9f\x98z", BAD BAD BAD "z"},
        {"\x80", BAD},
        // Overlong forms, a surrogate, and beyond U+10FFFF.
        {"\xc0\xaf", BAD BAD},
        {"\xe0\x9f\xbf", BAD BAD BAD},
        {"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},
        {"\xed\xa0\x80", BAD BAD BAD},
        {"\xf4\x90\x80\x80", BAD BAD BAD BAD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *text = cli_json_text(rows[i].text);
        assert_non_null(text);
        assert_string_equal(rows[i].expected, json_string_value(text));
        json_decref(text);
    }
    json_t *nothing = cli_json_text(NULL);
    assert_true(json_is_null(nothing));
    json_decref(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
