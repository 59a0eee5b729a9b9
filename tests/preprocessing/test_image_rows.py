"""Images become rows as they are, or redrawn where they are not as a network reads them."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from digitcnn import DigitNormalizer
from digitcnn.preprocessing.image_rows import ImageRows, has_light_strokes, read_rows
from digitcnn.tables.image_batches import ImageReader
from digitcnn.tables.image_sources import find_images
from image_samples import digit


def write(folder, pictures):
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{i}.png")
    return ImageReader(find_images(folder))


def ready(n=6):
    """Digits as MNIST has them."""
    X = DigitNormalizer().fit_transform([digit(i) for i in range(n)])
    return X.reshape(n, 28, 28)


def test_images_as_mnists_are_kept_to_the_pixel(tmp_path):
    rows = ImageRows(write(tmp_path, ready()))
    assert not rows.is_normalized
    X, labels, kept = read_rows(rows)
    np.testing.assert_array_equal(X, ready().reshape(6, -1))
    assert labels is None
    assert kept == list(range(6))


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: 255 - picture,
        lambda picture: picture[:-1],
        lambda picture: np.pad(picture, 1),
        lambda picture: picture.repeat(9, 0).repeat(9, 1),
    ],
    ids=["inverted", "shorter", "padded", "enlarged"],
)
def test_one_image_that_is_otherwise_has_all_redrawn(tmp_path, change):
    pictures = [*ready(5), change(ready()[5])]
    rows = ImageRows(write(tmp_path, pictures))
    assert rows.is_normalized
    np.testing.assert_array_equal(read_rows(rows)[0], DigitNormalizer().transform(pictures))


def test_rows_are_as_large_as_a_model_asks(tmp_path):
    rows = ImageRows(write(tmp_path, [digit(i, 30) for i in range(3)]), shape=(14, 14))
    assert read_rows(rows)[0].shape == (3, 196)
    small = [np.rint(one * 255 / 16).astype(np.uint8) for one in load_digits().images[:3]]
    (tmp_path / "8").mkdir()
    rows = ImageRows(write(tmp_path / "8", small), shape=(8, 8))
    assert not rows.is_normalized
    np.testing.assert_array_equal(read_rows(rows)[0], np.reshape(small, (3, 64)))


def test_shape_that_is_not_square_takes_only_what_has_it(tmp_path):
    reader = write(tmp_path, [picture[:20] for picture in ready()])
    assert read_rows(ImageRows(reader, shape=(20, 28)))[0].shape == (6, 560)
    with pytest.raises(ValueError, match="expected images of 28 x 20 pixels, light strokes"):
        ImageRows(reader, shape=(28, 20))


def test_picture_of_nothing_keeps_its_row(tmp_path):
    blank = np.full((40, 40), 200, np.uint8)
    X, _, kept = read_rows(ImageRows(write(tmp_path, [digit(1, 40), blank, digit(2, 40)])))
    assert kept == [0, 1, 2]
    assert X.any(axis=1).tolist() == [True, False, True]


def test_normalizing_may_be_asked_for_and_forbidden(tmp_path):
    reader = write(tmp_path, [255 - one for one in ready()])
    assert ImageRows(reader, normalize=True).is_normalized
    rows = ImageRows(reader, normalize=False)
    np.testing.assert_array_equal(read_rows(rows)[0], 255 - ready().reshape(6, -1))
    Image.new("L", (9, 8)).save(tmp_path / "9.png")
    with pytest.raises(ValueError, match=r"9\.png: expected images of one size \(28 x 28\)"):
        ImageRows(ImageReader(find_images(tmp_path)), normalize=False)
    with pytest.raises(ValueError, match=r"expected normalize to be .*, got 'no'"):
        ImageRows(reader, normalize="no")


def test_image_that_exif_turns_has_the_size_that_it_shows(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 28), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((20, 28), np.uint8)).save(tmp_path / "b.png", exif=exif)
    reader = ImageReader(find_images(tmp_path))
    with pytest.raises(ValueError, match=r"b\.png: expected images of one size"):
        read_rows(ImageRows(reader, normalize=False))
    assert ImageRows(reader).is_normalized


def test_pixels_go_to_a_file_and_not_over_one_that_is_read(tmp_path):
    reader = write(tmp_path, ready())
    X, _, _ = read_rows(ImageRows(reader), tmp_path / "x.npy")
    assert isinstance(X, np.memmap)
    np.testing.assert_array_equal(X, ready().reshape(6, -1))
    with pytest.raises(ValueError, match="expected another file than those that are read"):
        read_rows(ImageRows(reader), tmp_path / "0.png")


def test_strokes_are_told_from_their_ground():
    images = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    assert all(map(has_light_strokes, images))
    assert not any(map(has_light_strokes, 255 - images))
    assert has_light_strokes(np.zeros((28, 28), np.uint8))
    assert has_light_strokes(np.zeros((1, 1), np.uint8))
