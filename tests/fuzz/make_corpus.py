#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the fuzz targets in tests/fuzz/corpus: small files that are whole, and files
that are wrong in one way. What fuzzing has found stands beside them, and is not made here.

usage: make_corpus.py CLEF
  CLEF  the program, which writes the HDF5 file
"""
import gzip
import json
import math
import pathlib
import struct
import subprocess
import sys
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def save(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def zipped(content):
    return gzip.compress(content, mtime=0)


def idx_file(dims, elements):
    return struct.pack(f">BBBB{len(dims)}I", 0, 0, 8, len(dims), *dims) + elements


def idx():
    labels = idx_file([5], bytes([3, 1, 4, 1, 5]))
    images = idx_file([2, 3, 4], bytes(range(24)))
    colours = idx_file([2, 2, 2, 3], bytes(range(24)))
    files = {"labels": labels, "images": images, "colours": colours}
    for name, content in files.items():
        save("idx", name, content)
        save("idx", f"{name}.gz", zipped(content))
        save("idx", f"{name}-cut", content[:-1])
        save("idx", f"{name}-more", content + b"\0")
    save("idx", "declares-2-gib", idx_file([2**31 - 1], b""))
    save("idx", "declares-too-much", idx_file([65536, 65536, 65536], b""))
    save("idx", "bomb.gz", zipped(idx_file([2**31 - 1], bytes(3 << 19))))
    save("idx", "bomb-of-the-wrong-size.gz", zipped(idx_file([16], bytes(3 << 19))))
    save("idx", "floats", struct.pack(">BBBBIf", 0, 0, 13, 1, 1, 1.0))


def gzips():
    text = bytes(range(256)) * 4
    whole = zipped(text)
    save("gzip", "plain", text)
    save("gzip", "empty", b"")
    save("gzip", "whole.gz", whole)
    save("gzip", "of-nothing.gz", zipped(b""))
    save("gzip", "members.gz", whole + zipped(b"second") + zipped(b""))
    save("gzip", "cut.gz", whole[:-9])
    save("gzip", "wrong-sum.gz", whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    save("gzip", "stored.gz", gzip.compress(text, 0, mtime=0))
    save("gzip", "bomb.gz", zipped(bytes(1 << 18)))
    save("gzip", "bytes-behind.gz", whole + b"behind")
    # All optional fields of a header: extra, name, comment, and its sum.
    flags = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + b"\x04\0extr" + b"name\0" + b"comment\0"
    save("gzip", "all-fields.gz", flags + b"\0\0" + whole[10:])


def tensors_file(tensors, metadata=None, order=None):
    """`tensors`: name to (shape, bytes), or to a whole description."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def raw_tensors(header, data=b""):
    text = header.encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors():
    two = {"a": ([2, 3], bytes(24)), "b.weight": ([], struct.pack("<f", 1.5)), "none": ([0, 7], b"")}
    whole = tensors_file(two, {"format": "pt", "note": 'a "quoted" text'})
    save("safetensors", "whole", whole)
    save("safetensors", "no-tensor", tensors_file({}))
    save("safetensors", "cut", whole[:-1])
    save("safetensors", "more", whole + b"\0")
    save("safetensors", "long-header", struct.pack("<Q", 2**63) + b"{}")
    save("safetensors", "header-beyond-the-end", struct.pack("<Q", 1 << 20) + b"{}")
    save("safetensors", "overlap", raw_tensors(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        '"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', bytes(12)))
    save("safetensors", "huge-shape", raw_tensors(
        '{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}', bytes(4)))
    save("safetensors", "huge-offsets", raw_tensors(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}}'))
    save("safetensors", "other-type", raw_tensors('{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}', bytes(4)))
    save("safetensors", "twice", raw_tensors('{"a":1,"a":2}'))
    save("safetensors", "deep", raw_tensors("[" * 3000))


def configuration(**changes):
    whole = {"architecture": "resnet", "input": [4, 4, 1], "classes": 2, "blocks": [1], "filters": [1],
             "head": "avgpool", "dense_units": 1}
    return json.dumps({**whole, **changes}, separators=(",", ":"))


