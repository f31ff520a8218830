// SPDX-License-Identifier: Apache-2.0
// Bad input of every kind: one clear line on standard error, the right exit code, and nothing left
// behind.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALL_NETWORK "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"

// Command lines that are wrong whatever the machine holds.
static void test_usage(void **state)
{
    static const struct {
        const char *arguments[5];
        const char *message;
    } rows[] = {
        {{NULL}, "a command is missing"},
        {{"trian"}, "unknown command \"trian\""},
        {{"--epochs"}, "unknown option \"--epochs\""},
        {{"train", "--batch-size", "0"},
         "clef train: --batch-size must be a whole number from 1 to 65536, not \"0\""},
        {{"train", "--batch-size", "65537"}, "from 1 to 65536, not \"65537\""},
        {{"eval", "--batch-size", "65537"}, "from 1 to 65536, not \"65537\""},
        {{"train", "--batch-size=-1"}, "--batch-size must be a whole number"},
        {{"train", "--batch-size", "64x"}, "not \"64x\""},
        {{"train", "--batch-size", " 64"}, "not \" 64\""},
        {{"train", "--batch-size", ""}, "not \"\""},
        {{"train", "--batch-size", "99999999999999999999"}, "not \"99999999999999999999\""},
        {{"train", "--batch-size"}, "--batch-size needs a value: --batch-size N"},
        {{"train", "--epochs", "--quiet"}, "--epochs needs a value"},
        {{"train", "--epochs", "0"}, "--epochs must be"},
        {{"train", "--limit", "0"}, "--limit must be a whole number of at least 1, not \"0\""},
        {{"train", "--learning-rate", "0"}, "--learning-rate must be a number above 0, not \"0\""},
        {{"train", "--learning-rate", "nan"}, "not \"nan\""},
        {{"train", "--learning-rate", "1e-60"}, "--learning-rate is too small"},
        {{"train", "--validation-split", "1"},
         "--validation-split must be a number from 0 to below 1, not \"1\""},
        {{"train", "--validation-split", "-0.1"}, "not \"-0.1\""},
        {{"train", "--seed", "-1"}, "--seed must be a whole number from 0 to 2^64-1"},
        {{"train", "--seed", "18446744073709551616"}, "not \"18446744073709551616\""},
        {{"train", "--arch", "vgg"}, "--arch must be resnet18 or resnet18-imagenet, not \"vgg\""},
        {{"train", "--head", "none"}, "--head must be flatten-dense or avgpool, not \"none\""},
        {{"train", "--blocks", "2,2"}, "--blocks and --filters must be of the same length"},
        {{"train", "--blocks", "2,,2,2"}, "--blocks must be 1 to 8 whole numbers"},
        {{"train", "--blocks", "1,1,1,1,1,1,1,1,1"}, "--blocks must be"},
        {{"train", "--shuffle=yes"}, "--shuffle takes no value"},
        {{"train", "--no-quiet"}, "unknown option \"--no-quiet\""},
        {{"train", "--nonsense=3"}, "unknown option \"--nonsense\""},
        {{"train", "-x"}, "unknown option \"-x\""},
        {{"train", "mnist"}, "unexpected argument \"mnist\""},
        {{"train", "--device", "tpu"}, "tpu"},
        {{"train", "--data", ""}, "--data must be a text that is not empty"},
        {{"eval"}, "--model is missing"},
        {{"info", "--device", "tpu"}, "tpu"},
        {{"info", "--input-shape", "32,32"}, "--input-shape must be 3 whole numbers"},
        {{"tune", "--seconds", "-1"}, "--seconds"},
        {{"replay"}, "REFERENCE.json is missing"},
        {{"replay", "a.json", "b.json"}, "unexpected argument \"b.json\""},
        {{"devices", "--verbose"}, "unknown option \"--verbose\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program_result result =
            program_run(CLEF_PROGRAM, &(struct program_setting){0}, rows[i].arguments);
        check_exit(&result, 2);
        check_one_line(&result, rows[i].message);
        assert_string_equal("", result.out);
        program_release(&result);
    }
}

// Trains on the directory "data" into the directory "out/run", and expects a failure that leaves
// neither.
static void check_training_fails(void **state, const struct program_setting *setting,
                                 const char *rate, const char *message)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out/run"));
    struct program_result result = program_run(
        CLEF_PROGRAM, setting,
        (const char *const[]){"train", "--data", data, "--out", out, "--epochs", "1",
                              "--learning-rate", rate, "--batch-size", "2", SMALL_NETWORK, NULL});
    check_exit(&result, 1);
    check_one_line(&result, message);
    assert_null(strstr(result.out, "test_loss: "));
    assert_int_not_equal(0, access(temp_path(state, "out"), F_OK));
    program_release(&result);
}

