// SPDX-License-Identifier: Apache-2.0
// Matrix products by CLBlast, as steps of a plan.
#include "opencl/ocl_plan_steps.h"

#include <stdlib.h>

struct gemm {
    size_t m, n, k;
    cl_mem a, b, c;
    size_t a_at, b_at, c_at, a_ld, b_ld, c_ld;
    CLBlastTranspose a_transpose, b_transpose;
    float beta;
};

static clef_status enqueue_gemm(struct ocl_context *ocl, void *state, cl_event *event)
{
    const struct gemm *g = state;
    OCL_TRY(CLBlastSgemm,
            (CLBlastLayoutRowMajor, g->a_transpose, g->b_transpose, g->m, g->n, g->k, 1.0f, g->a,
             g->a_at, g->a_ld, g->b, g->b_at, g->b_ld, g->beta, g->c, g->c_at, g->c_ld, &ocl->queue,
             event),
            "a product of [%zu, %zu] and [%zu, %zu]", g->m, g->k, g->k, g->n);
    return CLEF_OK;
}

static CLBlastTranspose transposition(const struct ocl_matrix *matrix)
{
    return matrix->transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static cl_mem memory_of(const struct ocl_matrix *matrix)
{
    return ocl_buffer(matrix->tensor->buffer)->memory;
}

void ocl_plan_gemm(struct ocl_plan *plan, const struct ocl_gemm *gemm)
{
    if (plan->status != CLEF_OK)
        return;
    plan->status = ocl_library_open_clblast();
    struct gemm *state = calloc(1, sizeof *state);
    if (!state && plan->status == CLEF_OK)
        plan->status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a matrix product");
    if (plan->status != CLEF_OK) {
        free(state);
        return;
    }
    *state = (struct gemm){.m = gemm->m,
                           .n = gemm->n,
                           .k = gemm->k,
                           .a = memory_of(&gemm->a),
                           .b = memory_of(&gemm->b),
                           .c = memory_of(&gemm->c),
                           .a_at = gemm->a.tensor->offset + gemm->a.skip,
                           .b_at = gemm->b.tensor->offset + gemm->b.skip,
                           .c_at = gemm->c.tensor->offset + gemm->c.skip,
                           .a_ld = gemm->a.ld,
                           .b_ld = gemm->b.ld,
                           .c_ld = gemm->c.ld,
                           .a_transpose = transposition(&gemm->a),
                           .b_transpose = transposition(&gemm->b),
                           .beta = gemm->accumulate ? 1.0f : 0.0f};
    ocl_plan_uses(plan, gemm->a.tensor);
    ocl_plan_uses(plan, gemm->b.tensor);
    ocl_plan_uses(plan, gemm->c.tensor);
    ocl_plan_custom(plan, "CLBlastSgemm", enqueue_gemm, state, free);
}