def network(filters, classes):
    """Names and shapes of a network with one block and the head "avgpool", of one input channel."""
    shapes = {"stem.conv.weight": [7, 7, 1, filters], "stem.conv.bias": [filters]}
    for i in "12":
        shapes[f"stage1.block1.conv{i}.weight"] = [3, 3, filters, filters]
        shapes[f"stage1.block1.conv{i}.bias"] = [filters]
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"stage1.block1.bn{i}.{part}"] = [filters]
    shapes["fc.weight"] = [filters, classes]
    shapes["fc.bias"] = [classes]
    return shapes


def weights_file(shapes, metadata=None):
    return tensors_file({name: (shape, struct.pack("<f", 0.5) * math.prod(shape)) for name, shape in shapes.items()},
                        metadata)


def model_file(shapes, config, **changes):
    metadata = {"format": "clef", "version": "0.1.0", "config": config, "batch_size": "2", "layout": "keras"}
    return weights_file(shapes, {**metadata, **changes})


def models():
    save("model", "whole", model_file(network(1, 2), configuration()))
    save("model", "another-batch-size", model_file(network(1, 2), configuration(), batch_size="65537"))
    save("model", "a-tensor-less", model_file({"fc.bias": [2]}, configuration()))
    save("model", "a-tensor-more", model_file({**network(1, 2), "fc3.bias": [1]}, configuration()))
    # Gigabytes of weights in a few bytes of text, of which the file has none.
    huge = configuration(filters=[8000])
    save("model", "asks-for-gigabytes", model_file(network(1, 2), huge))
    deep = configuration(input=[4096, 4096, 1], blocks=[128] * 8, filters=[1] * 8)
    save("model", "asks-for-many-layers", model_file(network(1, 2), deep))
    save("model", "configuration", configuration())
    save("model", "configuration-dense",
         configuration(input=[32, 32, 3], classes=10, blocks=[2, 2, 2, 2], filters=[64, 128, 256, 512],
                       head="flatten-dense", dense_units=1000))
    conventions = dict(padding="symmetric", stem_batchnorm=True, conv_bias=False,
                       batchnorm={"momentum": 0.9, "epsilon": 1e-5, "unbiased_variance": True})
    save("model", "configuration-pytorch", configuration(**conventions))
    save("model", "configuration-huge", configuration(input=[2**31 - 1] * 3, classes=2**31 - 1))
    save("model", "configuration-large-number", configuration(classes=2**31))
    save("model", "configuration-many-stages", configuration(blocks=[1] * 9, filters=[1] * 9))


def state(**changes):
    """What a checkpoint tells of the training, after one epoch and two steps."""
    data = {"images": 5, "height": 4, "width": 4, "channels": 1, "classes": 2, "digest": "0123456789abcdef" * 2}
    whole = {
        "version": 1,
        "config": {"epochs": 3, "batch_size": 2, "learning_rate": 0.5, "seed": "7", "shuffle": True,
                   "checkpoint_every": 1},
        "generator": "philox4x32-10",
        "state": {"epoch": 2, "step": 2, "loss": 1.5, "correct": 3, "images": 4, "seconds": 0.25},
        "history": [{"loss": 2.5, "accuracy": 0.5, "val_loss": None, "val_accuracy": None, "seconds": 1.5}],
        "training": data, "validation": {**data, "images": 1},
    }
    return json.dumps({**whole, **changes}, separators=(",", ":"))


def checkpoint_file(shapes, training, **changes):
    trained = {name: shape for name, shape in shapes.items() if ".running_" not in name}
    moments = {f"adam.{moment}_moment.{name}": shape for moment in ("first", "second")
               for name, shape in trained.items()}
    metadata = {"adam_step": "5", "crc32": "0" * 8, "training": training, "notes": "{}", **changes}
    content = model_file({**shapes, **moments}, configuration(), **metadata)
    return content.replace(b'"crc32":"00000000"', b'"crc32":"%08x"' % zlib.crc32(content))


