from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from digitcnn._utils.images import check_images, resolve_image_shape, size_hint, to_pictures


@given(st.integers(1, 40))
def test_auto_image_shape_takes_square_numbers_alone(side):
    assert resolve_image_shape("auto", side * side, None) == (side, side, 1)
    if side > 1:
        with pytest.raises(ValueError, match="Is the label column still in X"):
            resolve_image_shape("auto", side * side + 1, None)


def test_785_features_are_asked_about_the_label_column():
    with pytest.raises(ValueError, match=r"785 features.*Is the label column still in X?"):
        resolve_image_shape("auto", 785, None)


@given(st.integers(1, 500))
def test_pad_takes_the_next_square(n_features):
    height, width, channels = resolve_image_shape("pad", n_features, None)
    assert (height, channels) == (width, 1)
    assert (height - 1) ** 2 < n_features <= height**2


def test_image_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"400 features for image_shape=\(20, 20\), got 784"):
        resolve_image_shape((20, 20), 784, None)


IMAGES = np.round(load_digits().images[:3] * (255 / 16))


def test_pictures_come_as_arrays_lists_and_objects():
    objects = np.empty(3, object)
    objects[:] = list(IMAGES)
    for X in (IMAGES, list(IMAGES), tuple(IMAGES), objects, IMAGES.tolist()):
        rows, side = check_images(X)
        assert side == (8, 8)
        np.testing.assert_array_equal(rows, IMAGES.reshape(3, 64))
    Image = pytest.importorskip("PIL.Image")
    rows, side = check_images([Image.fromarray(image.astype(np.uint8)) for image in IMAGES])
    assert side == (8, 8)
    np.testing.assert_array_equal(rows, IMAGES.reshape(3, 64))


def test_channels_are_last_or_one():
    assert resolve_image_shape("auto", 784, (1, 28, 28)) == (28, 28, 1)
    assert resolve_image_shape((28, 28), 784, (1, 28, 28)) == (28, 28, 1)
    assert resolve_image_shape("auto", 3 * 54, (9, 6, 3)) == (9, 6, 3)
    # A picture of one row is one if its channels are valid, or if image_shape says so.
    assert resolve_image_shape("auto", 84, (1, 28, 3)) == (1, 28, 3)
    assert resolve_image_shape((1, 28, 28), 784, (1, 28, 28)) == (1, 28, 28)
    assert resolve_image_shape((8, 8, 5), 320, (8, 8, 5)) == (8, 8, 5)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("image_shape", ["auto", "said"])
def test_channels_first_are_refused_with_moveaxis(channels, image_shape):
    image_shape = (28, 20, channels) if image_shape == "said" else "auto"
    with pytest.raises(ValueError, match=r"channels first.*np\.moveaxis\(X, 1, -1\)"):
        resolve_image_shape(image_shape, 560 * channels, (channels, 28, 20))


@pytest.mark.parametrize("side", [(8, 8, 5), (5, 8, 8), (8, 8, 64)])
def test_numbers_of_channels_that_make_no_sense_are_refused_unless_said(side):
    with pytest.raises(ValueError, match=r"expected pictures with 1 to 4 channels.*image_shape="):
        resolve_image_shape("auto", int(np.prod(side)), side)
    assert resolve_image_shape(side, int(np.prod(side)), side) == side


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            [np.zeros((8, 8)), np.zeros((9, 7))],
            r"one size, got sizes \(8, 8\), \(9, 7\).*Normalizer",
        ),
        ([[[1, 2], [3, 4]], [[1, 2]]], r"one size, got sizes \(1, 2\), \(2, 2\)"),
        ([[[1, 2], [3]], [[1, 2], [3, 4]]], "rows of different lengths in picture 0"),
        ([np.zeros(64), np.zeros(49)], "rows of one length, got lengths 49, 64"),
        ([np.zeros((8, 8)), np.zeros(64)], "picture 1 with 1 dimensions"),
        ("digits.csv", "got a path or text: 'digits.csv'. Read the file first"),
        (Path("digits.csv"), "got a path or text: .*digits.csv.*read_digits_csv"),
        ([Path("1.png"), Path("2.png")], "got a path or text: .*1.png.*Read the files first"),
        (np.zeros((2, 4), complex), "expected real numbers, got complex"),
        (np.zeros((2, 2, 2), complex), "expected real numbers, got complex"),
        (np.zeros((2,) * 5), "got 5 dimensions"),
    ],
)
def test_what_is_no_array_of_images_is_refused_in_plain_words(X, message):
    with pytest.raises(ValueError, match=message):
        check_images(X)


def test_pictures_of_unequal_size_in_an_array_of_objects_are_refused():
    objects = np.empty(2, object)
    objects[:] = [np.zeros((8, 8)), np.zeros((8, 7))]
    with pytest.raises(ValueError, match=r"one size, got sizes \(8, 7\), \(8, 8\)"):
        check_images(objects)


def test_rows_with_a_column_more_may_have_kept_their_label():
    assert "Is the label column still in X?" in size_hint((5, 785), (28, 28, 1))
    assert "label" not in size_hint((5, 784), (8, 8, 1))
    assert "X looks like images of 28x28" in size_hint((5, 784), (8, 8, 1))


@pytest.mark.parametrize("given", [700, 783, 790])
def test_number_of_pixels_of_no_square_points_to_the_columns(given):
    hint = size_hint((5, given), (28, 28, 1))
    assert f"no square image has {given}. Check for missing or extra columns" in hint


@given(
    n=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 4),
    n_missing=st.integers(0, 6),
)
def test_rows_become_pictures_of_what_they_are_said_to_be(n, height, width, channels, n_missing):
    shape = (height, width, channels)
    rows = np.arange(n * np.prod(shape)).reshape(n, -1)
    for form in (rows, rows.tolist(), rows.reshape(n, *shape)):
        pictures = to_pictures(form, shape)
        np.testing.assert_array_equal(pictures, rows.reshape(n, *shape))
    assert np.shares_memory(to_pictures(rows, shape), rows)
    square = np.pad(rows, ((0, 0), (0, n_missing)))
    padded = to_pictures(square, "pad").reshape(n, -1)
    np.testing.assert_array_equal(padded[:, : square.shape[1]], square)
    assert not padded[:, square.shape[1] :].any()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(9), r"got shape \(9,\)"),
        (np.zeros((3, 10)), "a square number of pixels, got 10 features.*label column"),
        (np.zeros((7, 7)), r"7 features.*If X is a single image, pass X\[np.newaxis\]"),
        (np.zeros((2, 9, 9, 5)), r"1 to 4 channels .*, got 5"),
    ],
)
def test_rows_that_are_no_pictures_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        to_pictures(X)
