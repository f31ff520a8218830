// SPDX-License-Identifier: Apache-2.0
#include "support/plan_world.h"

int world_set_up(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    EXPECT_OK(clef_device_open("cpu", NULL, &world.device));
    EXPECT_OK(clef_buffer_create(world.device, WORLD_FLOATS * sizeof(float), &world.buffer));
    world.panel = clef_device_get_info(world.device)->filter_panel;
    *state = &world;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    clef_buffer_destroy(world->buffer);
    clef_device_close(world->device);
    return 0;
}

struct clef_tensor world_image(struct world *world, int n, int h, int w, int c)
{
    struct clef_tensor tensor = clef_tensor_nhwc(world->buffer, world->used, n, h, w, c);
    world->used += clef_tensor_count(&tensor);
    assert_true(world->used <= WORLD_FLOATS);
    return tensor;
}

struct clef_tensor world_vector(struct world *world, size_t count)
{
    return world_image(world, 1, 1, 1, (int)count);
}

struct clef_tensor world_weights(struct world *world, int kernel_h, int kernel_w, int in, int out)
{
    const struct clef_weights_layout layout = {kernel_h, kernel_w, in, out, world->panel};
    return world_vector(world, clef_weights_count(&layout));
}

struct clef_batchnorm_train_args world_batchnorm(struct world *world, struct clef_tensor t[8])
{
    t[0] = world_image(world, 64, 8, 8, 16);
    t[1] = world_image(world, 64, 8, 8, 16);
    for (int i = 2; i < 8; i++)
        t[i] = world_vector(world, 16);
    return (struct clef_batchnorm_train_args){.src = &t[0],
                                              .dst = &t[1],
                                              .gamma = &t[2],
                                              .beta = &t[3],
                                              .moving_mean = &t[4],
                                              .moving_variance = &t[5],
                                              .saved_mean = &t[6],
                                              .saved_inv_std = &t[7],
                                              .momentum = 0.9f,
                                              .epsilon = 1e-3f};
}
