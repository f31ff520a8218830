// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_clblast_params.h"

#include <pthread.h>
#include <string.h>

struct kernel {
    const char *name;
    int count;
    const char *params[OCL_CLBLAST_MAX_PARAMS];
};

// In the order of the enumerators.
static const struct kernel kernels[OCL_CLBLAST_KERNELS] = {
    {"Xgemm",
     16,
     {"GEMMK", "KREG", "KWG", "KWI", "MDIMA", "MDIMC", "MWG", "NDIMB", "NDIMC", "NWG", "SA", "SB",
      "STRM", "STRN", "VWM", "VWN"}},
    {"XgemmDirect",
     10,
     {"KWID", "MDIMAD", "MDIMCD", "NDIMBD", "NDIMCD", "PADA", "PADB", "VWMD", "VWND", "WGD"}},
    {"GemmRoutine", 1, {"XGEMM_MIN_INDIRECT_SIZE"}},
};

const char *ocl_clblast_kernel_name(enum ocl_clblast_kernel kernel)
{
    return kernels[kernel].name;
}

int ocl_clblast_param_count(enum ocl_clblast_kernel kernel)
{
    return kernels[kernel].count;
}

const char *ocl_clblast_param_name(enum ocl_clblast_kernel kernel, int param)
{
    return kernels[kernel].params[param];
}

// ---------------------------------------------------------------- soundness

static bool is_vector(size_t width)
{
    return width == 1 || width == 2 || width == 4 || width == 8 || width == 16;
}

static bool divides(size_t divisor, size_t number)
{
    return divisor > 0 && number > 0 && number % divisor == 0;
}

static bool is_group(const struct ocl_caps *caps, size_t x, size_t y)
{
    return x > 0 && y > 0 && x <= caps->max_items[0] && y <= caps->max_items[1] &&
           x * y <= caps->max_group;
}

// The loads of a tile: `edge` elements by `depth`, of which a group of `items` takes vectors of
// `width`, `dim` items side by side.
static bool is_load(size_t items, size_t edge, size_t depth, size_t dim, size_t width)
{
    return divides(dim, items) && divides(dim * width, edge) && divides(items / dim, depth);
}

// The conditions of CLBlast's own tuner, and one more: with GEMMK 1, CLBlast 1.5.3 computes wrong
// results unless MWG and NWG are equal, since it counts the groups with one exchanged for the
// other.
static bool is_sound_xgemm(const struct ocl_caps *caps, const size_t *v)
{
    size_t items = v[OCL_MDIMC] * v[OCL_NDIMC];
    if (!is_vector(v[OCL_VWM]) || !is_vector(v[OCL_VWN]) ||
        !is_group(caps, v[OCL_MDIMC], v[OCL_NDIMC]) || !divides(v[OCL_KWI], v[OCL_KWG]) ||
        !divides(v[OCL_MDIMC] * v[OCL_VWM], v[OCL_MWG]) || v[OCL_KREG] == 0)
        return false;
    // Where temporary matrices follow each other, each must begin at a whole vector.
    if (!divides(v[OCL_VWN], v[OCL_MWG]) || !divides(v[OCL_VWM], v[OCL_NWG]))
        return false;
    if (v[OCL_GEMMK] == 1)
        return v[OCL_MWG] == v[OCL_NWG] && divides(v[OCL_VWN], v[OCL_KREG]) &&
               divides(v[OCL_NDIMC], v[OCL_NWG]) && v[OCL_MDIMA] == v[OCL_MDIMC] &&
               v[OCL_NDIMB] == v[OCL_NDIMC] &&
               v[OCL_SA] + v[OCL_SB] + v[OCL_STRM] + v[OCL_STRN] == 0;
    size_t local = v[OCL_KWG] * (v[OCL_SA] * v[OCL_MWG] + v[OCL_SB] * v[OCL_NWG]);
    return v[OCL_GEMMK] == 0 && v[OCL_KREG] == 1 && v[OCL_SA] <= 1 && v[OCL_SB] <= 1 &&
           v[OCL_STRM] <= 1 && v[OCL_STRN] <= 1 && divides(v[OCL_NDIMC] * v[OCL_VWN], v[OCL_NWG]) &&
           is_load(items, v[OCL_MWG], v[OCL_KWG], v[OCL_MDIMA], v[OCL_VWM]) &&
           is_load(items, v[OCL_NWG], v[OCL_KWG], v[OCL_NDIMB], v[OCL_VWN]) &&
           local * sizeof(float) <= caps->local_memory;
}

