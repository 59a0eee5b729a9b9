"""An image is read as the picture that it shows, whatever its format, or refused by its name."""

import os
import re
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from digitcnn.tables.image_files import (
    LONGEST_SIDE,
    grey_of,
    image_size,
    read_image,
    without_warnings_of_pillow,
)
from image_samples import EXACTLY, MODES, digit, encoded, in_mode, png_claiming, turned_away

LISTED = [
    (kind, mode, options)
    for kind, modes in MODES.items()
    for mode in modes
    for options in EXACTLY.get(kind, [{}])
]
KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF")


@pytest.fixture
def keep(tmp_path):
    """Keeps bytes, or an image, as a file, and gives its path."""

    def keep(image, name="a.png", kind="PNG", **options):
        path = tmp_path / name
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            image.save(path, kind, **options)
        return path

    return keep


@given(
    sample=st.sampled_from(LISTED),
    index=st.integers(0, 1796),
    side=st.integers(8, 40),
    orientation=st.none() | st.integers(1, 8),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_digit_is_the_same_picture_in_every_format_mode_and_orientation(
    tmp_path, sample, index, side, orientation
):
    kind, mode, options = sample
    picture = digit(index, side)
    kept = picture
    if kind not in KEEPS_EXIF:
        orientation = None
    if orientation is not None:
        kept = turned_away(picture, orientation)
    path = tmp_path / "a"
    path.write_bytes(encoded(kept, kind, mode, options, orientation))
    read = read_image(path)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    tolerance = 12 if kind == "JPEG" else 0
    np.testing.assert_allclose(grey_of(read).astype(int), picture, atol=tolerance)
    assert image_size(path) == kept.shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_that_is_not_square_comes_out_upright(keep, orientation):
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    path = keep(encoded(turned_away(picture, orientation), "PNG", "L", None, orientation))
    np.testing.assert_array_equal(read_image(path), picture)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_spread_over_the_whole_range(keep, bits):
    levels = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    palette = Image.fromarray(levels)
    palette.putpalette(np.repeat(levels[0] * (255 // levels.max()), 3).tobytes())
    path = keep(palette, bits=bits)
    np.testing.assert_array_equal(read_image(path), levels * (255 // levels.max()))


def test_black_and_white_is_0_and_255(keep):
    picture = (digit() > 128).astype(np.uint8) * 255
    for kind, name in (("PNG", "a.png"), ("TIFF", "a.tif"), ("BMP", "a.bmp")):
        path = keep(Image.fromarray(picture).convert("1"), name, kind)
        np.testing.assert_array_equal(read_image(path), picture)


def tiff(numbers, bits=16, photometric=1, extra=()):
    """A TIFF written by hand: 16-bit numbers in the low bits, as Pillow writes none."""
    height, width = numbers.shape
    data = numbers.astype("<u2").tobytes()
    if bits == 12:
        low, high = numbers.reshape(-1, 2).T.astype(int)
        # Two numbers in three bytes, the first one's high bits first.
        data = np.stack([low >> 4, (low & 15) << 4 | high >> 8, high & 255], 1).astype("u1")
        data = data.tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, height), (279, len(data)), *extra]
    entries = b"".join(
        tag.to_bytes(2, "little") + b"\3\0" + b"\1\0\0\0" + value.to_bytes(4, "little")
        for tag, value in sorted(tags)
    )
    directory = len(tags).to_bytes(2, "little") + entries + bytes(4)
    return b"II*\0" + (8 + len(data)).to_bytes(4, "little") + data + directory


def test_scale_of_a_tiff_is_that_of_its_bits(keep):
    numbers = np.array([[0, 4095], [2048, 1024]])
    path = keep(tiff(numbers, bits=12), "a.tif")
    np.testing.assert_array_equal(read_image(path), [[0, 255], [128, 64]])


def test_white_is_zero_where_a_tiff_says_so(keep):
    numbers = np.array([[0, 65535], [32768, 257]])
    upright, inverted = (keep(tiff(numbers, photometric=p), f"{p}.tif") for p in (1, 0))
    np.testing.assert_array_equal(read_image(upright), [[0, 255], [128, 1]])
    np.testing.assert_array_equal(read_image(inverted), 255 - read_image(upright))


def test_16_bits_are_refused_with_a_sign(keep):
    path = keep(tiff(np.zeros((2, 2), int), extra=[(339, 2)]), "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif: expected 1 to 16 bits for a channel"):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_more_bits_than_16_are_refused(keep, dtype):
    path = keep(Image.fromarray(np.zeros((8, 8), dtype)), "a.tif", "TIFF")
    with pytest.raises(ValueError, match=r"a\.tif: expected 1 to 16 bits for a channel"):
        image_size(path)


@pytest.mark.parametrize(
    ("ink", "paper"), [(0, 255), (100, 255), (255, 0), (200, 0)], ids=["black", "grey", "white", ""]
)
def test_transparent_paper_is_such_that_the_strokes_show(keep, ink, paper):
    opacity = 255 - digit()
    path = keep(Image.merge("LA", [Image.new("L", (16, 16), ink), Image.fromarray(opacity)]))
    expected = paper + (ink - paper) * (opacity / 255)
    np.testing.assert_allclose(read_image(path), expected, atol=0.51)


def test_transparent_margin_around_paper_is_white(keep):
    opacity = np.pad(np.full((16, 16), 255, np.uint8), 3)
    path = keep(Image.merge("LA", [Image.fromarray(np.pad(digit(), 3)), Image.fromarray(opacity)]))
    np.testing.assert_array_equal(read_image(path), np.pad(digit(), 3, constant_values=255))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_colour_that_stands_for_transparency_is_white(keep, mode):
    picture = np.zeros((8, 8), np.uint8)
    picture[2:6, 3:5] = 255 if mode == "1" else 100
    image = in_mode(picture, mode)
    key = {"RGB": (0, 0, 0), "P": 85}.get(mode, 0)  # black, or its index
    read = read_image(keep(image, transparency=key))
    assert (read[0] == 255 * (mode != "1")).all()  # white strokes are drawn on black
    assert (read[2:6, 3:5] == picture[2:6, 3:5]).all()


def test_colours_stay_and_their_grey_is_their_luminance(keep):
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    read = read_image(keep(Image.fromarray(colours)))
    np.testing.assert_array_equal(read, colours)
    np.testing.assert_array_equal(grey_of(read), [[76, 150], [29, 9]])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_large_picture_is_shrunk_and_shows_the_same(keep, kind):
    small = digit(3, 64)
    large = Image.fromarray(np.kron(small, np.ones((50, 40), np.uint8)))
    read = read_image(keep(large, "a", kind))
    assert LONGEST_SIDE / 2 < max(read.shape) <= LONGEST_SIDE
    again = np.asarray(Image.fromarray(read).resize((64, 64), Image.Resampling.BOX))
    assert np.abs(again.astype(int) - small).mean() < 4


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (2**30, 1), (100_000, 1000)]
)
def test_bomb_is_refused_without_taking_memory(keep, width, height):
    path = keep(png_claiming(width, height))
    tracemalloc.start()
    try:
        for read in (image_size, read_image):
            with pytest.raises(ValueError, match=r"a\.png: expected an image of at most"):
                read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "got an empty file"),
        (b"hello, I am text\n", "got text: 'hello, I am text'"),
        ("grüße".encode() * 10, "got text"),
        (b"%PDF-1.7\n1 0 obj", "got a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "got HEIC, AVIF or a video. Convert it to JPEG"),
        (b"P5 2 2 255 \0\1\2\3", "got another kind of file"),
        (b"\x89PNG\r\n\x1a\n", "damaged, or no PNG file"),
        (b"BM", "damaged, or no BMP file"),
        (b"II*\0\xff\xff\xff\xff", "damaged, or no TIFF file"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "damaged, or no WEBP file"),
        (b"GIF89a", "damaged, or no GIF file"),
        (b"\xff\xd8\xff\xe0", "damaged, or no JPEG file"),
    ],
)
def test_file_that_is_no_image_is_refused_by_its_header(keep, data, message):
    path = keep(data)
    for read in (image_size, read_image):
        with pytest.raises(ValueError, match=re.escape(message)) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", MODES)
