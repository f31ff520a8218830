// SPDX-License-Identifier: Apache-2.0
// Trains ResNet-18 on MNIST, measures it on the test set and saves it.
#include <clef/clef.h>
#include <stdio.h>
#include <stdlib.h>

static void on_epoch(void *user, int epoch, int epochs, const struct clef_epoch *result)
{
    (void)user;
    printf("epoch %d of %d: loss %.4f, accuracy %.4f, %.1f s\n", epoch, epochs, result->loss,
           result->accuracy, result->seconds);
}

static void check(clef_status status)
{
    if (status != CLEF_OK) {
        fprintf(stderr, "%s: %s\n", clef_status_name(status), clef_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: train_mnist DATA_DIRECTORY EPOCHS IMAGES MODEL_FILE\n");
        return 2;
    }
    struct clef_dataset *all, *training, *test;
    check(clef_dataset_load_mnist(argv[1], CLEF_SPLIT_TRAIN, 10, &all));
    check(clef_dataset_slice(all, 0, atoi(argv[3]), &training));
    check(clef_dataset_load_mnist(argv[1], CLEF_SPLIT_TEST, 10, &test));

    struct clef_device *device;
    struct clef_model *model;
    struct clef_resnet_config network = clef_resnet_default();
    check(clef_device_open("auto", NULL, &device));
    check(clef_model_create_resnet(device, &network, 1, &model));

    struct clef_train_config config = clef_train_default();
    struct clef_train_callbacks callbacks = {.on_epoch = on_epoch};
    int epochs_done;
    config.epochs = atoi(argv[2]);
    struct clef_epoch *epochs = calloc((size_t)config.epochs, sizeof *epochs);
    check(clef_train(model, training, NULL, &config, &callbacks, epochs, &epochs_done));

    struct clef_evaluation result;
    check(clef_evaluate(model, test, config.batch_size, NULL, &result));
    printf("test: loss %.4f, accuracy %.4f\n", result.loss, result.accuracy);
    check(clef_model_save(model, config.batch_size, argv[4]));

    clef_model_destroy(model);
    clef_device_close(device);
    clef_dataset_destroy(training);
    clef_dataset_destroy(all);
    clef_dataset_destroy(test);
    free(epochs);
    return EXIT_SUCCESS;
}
