// SPDX-License-Identifier: Apache-2.0
// Matrix products by CLBlast, as steps of a plan.
//
// CLBlast has two kernels. The direct one reads any matrix. The fast one wants each matrix at the
// start of its buffer, in one of the two orders, and of a size that its tiles divide; it copies
// those that are not so into memory of its own. Three things spare copies: a buffer object that
// begins where the matrix does, memory for the rest that the plan has asked for, and the choice
// between C = A B and C^T = B^T A^T, which are the same to a library that knows both orders.
#include "opencl/ocl_clblast.h"
#include "opencl/ocl_plan_steps.h"

#include <stdlib.h>

// A matrix as CLBlast takes it.
struct operand {
    cl_mem memory;
    size_t at, ld;
    CLBlastTranspose transpose;
};

// One call, for either form.
struct call {
    CLBlastLayout layout;
    size_t m, n, k;
    struct operand a, b, c;
};

struct gemm {
    struct call call;
    float beta;
    cl_mem temp;
    cl_mem parts[4]; // Of buffers, to release.
    int part_count;
};

static struct operand operand_of(const struct ocl_matrix *matrix)
{
    return (struct operand){.at = matrix->skip,
                            .ld = matrix->ld,
                            .transpose =
                                matrix->transposed ? CLBlastTransposeYes : CLBlastTransposeNo};
}

// With rows and columns exchanged in all three matrices the operands change places.
static struct call call_of(const struct ocl_gemm *gemm, bool exchanged)
{
    struct operand a = operand_of(&gemm->a), b = operand_of(&gemm->b), c = operand_of(&gemm->c);
    if (exchanged)
        return (struct call){CLBlastLayoutColMajor, gemm->n, gemm->m, gemm->k, b, a, c};
    return (struct call){CLBlastLayoutRowMajor, gemm->m, gemm->n, gemm->k, a, b, c};
}

static clef_status result_of(CLBlastStatusCode code, const char *function, const struct call *call)
{
    return code == CLBlastSuccess
               ? CLEF_OK
               : ocl_fail((cl_int)code, function, "a product of %zu by %zu by %zu", call->m,
                          call->n, call->k);
}

// What CLBlast would copy if all matrices began at element `at` of their buffers.
static clef_status temp_bytes(struct ocl_context *ocl, const struct call *call, size_t at,
                              size_t *bytes)
{
    ocl_clblast_lock();
    CLBlastStatusCode code = ocl_api.CLBlastSGemmTempBufferSize(
        call->layout, call->a.transpose, call->b.transpose, call->m, call->n, call->k, at,
        call->a.ld, at, call->b.ld, at, call->c.ld, &ocl->queue, bytes);
    ocl_clblast_unlock();
    return result_of(code, "CLBlastSGemmTempBufferSize", call);
}

// The form that copies less where all matrices have their own buffers, so that the choice does not
// depend on where they lie.
static clef_status choose_call(struct ocl_context *ocl, const struct ocl_gemm *gemm,
                               struct call *call)
{
    struct call plain = call_of(gemm, false), exchanged = call_of(gemm, true);
    size_t plain_bytes, exchanged_bytes;
    CLEF_TRY(temp_bytes(ocl, &plain, 0, &plain_bytes));
    CLEF_TRY(temp_bytes(ocl, &exchanged, 0, &exchanged_bytes));
    *call = plain_bytes < exchanged_bytes ? plain : exchanged;
    return CLEF_OK;
}

// The part of a product that sums the chain which begins with product `first`.
static struct ocl_gemm chain_of(const struct ocl_gemm *whole, size_t first)
{
    struct ocl_gemm chain = *whole;
    size_t rest = whole->k - first;
    chain.k = rest < OCL_GEMM_CHAIN ? rest : OCL_GEMM_CHAIN;
    chain.accumulate = whole->accumulate || first > 0;
    if (whole->a.in_parts) {
        chain.a.skip += first * whole->m;
        chain.a.ld = chain.k;
    } else {
        chain.a.skip += whole->a.transposed ? first * whole->a.ld : first;
    }
    chain.b.skip += whole->b.transposed ? first : first * whole->b.ld;
    return chain;
}

