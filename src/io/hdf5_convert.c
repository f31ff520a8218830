// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_convert.h"

#include "core/error.h"
#include "io/hdf5_library.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What is accepted; Keras's ResNet-50 has 6 levels and some 300 datasets.
enum { MOST_DATASETS = 4096, MOST_OBJECTS = 16384, MOST_LEVELS = 8, MOST_RANK = 4, NAME = 128 };

struct dataset {
    char name[NAME];
    int rank;
    int dims[MOST_RANK];
    uint64_t bytes;
};

struct converter {
    const char *path;
    hid_t file;
    char name[NAME]; // Of the object that is looked at.
    int level, objects, count;
    struct dataset *datasets;
    uint64_t bytes, most_bytes; // Of all datasets; there can be no more than in the file.
    clef_status status;         // The first failure, kept while the library unwinds.
};

// ---------------------------------------------------------------- one dataset

static clef_status refuse(const struct converter *converter, const char *what)
{
    return clef_fail(CLEF_FORMAT, "%s: \"%s\" %s", converter->path, converter->name, what);
}

static clef_status check_type(const struct converter *converter, hid_t object)
{
    hid_t type = hdf5.H5Dget_type(object);
    bool is_float32 = hdf5.H5Tget_class(type) == H5T_FLOAT && hdf5.H5Tget_size(type) == 4;
    hdf5.H5Tclose(type);
    return is_float32 ? CLEF_OK : refuse(converter, "is not float32");
}

// Data elsewhere, in chunks or behind filters would need bounds of their own; Keras has none.
static clef_status check_storage(const struct converter *converter, hid_t object)
{
    hid_t list = hdf5.H5Dget_create_plist(object);
    H5D_layout_t layout = hdf5.H5Pget_layout(list);
    int external = hdf5.H5Pget_external_count(list);
    hdf5.H5Pclose(list);
    if ((layout == H5D_CONTIGUOUS || layout == H5D_COMPACT) && external == 0)
        return CLEF_OK;
    return refuse(converter, "is not stored in one piece, as Keras would save it");
}

static clef_status read_shape(struct converter *converter, hid_t object, struct dataset *dataset)
{
    hsize_t dims[MOST_RANK];
    hid_t space = hdf5.H5Dget_space(object);
    int rank = hdf5.H5Sget_simple_extent_ndims(space);
    bool known =
        rank >= 0 && rank <= MOST_RANK && hdf5.H5Sget_simple_extent_dims(space, dims, NULL) == rank;
    hdf5.H5Sclose(space);
    if (!known)
        return refuse(converter, "has more than 4 dimensions, or none that can be read");
    uint64_t left = converter->most_bytes - converter->bytes;
    dataset->rank = rank;
    dataset->bytes = sizeof(float);
    for (int i = 0; i < rank; i++) {
        if (dims[i] > INT_MAX || (dims[i] > 0 && dataset->bytes > left / dims[i]))
            return refuse(converter, "is larger than the file");
        dataset->bytes *= dims[i];
        dataset->dims[i] = (int)dims[i];
    }
    if (dataset->bytes > left)
        return refuse(converter, "is larger than what the other datasets leave of the file");
    converter->bytes += dataset->bytes;
    return CLEF_OK;
}

static clef_status add_dataset(struct converter *converter, hid_t object)
{
    if (converter->count == MOST_DATASETS)
        return refuse(converter, "is one dataset too many");
    struct dataset *dataset = &converter->datasets[converter->count];
    CLEF_TRY(check_type(converter, object));
    CLEF_TRY(check_storage(converter, object));
    CLEF_TRY(read_shape(converter, object, dataset));
    memcpy(dataset->name, converter->name, NAME);
    converter->count++;
    return CLEF_OK;
}

// ---------------------------------------------------------------- the walk

static clef_status walk(struct converter *converter, hid_t group);

static clef_status visit_object(struct converter *converter, hid_t object)
{
    switch (hdf5.H5Iget_type(object)) {
    case H5I_GROUP:
        return walk(converter, object);
    case H5I_DATASET:
        return add_dataset(converter, object);
    default:
        return refuse(converter, "is neither a group nor a dataset");
    }
}

// The names go into a header of JSON as they are.
static bool is_plain(const char *name)
{
    for (; *name; name++)
        if (*name < ' ' || *name > '~' || *name == '"' || *name == '\\')
            return false;
    return true;
}

static clef_status visit_link(struct converter *converter, hid_t group, const char *name,
                              const H5L_info_t *info)
{
    size_t used = strlen(converter->name);
    int more = snprintf(converter->name + used, NAME - used, "/%s", name);
    if (more < 0 || (size_t)more >= NAME - used || !is_plain(name))
        return refuse(converter, "has a name that is too long, or not plain ASCII");
    if (info->type != H5L_TYPE_HARD)
        return refuse(converter, "is a link to something else");
    if (++converter->objects > MOST_OBJECTS)
        return refuse(converter, "is one object too many");
    hid_t object = hdf5.H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0)
        return refuse(converter, "is damaged");
    clef_status status = visit_object(converter, object);
    hdf5.H5Oclose(object);
    converter->name[used] = '\0';
    return status;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    struct converter *converter = user;
    converter->status = visit_link(converter, group, name, info);
    return converter->status == CLEF_OK ? 0 : -1;
}

