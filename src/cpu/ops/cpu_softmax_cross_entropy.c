// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_rows.h"

#include <math.h>

// What a task adds to the metrics.
struct partial {
    double loss;
    size_t correct;
};

struct cross_entropy {
    struct cpu_plan base;
    size_t rows, grain; // Rows in all, and of a task.
    int classes, tasks;
    const float *logits;
    const int *labels;
    float *diff_logits, *metrics;
    int *fault;
    struct partial partials[]; // Of each task.
};

// Index of the largest element, the first on a tie.
static int find_largest(const float *values, int count)
{
    int largest = 0;
    for (int i = 1; i < count; i++)
        if (values[i] > values[largest])
            largest = i;
    return largest;
}

// Loss of one row, as log(sum of exp(x - largest)) - (x(label) - largest), which cannot overflow.
// A NaN among the logits makes the sum NaN.
static double row_loss(const float *logits, int classes, int label, float largest, float *diff,
                       double rows)
{
    double sum = 0;
    for (int i = 0; i < classes; i++) {
        float e = expf(logits[i] - largest);
        sum += (double)e;
        if (diff)
            diff[i] = e;
    }
    bool known = label >= 0 && label < classes;
    if (diff) {
        double scale = 1 / (sum * rows);
        for (int i = 0; i < classes; i++)
            if (i != label)
                diff[i] = (float)((double)diff[i] * scale);
        if (known) // In double, since p - 1 cancels when the network is sure.
            diff[label] = (float)(((double)diff[label] - sum) * scale);
    }
    if (!known)
        return (double)NAN;
    return log(sum) - ((double)logits[label] - (double)largest);
}

static void rows_task(void *argument, int task, int thread)
{
    struct cross_entropy *loss = argument;
    struct cpu_range range = cpu_task_range(loss->rows, loss->grain, task);
    struct partial partial = {0};
    for (size_t row = range.first; row < range.first + range.count; row++) {
        const float *logits = loss->logits + row * (size_t)loss->classes;
        float *diff = loss->diff_logits ? loss->diff_logits + row * (size_t)loss->classes : NULL;
        int label = loss->labels[row];
        int largest = find_largest(logits, loss->classes);
        partial.loss +=
            row_loss(logits, loss->classes, label, logits[largest], diff, (double)loss->rows);
        partial.correct += largest == label;
    }
    loss->partials[task] = partial;
    (void)thread;
}

static clef_status cross_entropy_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct cross_entropy *loss = (struct cross_entropy *)plan;
    cpu_parallel_for(loss->base.cpu, loss->tasks, rows_task, loss);
    struct partial total = {0};
    for (int task = 0; task < loss->tasks; task++) {
        total.loss += loss->partials[task].loss;
        total.correct += loss->partials[task].correct;
    }
    loss->metrics[0] = (float)(total.loss / (double)loss->rows);
    loss->metrics[1] = (float)total.correct;
    if (loss->fault && !isfinite(loss->metrics[0]))
        *loss->fault = 1;
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(softmax_cross_entropy)(void *context,
                                            const struct clef_softmax_cross_entropy_args *args,
                                            const struct clef_tensor *scratch,
                                            struct clef_plan_info *info, struct clef_plan **plan)
{
    size_t rows = clef_tensor_rows(args->logits), classes = (size_t)args->logits->c;
    double count = (double)clef_tensor_count(args->logits);
    *info = (struct clef_plan_info){
        .flops = (args->diff_logits ? 5 : 4) * count,
        .bytes = sizeof(float) * ((args->diff_logits ? 2 : 1) * count + (double)rows),
        .algorithm = "row-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    // Exponentials of a task: some ten microseconds, large against the cost of handing it out.
    const size_t exponentials = 2048;
    size_t grain = classes < exponentials ? exponentials / classes : 1;
    int tasks = cpu_task_count(rows, grain);
    CLEF_TRY(cpu_plan_create(context,
                             sizeof(struct cross_entropy) + (size_t)tasks * sizeof(struct partial),
                             cross_entropy_run, plan));
    struct cross_entropy *loss = (struct cross_entropy *)*plan;
    loss->rows = rows;
    loss->grain = grain;
    loss->classes = args->logits->c;
    loss->tasks = tasks;
    loss->logits = cpu_view(args->logits).data;
    loss->labels = (const int *)(const void *)cpu_view(args->labels).data;
    loss->diff_logits = cpu_view(args->diff_logits).data;
    loss->metrics = cpu_view(args->metrics).data;
    loss->fault = (int *)(void *)cpu_view(args->fault).data;
    return CLEF_OK;
}
