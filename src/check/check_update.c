// SPDX-License-Identifier: Apache-2.0
#include "check/check_update.h"

#include "check/oracle.h"

#include <string.h>

#define LEARNING_RATE 0.125f
#define STEP 3

// Of the largest: that of the gradient, a tenth of which reaches the mean, and of Adam's ten
// roundings.
#define TOLERANCE 1e-5

static struct check_tensor *filled(struct session *s, const char *name, struct weights_shape *shape,
                                   double low, double high)
{
    struct check_tensor *t = session_output_weights(s, name, shape);
    memset(tensor_at(t, 0, 0, 0, 0), 0, clef_tensor_count(&t->view) * sizeof(float));
    fill_weights_uniform(s, t, shape, low, high);
    return t;
}

struct check_update session_update(struct session *s, struct weights_shape *shape, double scale,
                                   bool is_stopped)
{
    struct check_update update = {
        .shape = shape,
        .weights = filled(s, "update.weights", shape, -0.1, 0.1),
        .m = filled(s, "update.m", shape, -0.5 * scale, 0.5 * scale),
        .v = filled(s, "update.v", shape, 0.1 * scale * scale, scale * scale),
        .is_stopped = is_stopped,
        .values = {.learning_rate = LEARNING_RATE, .step = STEP},
    };
    if (is_stopped || session_row(s) % 2 == 0) {
        double value = is_stopped;
        update.fault = session_input_vector(s, "update.fault", 1);
        fill_int_values(update.fault, &value);
    }
    update.args = (struct clef_weights_update){.weights = &update.weights->view,
                                               .m = &update.m->view,
                                               .v = &update.v->view,
                                               .fault = update.fault ? &update.fault->view : NULL,
                                               .beta1 = 0.9f,
                                               .beta2 = 0.999f,
                                               .epsilon = 1e-7f};
    return update;
}

void check_updated(struct session *s, const struct check_update *update, const double *gradient,
                   const bool *reached)
{
    const struct weights_shape *shape = update->shape;
    struct check_tensor *const state[] = {update->weights, update->m, update->v};
    double *expected[3];
    for (int i = 0; i < 3; i++)
        expected[i] = weights_values(s, state[i], shape);
    struct oracle_adam adam = {(double)update->values.learning_rate, (double)update->args.beta1,
                               (double)update->args.beta2, (double)update->args.epsilon,
                               (double)update->values.step};
    size_t taps = (size_t)shape->kernel_h * (size_t)shape->kernel_w;
    size_t tap = (size_t)shape->in * (size_t)shape->out;
    for (size_t i = 0; i < taps && !update->is_stopped; i++)
        if (!reached || reached[i])
            oracle_adam(&adam, i * tap, tap, gradient, expected[0], expected[1], expected[2]);
    for (int i = 0; i < 3; i++) {
        check_weights(s, state[i], shape, expected[i], reached, update->is_stopped, TOLERANCE);
        if (update->is_stopped)
            check_unchanged(s, state[i]);
    }
}

double check_update_flops(double weights)
{
    return 12 * weights;
}
