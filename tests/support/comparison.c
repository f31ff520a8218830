// SPDX-License-Identifier: Apache-2.0
#include "support/comparison.h"
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

json_t *compare_devices(const char *device, const char *against)
{
    struct program_result result =
        RUN_CLEF("check", "--device", device, "--against", against, "--json");
    check_exit(&result, 0);
    assert_string_equal(result.err, "");
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    program_release(&result);
    assert_true(json_is_true(json_object_get(report, "passes")));
    assert_true(json_is_null(json_object_get(report, "fault")));
    assert_int_equal(json_integer_value(json_object_get(report, "steps")), 2);
    static const char *const kinds[] = {"logits", "loss", "gradients", "weights",
                                        "moving statistics"};
    const json_t *distances = json_object_get(report, "distances");
    assert_int_equal(json_array_size(distances), sizeof kinds / sizeof kinds[0]);
    for (size_t i = 0; i < json_array_size(distances); i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(distances, i), "of")),
                            kinds[i]);
    return report;
}

void check_all_bits_same(const json_t *report)
{
    size_t i;
    const json_t *distance;
    json_array_foreach(json_object_get(report, "distances"), i, distance)
    {
        assert_true(json_is_real(json_object_get(distance, "distance")));
        assert_true(json_real_value(json_object_get(distance, "distance")) == 0);
        assert_true(json_is_true(json_object_get(distance, "same_bits")));
        assert_true(json_is_null(json_object_get(distance, "largest_at")));
    }
    assert_true(json_is_true(json_object_get(report, "same_bits")));
}

void check_at_most_rounding(const json_t *report)
{
    size_t i;
    const json_t *distance;
    json_array_foreach(json_object_get(report, "distances"), i, distance)
    {
        double relative = json_real_value(json_object_get(distance, "distance"));
        bool same = json_is_true(json_object_get(distance, "same_bits"));
        assert_true(same == json_is_null(json_object_get(distance, "largest_at")));
        assert_true(same ? relative == 0 : relative > 0 && relative <= 1e-3);
    }
}

void check_only_rounding(const json_t *report)
{
    size_t i;
    const json_t *distance;
    check_at_most_rounding(report);
    assert_true(json_is_false(json_object_get(report, "same_bits")));
    json_array_foreach(json_object_get(report, "distances"), i, distance)
    {
        if (strcmp(json_string_value(json_object_get(distance, "of")), "loss") != 0)
            assert_true(json_is_false(json_object_get(distance, "same_bits")));
    }
}