def checkpoints():
    def put(name, training=state(), **changes):
        save("checkpoint", name, checkpoint_file(network(1, 2), training, **changes))

    put("whole")
    put("no-validation", state(validation=None))
    put("no-step", adam_step="many")
    put("no-history", state(history=[]))
    save("checkpoint", "a-model", model_file(network(1, 2), configuration()))
    save("checkpoint", "a-moment-more", checkpoint_file({**network(1, 2), "fc3.bias": [2]}, state()))
    save("checkpoint", "state", state())
    # An epoch number that announces results for gigabytes.
    many = {"epochs": 2**31 - 2, "batch_size": 1, "learning_rate": 1, "seed": "0", "shuffle": False,
            "checkpoint_every": 0}
    late = {"epoch": 2**31 - 1, "step": 0, "loss": 0, "correct": 0, "images": 0, "seconds": 0}
    save("checkpoint", "state-late", state(config=many, state=late))
    save("checkpoint", "state-large-seed", state(config={**many, "seed": "9" * 40}))


def pytorch(shapes):
    """The same names and shapes as PyTorch has them."""
    parts = {"stem.conv": "conv1", "stage1.block1": "layer1.0"}
    renamed = {}
    for name, shape in shapes.items():
        for old, new in parts.items():
            name = name.replace(old, new)
        renamed[name] = shape if len(shape) == 1 else shape[:-3:-1] + shape[:-2]
    return renamed


