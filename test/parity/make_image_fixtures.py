"""Makes test/parity/fixtures/image-processor: small files of every kind that the image processor reads, and what transformers'
Qwen2VLImageProcessor makes of them (its default: resizing by torchvision), from an upright image that Pillow opened.
Needs torch, torchvision, transformers, pillow; run by hand when what is read changes:

    python test/parity/make_image_fixtures.py
"""

import base64
import json
import os
import random
import struct
import zlib

import numpy
from PIL import Image, ImageCms, ImageOps
from transformers import Qwen2VLImageProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "image-processor")
noise = numpy.random.default_rng(1)


def picture(width, height, channels=3):
    """Edges, a gradient and a little noise, so that every resampling tap shows."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [
        (x * 255 // max(1, width - 1) + 40 * c) % 256 * ((x // 5 + y // 4 + c) % 2) + noise.integers(0, 40, (height, width))
        for c in range(channels)
    ]
    return numpy.clip(numpy.stack(planes, axis=-1), 0, 255).astype(numpy.uint8)


def rgb(width, height):
    return Image.fromarray(picture(width, height))


def png16(path, rows, colour_type):
    """A PNG of 16 bits a channel, which Pillow does not write for colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    data = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def foreign_profile():
    """An sRGB profile whose red and blue primaries are swapped: whoever applies it shows other colours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # The date, so that the file is the same every time.
    count = struct.unpack(">I", profile[128:132])[0]
    tags = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 136 + 12 * i for i in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 8], profile[blue : blue + 8] = profile[blue : blue + 8], profile[red : red + 8]
    return bytes(profile)


def save(image, name, **options):
    image.save(os.path.join(OUT, name), **options)


os.makedirs(OUT, exist_ok=True)
for old in os.listdir(OUT):
    os.remove(os.path.join(OUT, old))

save(rgb(37, 23), "colour.png")
save(rgb(20, 14), "profile.png", icc_profile=foreign_profile())
save(Image.fromarray(picture(21, 17, 1)[..., 0]), "grey.png")
save(Image.fromarray(picture(19, 26, 4), "RGBA"), "alpha.png")
save(Image.fromarray(picture(18, 18, 2), "LA"), "grey-alpha.png")
save(rgb(26, 22).quantize(12), "palette.png")
save(rgb(22, 26).quantize(12), "palette-transparent.png", transparency=3)
keyed = picture(24, 15)
keyed[3:9, 4:12] = (10, 20, 30)
save(Image.fromarray(keyed), "colour-key.png", transparency=(10, 20, 30))
save(rgb(25, 19).convert("1"), "one-bit.png")
png16(os.path.join(OUT, "colour16.png"), noise.integers(0, 65536, (13, 17, 3)), 2)
png16(os.path.join(OUT, "grey16.png"), noise.integers(0, 65536, (16, 13)), 0)
save(rgb(61, 47), "colour.jpg", quality=80)
save(rgb(33, 31), "progressive.jpg", quality=60, progressive=True)
save(Image.fromarray(picture(31, 29, 1)[..., 0]), "grey.jpg", quality=80)
save(Image.fromarray(picture(27, 30, 4), "CMYK"), "cmyk.jpg", quality=90)
for orientation in range(2, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(rgb(22, 13), f"orientation-{orientation}.jpg", quality=70, exif=exif)
save(rgb(40, 28), "lossy.webp", quality=70)
save(Image.fromarray(picture(20, 20, 4), "RGBA"), "lossless-alpha.webp", lossless=True)
frames = [rgb(16, 20).quantize(16) for _ in range(2)]
save(frames[0], "animated.gif", save_all=True, append_images=frames[1:], duration=100)
save(rgb(300, 9), "wide.png")
save(rgb(10, 280), "tall.png")
stripes = numpy.zeros((900, 1300, 3), numpy.uint8)
stripes[:, ::7] = (250, 120, 3)
stripes[::11] = (20, 200, 180)
save(Image.fromarray(stripes).quantize(8), "large.png", optimize=True)

# Windows of 4 x 4 pixels keep the file small; mean and deviation are the published checkpoints'.
processor = Qwen2VLImageProcessor(patch_size=2, merge_size=2, temporal_patch_size=1, min_pixels=16 * 16, max_pixels=24 * 24)
processor.save_pretrained(OUT)


def values(image, **options):
    out = processor(images=image, return_tensors="pt", **options)
    pixels = out["pixel_values"].float().numpy()
    return {"grid": out["image_grid_thw"][0].tolist(), "pixels": base64.b64encode(pixels.astype("<f4").tobytes()).decode()}


def opened(name):
    if name == "grey16.png":
        # Pillow's conversion cuts 16 bits at 255, which makes most of the picture white; the kit takes the upper 8 bits.
        deep = numpy.asarray(Image.open(os.path.join(OUT, name)))
        return Image.fromarray((deep >> 8).astype(numpy.uint8))
    return ImageOps.exif_transpose(Image.open(os.path.join(OUT, name)))


files = sorted(name for name in os.listdir(OUT) if not name.endswith(".json"))
images = {name: values(opened(name)) for name in files}
small = opened("colour.png")
switches = [
    {"do_rescale": False},
    {"do_normalize": False},
    {"do_rescale": False, "do_normalize": False},
    {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 0.5, 0.0], "image_std": [1.0, 2.0, 0.5]},
]
# Resizing alone, at the factor of the published checkpoints.
resized = []
for width, height in [(37, 23), (23, 61), (100, 40), (200, 150)]:
    array = picture(width, height)
    out = processor(
        images=Image.fromarray(array), patch_size=14, size={"shortest_edge": 3136, "longest_edge": 28 * 28 * 8}, do_rescale=False,
        do_normalize=False, return_tensors="pt",
    )
    rows, columns = (14 * n for n in out["image_grid_thw"][0].tolist()[1:])
    patches = out["pixel_values"].numpy().reshape(rows // 28, columns // 28, 2, 2, 3, 14, 14)
    whole = patches.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows, columns, 3)
    # One axis at a time: Pillow 13 takes the columns first where that is less work.
    along_rows = Image.fromarray(array).resize((columns, height), Image.Resampling.BICUBIC)
    pillow = numpy.asarray(along_rows.resize((columns, rows), Image.Resampling.BICUBIC))
    pillow13 = numpy.asarray(Image.fromarray(array).resize((columns, rows), Image.Resampling.BICUBIC))
    for name, other in [("Pillow by rows first", pillow), ("Pillow 13", pillow13)]:
        difference = numpy.abs(whole.astype(int) - other)
        print(f"{width} x {height} to {columns} x {rows}: {name} differs in {(difference > 0).mean():.4f}, at most {difference.max()}")
    encode = lambda values: base64.b64encode(values.astype(numpy.uint8).tobytes()).decode()
    resized.append(
        {"from": [width, height], "to": [columns, rows], "source": encode(array), "torchvision": encode(whole), "pillow": encode(pillow)}
    )
dice = random.Random(1)
sizes = []
while len(sizes) < 400:
    height, width = (int(2 ** dice.uniform(0, 12)) for _ in range(2))
    factor, least, most = dice.choice([(28, 3136, 12845056), (28, 3136, 1003520), (16, 4096, 4096), (28, 200704, 401408)])
    if max(height, width) <= 200 * min(height, width):
        sizes.append([height, width, factor, least, most, *smart_resize(height, width, factor, least, most)])
# Qwen3-VL's patches of 16 and its bounds.
while len(sizes) < 500:
    height, width = (int(2 ** dice.uniform(3, 13)) for _ in range(2))
    if max(height, width) <= 200 * min(height, width):
        sizes.append([height, width, 32, 65536, 16777216, *smart_resize(height, width, 32, 65536, 16777216)])
with open(os.path.join(OUT, "expected.json"), "w") as file:
    json.dump(
        {
            "images": images,
            "switches": [{"options": each, **values(small, **each)} for each in switches],
            "resized": resized,
            "sizes": sizes,
        },
        file,
    )
