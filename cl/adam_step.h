// SPDX-License-Identifier: Apache-2.0
// Adam's step on elements whose gradient a kernel has: the last parameters of such a kernel, which
// ocl_adam_add_launch fills in, and the step. `alpha` is the learning rate with both corrections.
// `fault` may be absent.
#ifndef CLEF_ADAM_STEP_H
#define CLEF_ADAM_STEP_H

#define ADAM_PARAMETERS                                                                            \
    global float *param, ulong param_at, global float *m, ulong m_at, global float *v, ulong v_at, \
        global const int *fault, ulong fault_at, int has_fault, float rate1, float rate2,          \
        float epsilon, float alpha

// Whether the weights are updated. At the end of the parameters of a kernel that can do so.
#ifndef ADAM
#define ADAM 0
#endif
#if ADAM
#define AND_ADAM_PARAMETERS , ADAM_PARAMETERS
#else
#define AND_ADAM_PARAMETERS
#endif

#define ADAM_IS_STOPPED (has_fault && fault[fault_at] != 0)
// Of the elements from `first` on.
#define ADAM_FROM(first)                                                                           \
    {                                                                                              \
        param + param_at + (first), m + m_at + (first), v + v_at + (first), rate1, rate2, epsilon, \
            alpha                                                                                  \
    }

#define LOAD_ONE(at) (*(at))
#define STORE_ONE(value, at) (*(at) = (value))

struct adam {
    global float *param, *m, *v;
    float rate1, rate2, epsilon, alpha;
};

// The step of the elements from `i` on that a `type` has.
#define ADAM_STEP(type, LOAD, STORE, adam, i, gradient)                                        \
    {                                                                                          \
        global float *param_i = (adam).param + (i), *m_i = (adam).m + (i);                     \
        global float *v_i = (adam).v + (i);                                                    \
        const type g = (gradient), old_m = LOAD(m_i), old_v = LOAD(v_i);                       \
        const type new_m = old_m + (g - old_m) * (adam).rate1;                                 \
        const type new_v = old_v + (g * g - old_v) * (adam).rate2;                             \
        STORE(new_m, m_i);                                                                     \
        STORE(new_v, v_i);                                                                     \
        STORE(LOAD(param_i) - (adam).alpha * new_m / (sqrt(new_v) + (adam).epsilon), param_i); \
    }

#endif
