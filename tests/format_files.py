"""Files of each format, right and wrong, and what a refusal must look like."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from yolact_temporal.data.formats import ReadOptions, open_masks
from yolact_temporal.data.rle import checked_rle
from yolact_temporal.errors import InputError

SIZE = (9, 13)


def coco_row(**changes):
    mask = {"size": [4, 6], "counts": checked_rle((4, 6), [3, 5, 16])["counts"].decode()}
    return {"image_id": 0, "category_id": 1, "score": 0.5, "segmentation": mask} | changes


def vis_row(**changes):
    return {
        "video_id": 1,
        "category_id": 1,
        "score": 0.5,
        "segmentations": [coco_row()["segmentation"], None],
    } | changes


def coco_annotations(**changes):
    """Three images of one object, named by frame; in the second it is a polygon, and there is a crowd."""
    runs = {"size": [4, 6], "counts": [3, 5, 16]}
    square = [[1, 1, 4, 1, 4, 3, 1, 3]]
    crowd = {"size": [4, 6], "counts": [20, 4]}
    return {
        "info": {"description": "made up"},
        "images": [
            {"id": 7 + number, "height": 4, "width": 6, "file_name": f"walk/{5 * number:05d}.jpg"}
            for number in range(3)
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": runs, "iscrowd": 0, "track_id": 4},
            {"id": 2, "image_id": 8, "category_id": 3, "segmentation": square, "iscrowd": 0, "track_id": 4},
            {"id": 3, "image_id": 8, "category_id": 3, "segmentation": crowd, "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    } | changes


def vis_annotations(**changes):
    """Two videos; the first has one object that is absent, a mask and a polygon, and a crowd in its last frame."""
    runs = {"size": [4, 6], "counts": [3, 5, 16]}
    square = [[1, 1, 4, 1, 4, 3, 1, 3]]
    crowd = {"size": [4, 6], "counts": [20, 4]}
    return {
        "videos": [
            {"id": number, "height": 4, "width": 6, "length": 3, "file_names": ["0.jpg", "5.jpg", "10.jpg"]}
            for number in (1, 2)
        ],
        "annotations": [
            {"id": 8, "video_id": 1, "category_id": 2, "iscrowd": 0, "segmentations": [None, runs, square]},
            {"id": 9, "video_id": 1, "category_id": 2, "iscrowd": 1, "segmentations": [None, None, crowd]},
            {"id": 10, "video_id": 2, "category_id": 1, "iscrowd": 0, "segmentations": [runs, None, None]},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    } | changes


def changed(content, key, number, **changes):
    """An annotation file with one entry of one of its lists changed; a field that is None is left out."""
    row = {name: value for name, value in (content[key][number] | changes).items() if value is not None}
    return content | {key: [*content[key][:number], row, *content[key][number + 1 :]]}


def mots_line(frame_number=1, identity=1001, class_number=1, height=4, width=6, runs=(3, 5, 16)):
    counts = checked_rle((4, 6), list(runs))["counts"].decode()
    return f"{frame_number} {identity} {class_number} {height} {width} {counts}"


def record_line(index=0, **changes):
    row = {"box": [0, 0, 2, 2], "score": 0.5, "class_id": 0, "class": "cat"}
    row["rle"] = coco_row()["segmentation"]["counts"]
    line = {"frame": index, "time_s": index / 24, "size": [4, 6], "instances": [row]}
    for key, value in changes.items():
        (line if key in line else row)[key] = value
    return json.dumps(line)


def write_png(path, values, mode=None):
    image = Image.fromarray(np.asarray(values))
    (image if mode is None else image.convert(mode)).save(path)


def png_of_size(width, height):
    """A PNG whose header promises a large image, and no more."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def one_sentence(error):
    message = str(error.value)
    assert message.startswith("expected ")
    assert "\n" not in message
    assert len(message) < 600
    return message


GREY = np.zeros((4, 6), np.uint8)
SIXTEEN = np.zeros((4, 6), np.uint16)


def refuse_file(path, format_name, content, sentence):
    """A file of this content (JSON, text or bytes) is refused in one sentence that names it."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"^expected ") as error:
        open_masks(path, format_name).check()
    assert sentence in one_sentence(error)
    assert str(path) in one_sentence(error)


def refuse_folder(folder, format_name, images, sentence, first_frame=None):
    """A folder of these images, (values, mode) by name, is refused in one sentence."""
    for file, (values, mode) in images.items():
        write_png(folder / file, values, mode)
    with pytest.raises(InputError) as error:
        open_masks(folder, format_name, ReadOptions(first_frame=first_frame)).check()
    assert sentence in one_sentence(error)
