#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of this folder, small ones of each kind, and what Pillow reads of them: NAME.rgb
has the bytes [height][width][3]. Needs Pillow and NumPy.

usage: make.py
"""
import pathlib
import struct
import zlib

import numpy
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 13, 19


def scene():
    """Smooth colours, which JPEG keeps well."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    planes = [128 + 100 * numpy.sin(x / 5), 255 * y / HEIGHT, 128 + 90 * numpy.cos((x + y) / 6)]
    return Image.fromarray(numpy.stack(planes, axis=-1).round().astype(numpy.uint8), "RGB")


def save(name, image, **options):
    image.save(FOLDER / name, **options)
    keep(name)


def keep(name):
    (FOLDER / f"{name}.rgb").write_bytes(Image.open(FOLDER / name).convert("RGB").tobytes())


def interlaced(name, image):
    """Pillow does not write Adam7: seven passes, each with lines of its own."""
    pixels = numpy.asarray(image)
    lines = b""
    for y, x, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        part = pixels[y::dy, x::dx]
        lines += b"".join(b"\0" + line.tobytes() for line in part) if part.size else b""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    (FOLDER / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
    keep(name)


def resized(image, height, width):
    """As clef_resize does: it covers the size in its proportions, and the middle is taken."""
    ratio = min(image.height / height, image.width / width)
    left, top = (image.width - width * ratio) / 2, (image.height - height * ratio) / 2
    box = (left, top, left + width * ratio, top + height * ratio)
    small = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    (FOLDER / f"{height}x{width}.rgb").write_bytes(small.tobytes())


def sixteen_bits(name, image):
    """Of which the upper eight are taken."""
    grey = numpy.asarray(image.convert("L")).astype(numpy.uint16) * 256 + 200
    Image.fromarray(grey).save(FOLDER / name)
    (FOLDER / f"{name}.rgb").write_bytes(numpy.repeat((grey >> 8).astype(numpy.uint8), 3).tobytes())


rgb = scene()
for size in ((1, 1), (5, 12), (8, 8), (12, 5), (26, 30)):
    resized(rgb, *size)
sixteen_bits("sixteen-bits.png", rgb)
opaque = rgb.copy()
opaque.putalpha(Image.linear_gradient("L").resize(rgb.size))
save("rgb.png", rgb)
save("alpha.png", opaque)
save("grey.png", rgb.convert("L"))
save("palette.png", rgb.quantize(16), transparency=3)
save("one-bit.png", rgb.convert("1"))
interlaced("interlaced.png", rgb)
save("rgb.jpg", rgb, quality=90)
save("progressive.jpg", rgb, quality=90, progressive=True)
save("grey.jpg", rgb.convert("L"), quality=90)
save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