static void test_missing_data(void **state)
{
    check_training_fails(state, &(struct program_setting){0}, "1e-3",
                         "/data holds neither train-images-idx3-ubyte nor "
                         "train-images-idx3-ubyte.gz: name a directory");
}

// Whole files: ten labels, and ten images of one pixel each.
static const uint8_t ten_labels[] = {0, 0, 8, 1, 0, 0, 0, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static const uint8_t ten_images[] = {0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 1, 0,
                                     0, 0, 1, 0, 1, 2, 3, 4,  5, 6, 7, 8, 9};

// A change of one of them: what is cut off or put behind, and one byte that is another.
struct damage {
    bool images, gzipped;
    int cut;
    const char *append;
    int at, byte; // No byte if `at` is 0.
    const char *sentence;
};

// Writes the file, gzipped before the damage if the row says so. Returns its name.
static const char *write_damaged(void **state, const struct damage *damage, const char *split)
{
    static char name[64];
    const uint8_t *sound = damage->images ? ten_images : ten_labels;
    size_t size = damage->images ? sizeof ten_images : sizeof ten_labels;
    snprintf(name, sizeof name, "data/%s-%s%s", split,
             damage->images ? "images-idx3-ubyte" : "labels-idx1-ubyte",
             damage->gzipped ? ".gz" : "");
    const char *path = temp_path(state, name);
    if (damage->gzipped)
        write_gzip_file(path, sound, size);
    else
        write_file(path, sound, size);
    char *written = read_file(path, &size);
    assert_in_range(damage->cut, 0, size);
    size -= (size_t)damage->cut;
    char *bytes = calloc(1, size + strlen(damage->append) + 1);
    assert_non_null(bytes);
    memcpy(bytes, written, size);
    memcpy(bytes + size, damage->append, strlen(damage->append));
    if (damage->at > 0)
        bytes[damage->at] = (char)damage->byte;
    write_file(path, bytes, size + strlen(damage->append));
    free(bytes);
    free(written);
    return name;
}

// Each row damages one file of a sound directory, of either set; the sentence follows its name.
static void test_damaged_data(void **state)
{
    static const struct damage rows[] = {
        {false, false, 18, "", 0, 0, ": expected an IDX file, found an empty one"},
        {true, false, 26, "", 0, 0, ": expected an IDX file, found an empty one"},
        {false, false, 0, "", 2, 13,
         ": expected an IDX file of unsigned bytes with 1 dimension (magic number 00 00 08 01), "
         "found 00 00 0d 01"},
        {true, false, 0, "", 3, 1,
         ": expected an IDX file of unsigned bytes with 3 or 4 dimensions (magic number 00 00 08 "
         "03 or 04), "
         "found 00 00 08 01"},
        {false, false, 12, "", 0, 0, ": expected 4 bytes of dimensions, found only 2"},
        {true, false, 15, "", 0, 0, ": expected 12 bytes of dimensions, found only 7"},
        {false, false, 1, "", 0, 0,
         ": expected 10 bytes of elements after the header, found only 9"},
        {true, false, 10, "", 0, 0,
         ": expected 10 bytes of elements after the header, found only 0"},
        {false, false, 0, "x", 0, 0,
         ": expected the end of the file after 10 bytes of elements, found more"},
        {true, false, 0, "xy", 0, 0,
         ": expected the end of the file after 10 bytes of elements, found more"},
        {false, false, 0, "", 17, 10, ": expected labels from 0 to 9, found label 10 at index 9"},
        {false, false, 0, "", 8, 255, ": expected labels from 0 to 9, found label 255 at index 0"},
        {false, false, 1, "", 7, 9, " has 9 labels: expected as many"},
        {true, false, 1, "", 7, 9, " has 9 images but "},
        {true, false, 0, "", 4, 255,
         ": expected at most 2147483648 elements, found more at dimension 0 (4278190090)"},
        {true, true, 9, "", 0, 0, ": expected a complete gzip stream, found that it is cut off"},
        {false, true, 3, "", 0, 0, ": expected a complete gzip stream, found that it is cut off"},
        {true, true, 0, "more", 0, 0,
         ": expected the end of the file after the gzip stream, found more"},
        {false, true, 0, "", 2, 7,
         ": expected an intact gzip stream, found: unknown compression method"},
        {true, true, 8, "12345678", 0, 0,
         ": expected an intact gzip stream, found: incorrect data check"},
    };
    static const char *const splits[] = {"train", "t10k"};
    size_t size;
    write_tiny_data(temp_path(state, "data"));
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        const struct damage *damage = &rows[i / 2];
        char plain[64], message[600];
        snprintf(plain, sizeof plain, "data/%s-%s", splits[i % 2],
                 damage->images ? "images-idx3-ubyte" : "labels-idx1-ubyte");
        char *sound = read_file(temp_path(state, plain), &size);
        // A plain file goes before a gzipped one.
        unlink(temp_path(state, plain));
        const char *name = write_damaged(state, damage, splits[i % 2]);
        snprintf(message, sizeof message, "%s%s", temp_path(state, name), damage->sentence);
        check_training_fails(state, &(struct program_setting){0}, "1e-3", message);
        unlink(temp_path(state, name));
        write_file(temp_path(state, plain), sound, size);
        free(sound);
    }
    unlink(temp_path(state, "data/t10k-images-idx3-ubyte"));
    check_training_fails(state, &(struct program_setting){0}, "1e-3",
                         "/data holds neither t10k-images-idx3-ubyte nor "
                         "t10k-images-idx3-ubyte.gz: name a directory");
}

