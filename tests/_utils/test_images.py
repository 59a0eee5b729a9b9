import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from digitcnn._utils.images import (
    check_images,
    check_labels,
    check_pixel_scale,
    hold_out,
    resolve_image_shape,
    resolve_pixel_range,
    size_hint,
)


@given(st.integers(1, 40))
def test_auto_image_shape_takes_square_numbers_alone(side):
    assert resolve_image_shape("auto", side * side, None) == (side, side, 1)
    if side > 1:
        with pytest.raises(ValueError, match="Was the label column left in"):
            resolve_image_shape("auto", side * side + 1, None)


def test_785_features_are_asked_about_the_label_column():
    with pytest.raises(ValueError, match=r"785 features.*Was the label column left in?"):
        resolve_image_shape("auto", 785, None)


@given(st.integers(1, 500))
def test_pad_takes_the_next_square(n_features):
    height, width, channels = resolve_image_shape("pad", n_features, None)
    assert (height, channels) == (width, 1)
    assert (height - 1) ** 2 < n_features <= height**2


def test_image_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"784 features.*image_shape=\(20, 20\) wants 400"):
        resolve_image_shape((20, 20), 784, None)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (np.array([0, 255], np.uint8), (0, 255)),
        (np.array([0, 200], np.uint8), (0, 255)),
        (np.array([0, 0], np.uint8), (0, 255)),
        (np.array([0.0, 255.0]), (0, 255)),
        (np.array([0.0, 140.5]), (0, 255)),
        (np.array([0, 255]), (0, 255)),
        (np.array([0.0, 1.0]), (0, 1)),
        (np.array([0.0, 0.6]), (0, 1)),
        (np.array([0.0, 1 + 1e-9]), (0, 1)),
        (np.array([-1e-9, 1.0]), (0, 1)),
        (np.array([0.0, 0.0]), (0, 1)),
        (np.array([False, True]), (0, 1)),
        (np.array([0.0, 16.0]), (0, 16)),
        (np.array([0, 16]), (0, 16)),
        (np.array([3, 16], np.uint8), (0, 16)),
    ],
)
def test_auto_pixel_range_knows_plain_scales_without_a_word(numbers, expected):
    assert resolve_pixel_range("auto", numbers[:, None]) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        # Zeros and ones, as binarised pictures have them.
        (np.array([0, 1], np.uint8), (0, 1)),
        (np.array([0, 1]), (0, 1)),
        # Resampling goes beyond black and white.
        (np.array([0.0, 1.04]), (0, 1.04)),
        (np.array([-0.03, 1.0]), (-0.03, 1)),
        (np.array([-6.5, 262.0]), (-6.5, 262)),
        (np.array([0.0, 16.7]), (0, 16.7)),
        # Scales of their own: four bits, divided by 255 twice.
        (np.array([0, 15]), (0, 15)),
        (np.array([0.0, 1 / 255]), (0, 1 / 255)),
        # Faint throughout, on a scale that is likely all the same.
        (np.array([0, 100], np.uint8), (0, 255)),
        (np.array([0.0, 0.3]), (0, 1)),
    ],
)
def test_auto_pixel_range_says_what_it_took_where_it_is_not_plain(numbers, expected):
    words = r"from {:g} \(background\) to {:g} \(full ink\).*pixel_range=\(low, high\)"
    with pytest.warns(UserWarning, match=words.format(*expected)) as caught:
        assert resolve_pixel_range("auto", numbers[:, None]) == expected
    assert len(caught) == 1


@pytest.mark.parametrize(
    "numbers", [[-1.0, 1.0], [0.0, 300.0], [0.0, 65535.0], [-0.4, 2.8], [-3, -1], [-1, 0]]
)
def test_auto_pixel_range_refuses_other_scales_with_what_was_found(numbers):
    with pytest.raises(ValueError, match=f"from {numbers[0]:g} to {numbers[1]:g}; expected"):
        resolve_pixel_range("auto", np.array(numbers)[:, None])


def test_data_pixel_range_is_the_datas():
    assert resolve_pixel_range("data", np.array([-3.0, 9.0])) == (-3, 9)


RANGES = st.sampled_from([(0.0, 1.0), (0.0, 16.0), (0.0, 255.0), (-0.5, 0.5), (30.0, 200.0)])