def test_truncated_image_is_refused_by_name(keep, kind):
    whole = encoded(digit(5, 60), kind, MODES[kind][0])
    for part in (0.5, 0.9):
        path = keep(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=rf"{path.name}: damaged, or no {kind} file"):
            read_image(path)


def test_image_is_known_by_its_content_and_not_by_its_name(keep):
    np.testing.assert_array_equal(read_image(keep(encoded(digit(), "GIF", "L"), "a.jpg")), digit())


def test_first_frame_of_an_animation_is_read_and_a_tiff_of_pages_is_refused(keep):
    frames = [Image.fromarray(digit(i)) for i in range(3)]
    path = keep(frames[0], "a.gif", "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(path), digit(0))
    path = keep(frames[0], "a.tif", "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"a\.tif: expected one picture, got a TIFF of 3 pages"):
        image_size(path)


def test_damaged_exif_data_damages_no_image_and_warns_of_nothing(keep):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\xff\xff\xff\x7f\x06\0\0\0"
    path = keep(Image.fromarray(digit()), "a.jpg", "JPEG", exif=exif, quality=98)
    with warnings.catch_warnings(), without_warnings_of_pillow():
        read = read_image(path)
    np.testing.assert_allclose(read.astype(int), digit(), atol=12)


def test_folder_pipe_and_nothing_are_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ValueError, match=r"a\.png: expected an image file, got a folder"):
        read_image(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"b\.png"):
        read_image(tmp_path / "b.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "c.png")
        with pytest.raises(ValueError, match=r"c\.png: expected an image file, got something else"):
            read_image(tmp_path / "c.png")


def test_settings_of_pillow_and_filters_of_warnings_stay(keep):
    def state():
        limits = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK
        return limits, list(warnings.filters), list(Image.ID)

    paths = [keep(encoded(digit(), kind, MODES[kind][0]), f"{kind}.png") for kind in MODES]
    paths += [keep(png_claiming(60_000, 60_000), "bomb.png"), keep(b"text", "text.png")]
    read_image(paths[0])  # imports the plugins that are needed
    before = state()

    def read(path):
        for _ in range(5):
            with without_warnings_of_pillow():
                try:
                    read_image(path)
                except ValueError:
                    continue

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, paths))
    assert state() == before


def test_limit_that_a_user_has_set_in_pillow_is_kept_to(keep, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"a\.png: expected an image of at most 200 pixels"):
        read_image(keep(Image.fromarray(digit())))


def test_one_large_picture_is_decoded_at_a_time(keep, monkeypatch):
    monkeypatch.setattr("digitcnn.tables.image_files._LARGE_PIXELS", 100)
    at_once = most = 0
    lock = threading.Lock()
    decode = ImageFile.ImageFile.load

    def load(image):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        decode(image)
        with lock:
            at_once -= 1

    path = keep(encoded(digit(3, 300), "PNG", "L"))
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read_image, [path] * 20))
    assert most == 1


def test_buffer_is_the_callers_own(keep):
    read = read_image(keep(Image.fromarray(digit())))
    assert read.flags.writeable