static bool is_sound_direct(const struct ocl_caps *caps, const size_t *v)
{
    size_t items = v[OCL_MDIMCD] * v[OCL_NDIMCD], edge = v[OCL_WGD];
    if (!is_vector(v[OCL_VWMD]) || !is_vector(v[OCL_VWND]) || v[OCL_PADA] > 1 || v[OCL_PADB] > 1 ||
        !is_group(caps, v[OCL_MDIMCD], v[OCL_NDIMCD]))
        return false;
    size_t local = edge * (2 * edge + v[OCL_PADA] + v[OCL_PADB]);
    return divides(v[OCL_KWID], edge) && divides(v[OCL_MDIMCD] * v[OCL_VWMD], edge) &&
           divides(v[OCL_NDIMCD] * v[OCL_VWND], edge) &&
           is_load(items, edge, edge, v[OCL_MDIMAD], v[OCL_VWMD]) &&
           is_load(items, edge, edge, v[OCL_NDIMBD], v[OCL_VWND]) &&
           local * sizeof(float) <= caps->local_memory;
}

bool ocl_clblast_is_sound(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel,
                          const size_t *values)
{
    // Larger numbers are no tiles, and could overflow the products above.
    for (int i = 0; i < kernels[kernel].count && kernel != OCL_GEMM_ROUTINE; i++)
        if (values[i] > 1024)
            return false;
    switch (kernel) {
    case OCL_XGEMM:
        return is_sound_xgemm(caps, values);
    case OCL_XGEMM_DIRECT:
        return is_sound_direct(caps, values);
    default:
        return values[0] <= OCL_ALWAYS_DIRECT;
    }
}

// ---------------------------------------------------------------- use

// What was handed over, so that a second context of a device does not disturb the first: CLBlast
// takes the old parameters away before it has the new ones.
#define MAX_DEVICES 32
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    cl_device_id device;
    struct ocl_clblast_params params;
} given[MAX_DEVICES];

// Finds the place of a device; the last one is for all that come too late for a place.
static struct ocl_clblast_params *find_given(cl_device_id device, bool *known)
{
    int i = 0;
    while (i < MAX_DEVICES - 1 && given[i].device && given[i].device != device)
        i++;
    *known = given[i].device == device;
    given[i].device = device;
    return &given[i].params;
}

static clef_status override(struct ocl_context *ocl, const struct ocl_clblast_params *params)
{
    bool known;
    struct ocl_clblast_params *now = find_given(ocl->device, &known);
    for (int i = 0; i < OCL_CLBLAST_KERNELS; i++) {
        const struct kernel *kernel = &kernels[i];
        if (!params->has[i] || (known && now->has[i] &&
                                memcmp(now->values[i], params->values[i],
                                       (size_t)kernel->count * sizeof(size_t)) == 0))
            continue;
        const char *names[OCL_CLBLAST_MAX_PARAMS];
        memcpy(names, kernel->params, sizeof names);
        OCL_TRY(CLBlastOverrideParameters,
                (ocl->device, kernel->name, CLBlastPrecisionSingle, (size_t)kernel->count, names,
                 params->values[i]),
                "%d parameters of %s", kernel->count, kernel->name);
        memcpy(now->values[i], params->values[i], sizeof now->values[i]);
        now->has[i] = true;
    }
    return CLEF_OK;
}

clef_status ocl_clblast_override(struct ocl_context *ocl, const struct ocl_clblast_params *params)
{
    pthread_mutex_lock(&mutex);
    clef_status status = override(ocl, params);
    pthread_mutex_unlock(&mutex);
    return status;
}

// CLBlast's own parameters have groups of up to 256 in the fast kernel and those that copy for it,
// and of 64 in the direct one.
#define OWN_GROUP 256
#define OWN_DIRECT_GROUP 64

struct ocl_clblast_params ocl_clblast_small_params(const struct ocl_caps *caps)
{
    struct ocl_clblast_params params = {.has = {false}};
    if (caps->max_group >= OWN_GROUP)
        return params;
    params.has[OCL_GEMM_ROUTINE] = true;
    params.values[OCL_GEMM_ROUTINE][0] = OCL_ALWAYS_DIRECT;
    if (caps->max_group >= OWN_DIRECT_GROUP)
        return params;
    size_t side = 4;
    while (side * side > caps->max_group)
        side /= 2;
    const size_t direct[] = {2, side, side, side, side, 1, 1, 1, 1, 8};
    params.has[OCL_XGEMM_DIRECT] = true;
    memcpy(params.values[OCL_XGEMM_DIRECT], direct, sizeof direct);
    return params;
}