@given(RANGES, st.floats(0, 9e-7), st.floats(0, 9e-7), st.sampled_from(["auto", "pair"]))
def test_what_is_outside_through_rounding_is_clipped(fitted, below, above, given_as):
    black, white = fitted
    if given_as == "auto" and fitted[0] != 0:
        given_as = "pair"
    span = white - black
    X = np.array([[black - below * span, (black + white) / 2 + 0.03, white + above * span]])
    before = X.copy()
    out = check_pixel_scale(X, fitted, given_as if given_as == "auto" else fitted, "X")
    assert out.min() >= black
    assert out.max() <= white
    np.testing.assert_allclose(out, X, atol=1e-6 * span)
    np.testing.assert_array_equal(X, before)


@given(RANGES, st.floats(1e-5, 0.5), st.booleans())
def test_what_is_farther_outside_is_refused_with_the_likely_step(fitted, beyond, is_low):
    black, white = fitted
    span = white - black
    X = np.array([[black, (black + white) / 2 + 0.03, white]])
    X[0, 0 if is_low else 2] += (-1 if is_low else 1) * beyond * span
    words = r"should lie in .*MinMaxScaler\(clip=True\), or pixel_range='data'"
    with pytest.raises(ValueError, match=words):
        check_pixel_scale(X, fitted, fitted, "X")
    np.testing.assert_array_equal(check_pixel_scale(X, fitted, "data", "X"), X)


def test_a_range_that_was_found_in_the_data_lets_other_rows_go_beyond_as_far():
    X = np.array([[-0.05, 0.5, 1.1]])
    np.testing.assert_array_equal(check_pixel_scale(X, (-0.03, 1.04), "auto", "X"), X)
    with pytest.raises(ValueError, match=r"should lie in -0\.03\.\.1\.04"):
        check_pixel_scale(np.array([[0.0, 1.5]]), (-0.03, 1.04), "auto", "X")


def some_digits(white, n=5):
    digits = load_digits().data[:n]
    return np.round(digits * (white / 16))


@pytest.mark.parametrize(
    ("white", "fitted"), [(1, 255.0), (16, 255.0), (1, 16.0), (1, 110.0), (16, 200.0)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_images_of_a_much_smaller_scale_are_refused_whatever_their_type(white, fitted, dtype):
    X = some_digits(white).astype(dtype)
    with pytest.raises(ValueError, match=rf"looks like the scale 0\.\.{white},.*Multiply by"):
        check_pixel_scale(X, (0.0, fitted), "auto", "X")
    # One alone may be nearly blank.
    with pytest.warns(UserWarning, match=rf"nearly black image.*scale is 0\.\.{white}, multiply"):
        assert check_pixel_scale(X[:1], (0.0, fitted), "auto", "X") is not None


def test_few_pixels_far_outside_are_a_scalers_doing():
    X = some_digits(16) / 16
    X[:, 3] *= 40
    with pytest.raises(ValueError, match=r"data\. A scaler in front, such as a MinMaxScaler"):
        check_pixel_scale(X, (0.0, 1.0), "auto", "X")


def test_range_that_was_given_takes_images_of_any_brightness():
    X = some_digits(255)
    np.testing.assert_array_equal(check_pixel_scale(X, (0.0, 1e6), (0, 1e6), "X"), X)
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1,"):
        check_pixel_scale(X / 255, (0.0, 255.0), (0, 255), "X")


@pytest.mark.parametrize("highest", [0.4, 1.0, 1.04])
@pytest.mark.parametrize("n", [1, 5])
def test_fractions_up_to_1_are_refused_on_a_larger_scale(highest, n):
    X = some_digits(255, n) / 255 * highest
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1,.*Multiply by 255"):
        check_pixel_scale(X, (0.0, 255.0), "auto", "X")


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((4, 64)),
        # Resampling leaves rounding where black was.
        1e-13 * some_digits(1, 4),
        np.eye(64)[:4],
        np.full((4, 64), 1),
        some_digits(3, 1),
        some_digits(9),
        some_digits(40),
        np.vstack([some_digits(255, 1), np.zeros((9, 64))]),
        np.vstack([some_digits(1, 1), some_digits(60, 4)]),
        np.random.default_rng(0).integers(0, 9, (6, 64)),
    ],
    ids=[
        "black",
        "nearly black",
        "a speck",
        "even",
        "faint",
        "fainter",
        "pale",
        "blank ones",
        "one blank",
        "noise",
    ],
)
def test_faint_and_blank_images_are_legal_on_the_scale_of_bytes(X, dtype):
    X = X.astype(dtype)
    np.testing.assert_array_equal(check_pixel_scale(X, (0.0, 255.0), "auto", "X"), X)