// Whichever form is chosen for a chain, of which the first is the longest.
clef_status ocl_gemm_temp(struct ocl_context *ocl, const struct ocl_gemm *gemm, size_t *floats)
{
    struct ocl_gemm chain = chain_of(gemm, 0);
    CLEF_TRY(ocl_clblast_open(ocl));
    *floats = 0;
    for (int exchanged = 0; exchanged < 2; exchanged++) {
        struct call call = call_of(&chain, exchanged);
        size_t bytes;
        CLEF_TRY(temp_bytes(ocl, &call, 1, &bytes));
        if (*floats < bytes / sizeof(float))
            *floats = bytes / sizeof(float);
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- a step

static clef_status enqueue_gemm(struct ocl_context *ocl, void *state, cl_event *event)
{
    const struct gemm *gemm = state;
    const struct call *call = &gemm->call;
    ocl_clblast_lock();
    CLBlastStatusCode code = ocl_api.CLBlastSgemmWithTempBuffer(
        call->layout, call->a.transpose, call->b.transpose, call->m, call->n, call->k, 1.0f,
        call->a.memory, call->a.at, call->a.ld, call->b.memory, call->b.at, call->b.ld, gemm->beta,
        call->c.memory, call->c.at, call->c.ld, &ocl->queue, event, gemm->temp);
    ocl_clblast_unlock();
    return result_of(code, "CLBlastSgemmWithTempBuffer", call);
}

static void release_gemm(void *state)
{
    struct gemm *gemm = state;
    for (int i = 0; i < gemm->part_count; i++)
        ocl_api.clReleaseMemObject(gemm->parts[i]);
    free(gemm);
}

// A buffer object for a part of a tensor's buffer; NULL where a device could not begin one.
static clef_status make_part(const struct ocl_context *ocl, struct gemm *gemm, cl_mem memory,
                             size_t first, size_t floats, cl_mem *part)
{
    cl_buffer_region region = {.origin = first * sizeof(float), .size = floats * sizeof(float)};
    *part = NULL;
    if (region.origin % ocl->caps.alignment != 0)
        return CLEF_OK;
    cl_int code;
    *part = ocl_api.clCreateSubBuffer(memory, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (!*part)
        return ocl_fail(code, "clCreateSubBuffer", "%zu bytes at %zu for a matrix product",
                        region.size, region.origin);
    gemm->parts[gemm->part_count++] = *part;
    return CLEF_OK;
}

// `rows` and `columns` as they lie in memory.
static clef_status bind_operand(const struct ocl_context *ocl, struct gemm *gemm,
                                const struct ocl_matrix *matrix, size_t rows, size_t columns,
                                struct operand *operand)
{
    cl_mem part, memory = ocl_buffer(matrix->tensor->buffer)->memory;
    size_t first = matrix->tensor->offset + matrix->skip;
    CLEF_TRY(make_part(ocl, gemm, memory, first, (rows - 1) * matrix->ld + columns, &part));
    operand->memory = part ? part : memory;
    operand->at = part ? 0 : first;
    return CLEF_OK;
}

static clef_status bind_stored(const struct ocl_context *ocl, struct gemm *gemm,
                               const struct ocl_matrix *matrix, size_t rows, size_t columns,
                               struct operand *operand)
{
    return matrix->transposed ? bind_operand(ocl, gemm, matrix, columns, rows, operand)
                              : bind_operand(ocl, gemm, matrix, rows, columns, operand);
}

static clef_status bind(struct ocl_context *ocl, const struct ocl_gemm *request, struct gemm *gemm)
{
    struct call *call = &gemm->call;
    CLEF_TRY(choose_call(ocl, request, call));
    bool exchanged = call->layout == CLBlastLayoutColMajor;
    struct operand *a = exchanged ? &call->b : &call->a, *b = exchanged ? &call->a : &call->b;
    CLEF_TRY(bind_stored(ocl, gemm, &request->a, request->m, request->k, a));
    CLEF_TRY(bind_stored(ocl, gemm, &request->b, request->k, request->n, b));
    CLEF_TRY(bind_stored(ocl, gemm, &request->c, request->m, request->n, &call->c));
    size_t bytes;
    CLEF_TRY(temp_bytes(ocl, call, 1, &bytes));
    if (bytes == 0 || !request->temp.tensor)
        return CLEF_OK;
    const struct ocl_matrix *temp = &request->temp;
    return make_part(ocl, gemm, ocl_buffer(temp->tensor->buffer)->memory,
                     temp->tensor->offset + temp->skip, bytes / sizeof(float), &gemm->temp);
}

static void plan_chain(struct ocl_plan *plan, const struct ocl_gemm *chain)
{
    struct gemm *gemm = calloc(1, sizeof *gemm);
    if (!gemm) {
        plan->status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a matrix product");
        return;
    }
    gemm->beta = chain->accumulate ? 1.0f : 0.0f;
    plan->status = bind(plan->ocl, chain, gemm);
    if (plan->status == CLEF_OK)
        ocl_plan_custom(plan, "CLBlastSgemm", enqueue_gemm, gemm, release_gemm);
    else
        release_gemm(gemm);
}

void ocl_plan_gemm(struct ocl_plan *plan, const struct ocl_gemm *gemm)
{
    const struct ocl_matrix *matrices[] = {&gemm->a, &gemm->b, &gemm->c, &gemm->temp};
    if (plan->status == CLEF_OK)
        plan->status = ocl_clblast_build(plan->ocl);
    for (int i = 0; i < 4; i++)
        ocl_plan_uses(plan, matrices[i]->tensor);
    for (size_t first = 0; first < gemm->k && plan->status == CLEF_OK; first += OCL_GEMM_CHAIN) {
        struct ocl_gemm chain = chain_of(gemm, first);
        plan_chain(plan, &chain);
    }
}
