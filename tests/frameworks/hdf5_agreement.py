# SPDX-License-Identifier: Apache-2.0
"""HDF5 files that Keras would not write, made by h5py: each is refused in one line that says why.

As it is, h5py reads the file; with its newest format in place of the oldest, Clef reads it.
"""
import shutil
import subprocess

import h5py
import numpy

from agreement import main

NETWORK = ["--blocks", "1", "--filters", "8", "--head", "avgpool"]
KERNEL = "layers/conv2d_1/vars/0"


def replace(**storage):
    """A change that stores the kernel in another way, with the same values."""
    def change(file):
        values = file[KERNEL][...]
        del file[KERNEL]
        file.create_dataset(KERNEL, data=values, **storage)
    return change


def shape(*extents):
    """A change that claims another shape, for which nothing is stored."""
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, extents, "f4")
    return change


def outside(file):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 8, 8), "f4", external=[("/etc/passwd", 0, 2304)])


def virtual(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((3, 3, 8, 8), "f4")
    layout[...] = h5py.VirtualSource("/etc/passwd", "x", (3, 3, 8, 8))
    file.create_virtual_dataset(KERNEL, layout)


def link(target):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = target
    return change


def ring(file):
    file["layers/conv2d_1/again"] = file["layers"]


def many(file):
    for number in range(5000):
        file.create_group(f"layers/more/{number}/a/b/c")


REFUSED = {
    "chunked": (replace(chunks=(3, 3, 8, 8)), f'"{KERNEL}" is not stored in one piece'),
    "compressed": (replace(compression="gzip"), f'"{KERNEL}" is not stored in one piece'),
    "external": (outside, f'"{KERNEL}" is not stored in one piece'),
    "virtual": (virtual, f'"{KERNEL}" is not stored in one piece'),
    "double": (replace(dtype="f8"), f'"{KERNEL}" is not float32'),
    "whole": (replace(dtype="i4"), f'"{KERNEL}" is not float32'),
    "huge": (shape(1 << 20, 1 << 20), f'"{KERNEL}" is larger than the file'),
    "overflowing": (shape(1 << 30, 1 << 30, 16), f'"{KERNEL}" is larger than the file'),
    "deep_rank": (shape(1, 1, 1, 1, 1), f'"{KERNEL}" has more than 4 dimensions'),
    "other_shape": (shape(3, 3, 8, 9), "is [3, 3, 8, 9], but the network asks for [3, 3, 8, 8]"),
    "soft_link": (link(h5py.SoftLink("/layers/conv2d_2/vars/0")), "is a link to something else"),
    "external_link": (link(h5py.ExternalLink("/etc/passwd", "x")), "is a link to something else"),
    "ring": (ring, "lies too deep"),
    "many": (many, "is one object too many"),
    "missing": (lambda file: file.pop(KERNEL), f'tensor "{KERNEL}" is missing'),
    "empty": (lambda file: file.pop("layers"), 'it has no group "layers"'),
    "more": (lambda file: file.create_dataset("layers/dense_1/vars/0", (2, 2), "f4"),
             'tensor "layers/dense_1/vars/0" does not belong to the network'),
    "odd_name": (lambda file: file.create_group('layers/"'), "not plain ASCII"),
}


def make_newest(source, target):
    with h5py.File(source) as old, h5py.File(target, "w", libver="latest") as new:
        for name in old:
            old.copy(name, new)


def import_weights(clef, weights):
    return subprocess.run([clef.program, "import", "--weights", weights, "--out",
                           clef.path("imported"), "--batch-size", "8", *NETWORK], capture_output=True, text=True)


def test(clef):
    model, sound = clef.train("small", *NETWORK), clef.path("sound.weights.h5")
    clef.run("export", "--model", model, "--format", "keras", "--out", sound)
    with h5py.File(sound) as file:
        assert file[KERNEL].shape == (3, 3, 8, 8) and file[KERNEL].dtype == numpy.float32
    make_newest(sound, clef.path("newest.weights.h5"))
    result = import_weights(clef, clef.path("newest.weights.h5"))
    assert result.returncode == 0, result.stderr
    assert clef.path("imported").read_bytes() == model.read_bytes()
    print("[       OK ] hdf5_newest")
    clef.path("imported").unlink()
    for name, (change, words) in REFUSED.items():
        path = clef.path(f"{name}.weights.h5")
        shutil.copy(sound, path)
        with h5py.File(path, "r+") as file:
            change(file)
        result = import_weights(clef, path)
        assert result.returncode == 1, (name, result)
        assert words in result.stderr and result.stderr.count("\n") == 1, (name, result.stderr)
        assert not clef.path("imported").exists(), name
        print(f"[       OK ] hdf5_{name}")


main(test)
