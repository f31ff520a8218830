// SPDX-License-Identifier: Apache-2.0
#include "cli/train_summary.h"

#include "cli/cli_support.h"
#include "cli/network_report.h"
#include "io/json_build.h"

static json_t *describe_config(const struct train_settings *settings,
                               const struct clef_model *model, const struct train_result *result)
{
    // A seed is an unsigned number of 64 bits; JSON's numbers here are signed ones.
    char seed[CLI_NUMBER_LENGTH];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)settings->seed);
    json_t *seed_json =
        settings->seed <= INT64_MAX ? json_integer((json_int_t)settings->seed) : json_string(seed);
    return json_pack(
        "{s:o, s:o, s:o, s:i, s:i, s:f, s:f, s:o, s:b, s:i, s:o, s:i, s:i, s:i, s:i, s:o}", "data",
        cli_json_text(settings->data), "init", cli_json_text(settings->init), "freeze",
        cli_json_text(settings->freeze), "epochs", settings->epochs, "batch_size",
        settings->batch_size, "learning_rate", settings->learning_rate, "validation_split",
        settings->validation_split, "seed", seed_json, "shuffle", settings->shuffle, "update_bn",
        settings->update_bn, "limit",
        settings->limit > 0 ? json_integer(settings->limit) : json_null(), "threads",
        settings->threads, "training_images", result->training_images, "validation_images",
        result->validation_images, "test_images", result->test_images, "network",
        report_json_network(clef_model_get_config(model)));
}

static json_t *describe_epochs(const struct train_result *result)
{
    json_t *epochs = json_array();
    for (int i = 0; i < result->epochs_done; i++) {
        const struct clef_epoch *epoch = &result->epochs[i];
        clef_json_append(&epochs,
                         json_pack("{s:o, s:o, s:o, s:o, s:f}", "loss", cli_json_real(epoch->loss),
                                   "accuracy", cli_json_real(epoch->accuracy), "val_loss",
                                   cli_json_real(epoch->val_loss), "val_accuracy",
                                   cli_json_real(epoch->val_accuracy), "seconds", epoch->seconds));
    }
    return epochs;
}

static json_t *describe_test(const struct clef_evaluation *test, bool tested)
{
    if (!tested)
        return json_null();
    return json_pack("{s:o, s:o}", "loss", cli_json_real(test->loss), "accuracy",
                     cli_json_real(test->accuracy));
}

json_t *train_summary_json(const struct train_settings *settings, const struct clef_device *device,
                           const struct clef_model *model, const struct train_result *result)
{
    double rate = (double)result->images_seen / result->step_seconds;
    bool updated = result->tested && settings->update_bn > 0;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:I}", "clef", clef_version(), "device",
        cli_json_device(device), "config", describe_config(settings, model, result),
        "resumed_at_step", result->resumed_at >= 0 ? json_integer(result->resumed_at) : json_null(),
        "epochs", describe_epochs(result), "test", describe_test(&result->test, result->tested),
        "test_before_update_bn", describe_test(&result->test_before_update_bn, updated),
        "fit_seconds", result->fit_seconds, "images_per_second", cli_json_real(rate),
        "peak_rss_bytes", (json_int_t)cli_peak_rss_bytes());
}