@pytest.mark.parametrize(
    ("X", "fitted", "words"),
    [
        (some_digits(255).astype(np.uint8), (0.0, 1.0), r"scale 0\.\.255: .*by 0\.00392"),
        (some_digits(255), (0.0, 16.0), r"scale 0\.\.255: .*by 0\.0627"),
        (some_digits(16), (0.0, 1.0), r"scale 0\.\.16: .*by 0\.0625"),
        (some_digits(60), (0.0, 1.0), r"scale 0\.\.255: "),
        # Resampled, so of fractions.
        (some_digits(255) - 0.3, (0.0, 1.0), r"scale 0\.\.255: .*by 0\.00392"),
        (some_digits(255) / 1.003 - 2, (0.0, 16.0), r"scale 0\.\.255: "),
        (some_digits(65535), (0.0, 255.0), r"scale 0\.\.65535: .*by 0\.00389"),
        (some_digits(16) * 1.03 - 0.2, (0.0, 1.0), r"scale 0\.\.16: "),
        (some_digits(16) * 1.03 - 0.2, (0.0, 16.0), r"Resampled images.*np\.clip\(X, 0, 16\)"),
        (some_digits(260) - 3, (0.0, 255.0), r"np\.clip\(X, 0, 255\)\. A scaler in front"),
        (some_digits(16) / 8 - 1, (0.0, 1.0), r"0\.\.1, .*data\. A scaler.* as a StandardScaler"),
        (some_digits(16) / 13, (0.0, 1.0), "such as a MinMaxScaler that was fitted on other rows"),
    ],
)
def test_images_of_a_larger_scale_are_refused_with_what_to_do(X, fitted, words):
    with pytest.raises(ValueError, match=words):
        check_pixel_scale(X, fitted, "auto", "X")


IMAGES = some_digits(255, 3).reshape(-1, 8, 8)


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
    # A picture of one line is one where its channels make sense, or where it is said.
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
        ([[[1, 2], [3]], [[1, 2], [3, 4]]], "picture 0 has rows of different lengths"),
        ([np.zeros(64), np.zeros(49)], "rows of one length, got lengths 49, 64"),
        ([np.zeros((8, 8)), np.zeros(64)], "picture 1 has 1 dimensions, not 2 or 3"),
        ("digits.csv", "got a path or text: 'digits.csv'. Read the file first"),
        (Path("digits.csv"), "got a path or text: .*digits.csv.*read_digits_csv"),
        ([Path("1.png"), Path("2.png")], "got a path or text: .*1.png.*Read the files first"),
        (np.zeros((2, 4), complex), "expected real numbers, got complex"),
        (np.zeros((2, 2, 2), complex), "expected real numbers, got complex"),
        (np.zeros((2,) * 5), "5 dimensions; expected"),
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


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_label_is_named_with_its_row(missing):
    with pytest.raises(ValueError, match="y has no label in row 1"):
        check_labels(np.array(["a", missing, "b"], object))


def test_class_too_small_to_be_held_out_is_refused_with_the_parameter():
    with pytest.raises(
        ValueError, match=r"hold out validation_fraction=0\.25, got 4 images: The l"
    ):
        hold_out(np.array([0, 0, 0, 1]), 0.25, 0)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.1, got 6 images: .*classes = 3"):
        hold_out(np.array([0, 0, 1, 1, 2, 2]), 0.1, 0)


def test_rows_with_a_column_more_may_have_kept_their_label():
    assert "Was the label column left in?" in size_hint((5, 785), (28, 28, 1))
    assert "label" not in size_hint((5, 784), (8, 8, 1))


@pytest.mark.parametrize("high", [0.9, 8, 16, 250])
@pytest.mark.parametrize("fitted", [None, (0.0, 16.0), (0.0, 255.0)])
def test_large_data_is_looked_at_in_parts(high, fitted):
    X = np.random.default_rng(0).integers(0, 2, (40, 300_000)).astype(np.float32)
    X *= np.float32(high)
    tracemalloc.start()
    with warnings.catch_warnings(), suppress(ValueError):
        warnings.simplefilter("ignore")
        if fitted is None:
            resolve_pixel_range("auto", X)
        elif high <= fitted[1]:
            check_pixel_scale(X, fitted, "auto", "X")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 4