static void test_nothing_to_train(void **state)
{
    char data[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    write_tiny_data(data);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--limit", "1", "--out", temp_path(state, "out"));
    check_exit(&result, 1);
    check_one_line(&result, "no images are left to train on");
    assert_int_not_equal(0, access(temp_path(state, "out"), F_OK));
    program_release(&result);
}

// Root may write anywhere, so the directory is one that nobody can make: below a file.
static void test_unwritable_out(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    write_tiny_data(data);
    write_file(temp_path(state, "file"), "text", 4);
    static const char *const outs[] = {"file", "file/out", "file/out/run"};
    for (size_t i = 0; i < sizeof outs / sizeof outs[0]; i++) {
        snprintf(out, sizeof out, "%s", temp_path(state, outs[i]));
        struct program_result result =
            RUN_CLEF("train", "--data", data, "--out", out, "--epochs", "1000000");
        check_exit(&result, 1);
        check_one_line(&result, "/file");
        // It fails before the first epoch, not after the last.
        assert_null(strstr(result.out, "Epoch"));
        program_release(&result);
    }
    size_t size;
    char *text = read_file(temp_path(state, "file"), &size);
    assert_int_equal(4, size);
    assert_memory_equal("text", text, 4);
    free(text);
}

// A directory that may not be written is noticed as early, whether it is the run's or only a
// parent. Permissions do not stop root, so the program runs as another then.
static void test_read_only_out(void **state)
{
    static const struct {
        const char *out, *message;
    } rows[] = {{"fixed", "cannot write into the directory"},
                {"fixed/run", "cannot create the directory"}};
    char data[512], out[512], message[700];
    // Others must be able to read the data.
    mode_t before = umask(022);
    assert_int_equal(0, chmod(*state, 0755));
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    write_tiny_data(data);
    const char *fixed = temp_path(state, "fixed");
    assert_int_equal(0, mkdir(fixed, 0555));
    umask(before);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(out, sizeof out, "%s", temp_path(state, rows[i].out));
        snprintf(message, sizeof message, "clef train: %s \"%s\": Permission denied\n",
                 rows[i].message, out);
        struct program_result result =
            program_run(CLEF_PROGRAM, &(struct program_setting){.powerless = true},
                        (const char *const[]){"train", "--data", data, "--out", out, "--epochs",
                                              "1000000", NULL});
        check_exit(&result, 1);
        assert_string_equal(message, result.err);
        assert_null(strstr(result.out, "Epoch"));
        assert_int_equal(0, count_entries(fixed));
        program_release(&result);
    }
}