def keras(shapes):
    names = ["conv2d/kernel", "conv2d/bias"]
    for i in (1, 2):
        names += [f"conv2d_{i}/kernel", f"conv2d_{i}/bias"]
        layer = "batch_normalization" + ("_1" if i == 2 else "")
        names += [f"{layer}/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    return dict(zip(names + ["dense/kernel", "dense/bias"], shapes.values()))


def weights():
    plain = network(1, 2)
    save("weights", "clef", weights_file(plain))
    save("weights", "keras", weights_file(keras(plain)))
    save("weights", "pytorch", weights_file(pytorch(plain)))
    save("weights", "other-classes", weights_file(pytorch(network(1, 5))))
    save("weights", "other-filters", weights_file(pytorch(network(2, 2))))
    save("weights", "counters", weights_file({**pytorch(plain), "layer1.0.bn1.num_batches_tracked": []}))
    save("weights", "a-tensor-less", weights_file({"fc.bias": [2]}))
    save("weights", "no-name", weights_file({"a": [2]}))


def hdf5s(program):
    path = CORPUS / "hdf5" / "whole.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program, "export", "--model", CORPUS / "model" / "whole", "--format", "keras", "--out", path],
                   check=True)
    whole = path.read_bytes()
    save("hdf5", "cut.h5", whole[:-1])
    save("hdf5", "half.h5", whole[:len(whole) // 2])
    save("hdf5", "signature.h5", whole[:8])
    save("hdf5", "no-tree.h5", whole.replace(b"TREE", b"HEAP"))
    for place in range(64, 4096, 509):
        save("hdf5", f"changed-{place}.h5", whole[:place] + b"\xff" * 4 + whole[place + 4:])


def trajectory(**changes):
    classes, steps = 3, 2
    gradient = {"name": "fc.weight", "l2": 1.0, "sum": -0.5, "first": [0.25, 0, 1e-3, -4]}
    whole = {
        "what": "one parameter, two steps", "weights": {"key": 7}, "batch": 4, "first_image": 0,
        "adam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        "bn": {"momentum": 0.99, "epsilon": 1e-3},
        "losses": [2.5, 2.25][:steps],
        "step1": {"logits_first_rows": [[0.5] * classes] * 2, "gradients": [gradient]},
        "parameters": ["fc.weight"],
        "after": {"steps": steps, "weights_l2": {"fc.weight": 3.5},
                  "moving": {"bn1": {"mean_l2": 1.0, "var_l2": 2.0}},
                  "test_first_256": {"loss": 2.0, "accuracy": 0.5, "logits_first_row": [1, 2, 3]}},
    }
    return {**whole, **changes}


def replays():
    def put(name, root):
        save("replay", name, json.dumps(root, separators=(",", ":")))

    put("whole.json", trajectory())
    put("other-adam.json", trajectory(adam={"lr": 1, "beta1": 0.5, "beta2": 0.5, "epsilon": 0}))
    put("steps-out-of-range.json", trajectory(batch=65536, first_image=2**31 - 1))
    put("losses-short.json", trajectory(losses=[1.0]))
    # Many rows that announce many classes and have none.
    wide = trajectory(batch=65536, step1={"logits_first_rows": [[]] * 2000, "gradients": []})
    wide["after"]["test_first_256"]["logits_first_row"] = [0] * 2000
    put("rows-without-numbers.json", wide)
    save("replay", "not-a-list.json", "{}")
    save("replay", "deep.json", "[" * 4000)


def caches():
    xgemm = dict(GEMMK=0, KREG=1, KWG=16, KWI=2, MDIMA=8, MDIMC=8, MWG=16, NDIMB=8, NDIMC=8, NWG=16, SA=0, SB=0,
                 STRM=0, STRN=0, VWM=1, VWN=1)
    direct = dict(KWID=2, MDIMAD=8, MDIMCD=8, NDIMBD=8, NDIMCD=8, PADA=1, PADB=1, VWMD=1, VWND=1, WGD=8)
    whole = {"format": 1, "platform": "Platform", "device": "Device", "driver": "1.0", "version": "OpenCL 3.0",
             "convolutions": {"forward 1x2x3": "direct", "backward": "winograd-2x2", "third": "clblast"},
             "clblast": {"Xgemm": xgemm, "XgemmDirect": direct, "GemmRoutine": {"XGEMM_MIN_INDIRECT_SIZE": 512}}}

    def put(name, **changes):
        save("caches", name, json.dumps({**whole, **changes}, separators=(",", ":")))

    put("tuned.json")
    put("tuned-for-another.json", driver="2.0")
    put("tuned-unknown-choice.json", convolutions={"forward": "magic"})
    put("tuned-huge-tile.json", clblast={"Xgemm": {**xgemm, "MWG": 2**62, "VWM": 2**62}})
    put("tuned-zero-tile.json", clblast={"Xgemm": dict.fromkeys(xgemm, 0), "XgemmDirect": dict.fromkeys(direct, 0)})
    put("tuned-long-key.json", convolutions={"k" * 1000: "direct"})

    def kernel(size, content, key=(1, 2)):
        value = 0x6C62272E07BB014262B821756295C58D  # 128 bits of FNV-1a.
        for byte in content:
            value = (value ^ byte) * ((1 << 88) + 0x13B) % (1 << 128)
        return b"CLEFKC01" + struct.pack("<5Q", size, *key, value >> 64, value % (1 << 64)) + content

    save("caches", "kernel", kernel(16, b"This is a kernel"))
    save("caches", "kernel-of-another-sum", kernel(16, b"This is a kernel")[:-1] + b"L")
    save("caches", "kernel-cut", kernel(16, bytes(15)))
    save("caches", "kernel-empty", kernel(0, b""))
    save("caches", "kernel-huge", kernel(2**64 - 1, bytes(16)))
    save("caches", "kernel-of-another-key", kernel(16, bytes(16), (3, 4)))


def pictures():
    """Those of the tests, whole and wrong."""
    folder = CORPUS.parents[1] / "data" / "pictures"
    for target, ending in (("png", "*.png"), ("jpeg", "*.jpg")):
        for path in sorted(folder.glob(ending)):
            whole = path.read_bytes()
            save(target, path.name, whole)
            save(target, f"{path.stem}-cut{path.suffix}", whole[:len(whole) // 2])
    png = (folder / "rgb.png").read_bytes()

    def header(height, width, *kind):
        fields = b"IHDR" + struct.pack(">II5B", width, height, *kind)
        return png[:12] + fields + struct.pack(">I", zlib.crc32(fields)) + png[33:]

    save("png", "declares-a-gigabyte.png", header(32768, 32768, 8, 2, 0, 0, 0))
    save("png", "declares-more.png", header(13, 20, 8, 2, 0, 0, 0))
    save("png", "of-16-bits.png", header(13, 19, 16, 6, 0, 0, 0))
    jpeg = (folder / "grey.jpg").read_bytes()
    frame = jpeg.index(b"\xff\xc0") + 5
    save("jpeg", "declares-a-gigabyte.jpg", jpeg[:frame] + struct.pack(">HH", 32768, 32768) + jpeg[frame + 4:])
    save("jpeg", "declares-more.jpg", jpeg[:frame] + struct.pack(">HH", 16, 24) + jpeg[frame + 4:])


if len(sys.argv) != 2:
    sys.exit(__doc__)
for make in (idx, gzips, safetensors, models, checkpoints, weights, replays, caches, pictures):
    make()
hdf5s(sys.argv[1])