static clef_status walk(struct converter *converter, hid_t group)
{
    hsize_t position = 0;
    if (converter->level == MOST_LEVELS)
        return refuse(converter, "lies too deep");
    converter->level++;
    herr_t result = hdf5.iterate(group, H5_INDEX_NAME, H5_ITER_INC, &position, on_link, converter);
    converter->level--;
    if (converter->status != CLEF_OK)
        return converter->status;
    return result < 0 ? refuse(converter, "is damaged") : CLEF_OK;
}

// ---------------------------------------------------------------- safetensors

static void print_header(const struct converter *converter, FILE *stream)
{
    uint64_t offset = 0;
    for (int i = 0; i < converter->count; i++) {
        const struct dataset *dataset = &converter->datasets[i];
        fprintf(stream, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[", i == 0 ? '{' : ',',
                dataset->name);
        for (int k = 0; k < dataset->rank; k++)
            fprintf(stream, k == 0 ? "%d" : ",%d", dataset->dims[k]);
        fprintf(stream, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", offset,
                offset + dataset->bytes);
        offset += dataset->bytes;
    }
    fputs(converter->count == 0 ? "{}" : "}", stream);
}

static clef_status write_values(const struct converter *converter, const struct dataset *dataset,
                                FILE *stream)
{
    hid_t object = hdf5.H5Oopen(converter->file, dataset->name, H5P_DEFAULT);
    float *values = calloc(1, dataset->bytes + 1);
    clef_status status = CLEF_OK;
    if (!values)
        status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory to read \"%s\"", dataset->name);
    else if (object < 0 || hdf5.H5Dread(object, hdf5.H5T_NATIVE_FLOAT_g, H5S_ALL, H5S_ALL,
                                        H5P_DEFAULT, values) < 0)
        status = clef_fail(CLEF_FORMAT, "%s: \"%s\" cannot be read: it is damaged or cut off",
                           converter->path, dataset->name);
    else
        (void)fwrite(values, 1, dataset->bytes, stream); // The stream remembers an error.
    hdf5.H5Oclose(object);
    free(values);
    return status;
}

static clef_status write_safetensors(const struct converter *converter, FILE *stream)
{
    char *header = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&header, &size);
    if (text)
        print_header(converter, text);
    if (!text || fclose(text) != 0)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the names of the datasets");
    uint64_t length = size;
    (void)fwrite(&length, sizeof length, 1, stream);
    (void)fwrite(header, 1, size, stream);
    free(header);
    for (int i = 0; i < converter->count; i++)
        CLEF_TRY(write_values(converter, &converter->datasets[i], stream));
    if (fflush(stream) != 0 || ferror(stream))
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the datasets of %s", converter->path);
    return CLEF_OK;
}

static clef_status start(struct converter *converter)
{
    struct stat information;
    if (stat(converter->path, &information) != 0)
        return clef_fail(CLEF_IO, "cannot read %s: %s", converter->path, strerror(errno));
    converter->most_bytes = (uint64_t)information.st_size;
    // A file that is read needs no lock, which some file systems cannot give.
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    return hdf5_library_start();
}

static clef_status convert(struct converter *converter, const char *group, FILE *stream)
{
    CLEF_TRY(start(converter));
    converter->file = hdf5.H5Fopen(converter->path, HDF5_ACC_RDONLY, H5P_DEFAULT);
    if (converter->file < 0)
        return clef_fail(CLEF_FORMAT, "%s: it is no HDF5 file, or damaged", converter->path);
    snprintf(converter->name, NAME, "%s", group);
    hid_t top = hdf5.H5Gopen2(converter->file, group, H5P_DEFAULT);
    if (top < 0)
        return clef_fail(CLEF_FORMAT, "%s: it has no group \"%s\": not Keras's .weights.h5",
                         converter->path, group);
    CLEF_TRY(walk(converter, top));
    return write_safetensors(converter, stream);
}

// What the library holds is left to the end of the process.
clef_status hdf5_convert(const char *path, const char *group, int descriptor)
{
    struct converter converter = {.path = path};
    FILE *stream = fdopen(descriptor, "w");
    converter.datasets = calloc(MOST_DATASETS, sizeof *converter.datasets);
    clef_status status;
    if (stream && converter.datasets)
        status = convert(&converter, group, stream);
    else
        status = clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", path);
    if (stream)
        fclose(stream);
    free(converter.datasets);
    return status;
}