// A limit on the size of files stands for a full disk: the checkpoint does not fit.
static void test_full_disk(void **state)
{
    write_tiny_data(temp_path(state, "data"));
    check_training_fails(state, &(struct program_setting){.file_limit = 4096}, "1e-3",
                         "/checkpoints/");
}

// What an earlier run left stays as it was.
static void test_full_disk_keeps_files(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_tiny_data(data);
    assert_int_equal(0, mkdir(out, 0777));
    write_file(temp_path(state, "out/model.safetensors"), "earlier", 7);
    struct program_result result =
        program_run(CLEF_PROGRAM, &(struct program_setting){.file_limit = 4096},
                    (const char *const[]){"train", "--data", data, "--out", out, "--epochs", "1",
                                          SMALL_NETWORK, NULL});
    check_exit(&result, 1);
    check_one_line(&result, "/checkpoints/");
    assert_int_equal(1, count_entries(out));
    size_t size;
    char *text = read_file(temp_path(state, "out/model.safetensors"), &size);
    assert_int_equal(7, size);
    assert_memory_equal("earlier", text, 7);
    free(text);
    program_release(&result);
}

static void test_full_standard_output(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"--help"}, {"devices"}, {"devices", "--json"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program_result result =
            program_run(CLEF_PROGRAM, &(struct program_setting){.stdout_to = "/dev/full"}, rows[i]);
        check_exit(&result, 1);
        check_one_line(&result, "standard output");
        program_release(&result);
    }
}

static void test_diverges(void **state)
{
    write_tiny_data(temp_path(state, "data"));
    check_training_fails(state, &(struct program_setting){0}, "1e30", "layer");
}

static void test_bad_models(void **state)
{
    char path[512];
    snprintf(path, sizeof path, "%s", temp_path(state, "model.safetensors"));
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            write_file(path, "not a model, and too short", i == 1 ? 0 : 26);
        struct program_result result = RUN_CLEF("eval", "--model", path, "--data", CLEF_MNIST);
        check_exit(&result, 1);
        check_one_line(&result, "model.safetensors");
        assert_string_equal("", result.out);
        program_release(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        IN_DIRECTORY(test_missing_data),
        IN_DIRECTORY(test_damaged_data),
        IN_DIRECTORY(test_nothing_to_train),
        IN_DIRECTORY(test_unwritable_out),
        IN_DIRECTORY(test_read_only_out),
        IN_DIRECTORY(test_full_disk),
        IN_DIRECTORY(test_full_disk_keeps_files),
        cmocka_unit_test(test_full_standard_output),
        IN_DIRECTORY(test_diverges),
        IN_DIRECTORY(test_bad_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
