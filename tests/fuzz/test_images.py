"""Image files changed at random are refused, or read as pictures of a bounded size."""

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from digitcnn.tables.image_files import LONGEST_SIDE, read_image, without_warnings_of_pillow
from digitcnn.tables.image_sources import find_images
from fuzz.harness import changed_bytes, read_or_refuse, rounds
from image_samples import EXACTLY, MODES, digit, encoded, png_claiming

WHOLE = [
    encoded(digit(3, 12), kind, mode, options)
    for kind, modes in MODES.items()
    for mode in modes
    for options in EXACTLY.get(kind, [{}])
]
TURNED = [encoded(digit(4, 9), kind, "RGB", None, 6) for kind in ("PNG", "JPEG", "TIFF", "WEBP")]
CLAIMS = [png_claiming(width, height) for width, height in [(1, 1), (9000, 9000), (0, 5)]]


def read_quietly(path):
    with without_warnings_of_pillow():
        return read_image(path)


@pytest.mark.slow
@given(st.sampled_from([*WHOLE, *TURNED, *CLAIMS]).flatmap(changed_bytes))
@rounds(6)
def test_changed_image_is_refused_or_read_as_a_picture(data):
    picture = read_or_refuse(read_quietly, data, "a.png")
    if picture is None:
        event("refused")
        return
    event("read")
    assert picture.dtype == np.uint8
    assert picture.ndim == 2 or picture.shape[2:] == (3,)
    assert 1 <= max(picture.shape) <= LONGEST_SIDE


TABLES = [
    b"file,label\n0/a.png,0\n1/b.jpg,1\n",
    b'\xef\xbb\xbfid;path;digit\r\n1;"c d.PNG";7\r\n2;..\\e.tif;8\r\n',
    b"image\n\n/x/y.webp\n",
]


@pytest.mark.slow
@given(st.sampled_from(TABLES).flatmap(changed_bytes))
@rounds(3)
def test_changed_table_of_names_is_refused_or_lists_files(data):
    images = read_or_refuse(find_images, data, "a.csv")
    if images is None:
        event("refused, or no table of names")
        return
    event("read")
    assert len(images.files) == len(images.names) > 0
    assert images.labels is None or len(images.labels) == len(images.files)
