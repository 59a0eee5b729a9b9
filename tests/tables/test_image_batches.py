"""Many images are read in order and in parts; bad ones are refused at once, or left out."""

import errno
import re

import numpy as np
import pytest
from PIL import Image

from digitcnn.tables import image_batches
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_sources import find_images
from image_samples import digit, encoded


@pytest.fixture
def folder(tmp_path):
    """Twenty images, named by their numbers, and the two that are not whole."""
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(encoded(digit(i, 8 + i), "PNG", "L"))
    return tmp_path


def spoil(folder):
    """Make an image that its header betrays, and one that is cut."""
    (folder / "3.png").write_text("text")
    whole = (folder / "7.png").read_bytes()
    (folder / "7.png").write_bytes(whole[:-30])
    return folder / "3.png", folder / "7.png"


def test_images_come_in_order_whatever_the_parts(folder, monkeypatch):
    for most in (1, 3, 1024):
        monkeypatch.setattr(image_batches, "_MOST_IMAGES", most)
        reader = ImageReader(find_images(folder))
        parts = list(reader)
        assert max(len(indices) for indices, _ in parts) == min(most, 20)
        assert [index for indices, _ in parts for index in indices] == list(range(20))
        for i, picture in enumerate(picture for _, pictures in parts for picture in pictures):
            np.testing.assert_array_equal(picture, digit(i, 8 + i))
    np.testing.assert_array_equal(reader.sizes, [[8 + i, 8 + i] for i in range(20)])


def test_part_holds_a_bounded_number_of_bytes(folder, monkeypatch):
    monkeypatch.setattr(image_batches, "_MOST_BYTES", 3000)
    parts = [pictures for _, pictures in ImageReader(find_images(folder))]
    assert len(parts) > 5
    assert all(sum(one.size for one in part) <= 3000 or len(part) == 1 for part in parts)


def test_bad_header_is_refused_before_any_image_is_decoded(folder, monkeypatch):
    def fail(_):
        raise AssertionError

    monkeypatch.setattr(image_batches, "read_image", fail)
    (folder / "19.png").write_text("text")
    with pytest.raises(ValueError, match=r"19\.png: expected PNG.*got text"):
        ImageReader(find_images(folder))


def test_first_bad_file_is_the_one_that_is_named(folder):
    for i in (5, 4, 19):
        (folder / f"{i}.png").write_text("text")
    with pytest.raises(ValueError, match=r"/4\.png: expected PNG"):
        ImageReader(find_images(folder))


def test_damage_that_decoding_shows_is_refused_at_its_place(folder, monkeypatch):
    monkeypatch.setattr(image_batches, "_MOST_IMAGES", 5)
    _, cut = spoil(folder)
    (folder / "3.png").unlink()
    parts = iter(ImageReader(find_images(folder)))
    assert next(parts)[0] == list(range(5))
    with pytest.raises(ValueError, match=rf"{cut}: damaged, or no PNG file"):
        next(parts)


def test_bad_files_are_left_out_and_told_of_once(folder):
    text, cut = spoil(folder)
    (folder / "20.heic").write_bytes(b"\0\0\0\x18ftypheic")
    reader = ImageReader(find_images(folder), skip_bad=True)
    assert list(reader.bad) == [3, 20]
    for _ in range(2):
        kept = [index for indices, _ in reader for index in indices]
        assert kept == [i for i in range(20) if i not in (3, 7)]
    told = reader.describe_bad()
    assert told.startswith("3 of 21 image files cannot be read and are left out: ")
    assert f"{text}: expected PNG" in told
    assert f"{cut}: damaged, or no PNG file" in told
    assert "20.heic: expected PNG, JPEG, BMP, TIFF, WebP or GIF, got HEIC" in told


def test_only_a_few_of_many_bad_files_are_named(folder):
    for i in range(12):
        (folder / f"{i}.png").write_text("text" * 1000)
    told = ImageReader(find_images(folder), skip_bad=True).describe_bad()
    assert told.endswith("; and 7 more")
    assert len(told) < 2000


@pytest.mark.parametrize("name", ["none.png", "1.png/2.png", "x" * 300 + ".png"])
def test_file_that_the_system_does_not_open_is_refused_or_left_out(folder, name):
    images = find_images([folder / "1.png", folder / name])
    with pytest.raises(OSError, match=re.escape(name)):
        ImageReader(images)
    reader = ImageReader(images, skip_bad=True)
    assert list(reader.bad) == [1]
    assert name[-20:] in reader.describe_bad()


def test_error_that_is_no_fault_of_a_file_leaves_none_out(folder, monkeypatch):
    def fail(path):
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(image_batches, "image_size", fail)
    with pytest.raises(OSError, match="Too many open files"):
        ImageReader(find_images(folder), skip_bad=True)


def test_list_of_bad_files_alone_is_refused_all_the_same(folder):
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-30])
    reader = ImageReader(find_images(folder), skip_bad=True)
    with pytest.raises(ValueError, match=r"got 20 files of which none can be read. .*/0"):
        list(reader)
    for path in folder.iterdir():
        path.write_text("")
    with pytest.raises(ValueError, match=r"got 20 files of which none can be read"):
        ImageReader(find_images(folder), skip_bad=True)


def test_reading_in_a_worker_takes_no_more_threads_than_it_may(folder, monkeypatch):
    counts = []
    pool = image_batches.ThreadPoolExecutor
    monkeypatch.setattr(image_batches, "ThreadPoolExecutor", lambda n: counts.append(n) or pool(n))
    monkeypatch.setattr(image_batches, "worker_threads", lambda: 1)
    list(ImageReader(find_images(folder)))
    assert set(counts) == {1}


def test_pictures_of_many_sizes_are_read_at_their_own(tmp_path):
    Image.new("L", (3000, 10)).save(tmp_path / "wide.png")
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    ((_, pictures),) = ImageReader(find_images(tmp_path))
    assert [picture.shape for picture in pictures] == [(1, 1, 3), (4, 1000)]
