import tracemalloc
import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from digitcnn._utils.pixel_range import check_pixel_scale, resolve_pixel_range


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
        (np.array([0, 65535], np.uint16), (0, 65535)),
        (np.array([257.0, 40000.0]), (0, 65535)),
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
        # Resampling exceeds black and white.
        (np.array([0.0, 1.04]), (0, 1.04)),
        (np.array([-0.03, 1.0]), (-0.03, 1)),
        (np.array([-6.5, 262.0]), (-6.5, 262)),
        (np.array([0.0, 16.7]), (0, 16.7)),
        # Scales of their own: four bits, divided by 255 twice.
        (np.array([0, 15]), (0, 15)),
        (np.array([0.0, 1 / 255]), (0, 1 / 255)),
        # Faint throughout, on a scale that is likely nevertheless.
        (np.array([0, 100], np.uint8), (0, 255)),
        (np.array([0.0, 0.3]), (0, 1)),
    ],
)
def test_auto_pixel_range_says_what_it_took_where_it_is_not_plain(numbers, expected):
    words = r"{:g} is taken as black .* and {:g} as white .*pixel_range=\(low, high\)"
    with pytest.warns(UserWarning, match=words.format(*expected)) as caught:
        assert resolve_pixel_range("auto", numbers[:, None]) == expected
    assert len(caught) == 1


@pytest.mark.parametrize(
    "numbers",
    [
        [-1.0, 1.0],
        [0.0, 300.0],
        [0.0, 4095.0],
        [0.0, 65535.5],
        [0.0, 40000.5],
        [-0.4, 2.8],
        [-3, -1],
        [-1, 0],
    ],
)
def test_auto_pixel_range_refuses_other_scales_with_what_was_found(numbers):
    with pytest.raises(ValueError, match=f"got values from {numbers[0]:g} to {numbers[1]:g}\\."):
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
    words = r"with pixels in .*MinMaxScaler\(clip=True\), or pixel_range='data'"
    with pytest.raises(ValueError, match=words):
        check_pixel_scale(X, fitted, fitted, "X")
    np.testing.assert_array_equal(check_pixel_scale(X, fitted, "data", "X"), X)


def test_a_range_that_was_found_in_the_data_lets_other_rows_go_beyond_as_far():
    X = np.array([[-0.05, 0.5, 1.1]])
    np.testing.assert_array_equal(check_pixel_scale(X, (-0.03, 1.04), "auto", "X"), X)
    with pytest.raises(ValueError, match=r"with pixels in -0\.03\.\.1\.04"):
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
    with pytest.raises(ValueError, match=rf"looks like the scale 0\.\.{white}\..*Multiply by"):
        check_pixel_scale(X, (0.0, fitted), "auto", "X")
    # A single image may be nearly blank.
    with pytest.warns(UserWarning, match=rf"nearly black image.*scale is 0\.\.{white}, multiply"):
        assert check_pixel_scale(X[:1], (0.0, fitted), "auto", "X") is not None


def test_few_pixels_far_outside_are_a_scalers_doing():
    X = some_digits(16) / 16
    X[:, 3] *= 40
    with pytest.raises(ValueError, match=r"from .*\. A scaler before .*, such as a MinMaxScaler"):
        check_pixel_scale(X, (0.0, 1.0), "auto", "X")


def test_range_that_was_given_takes_images_of_any_brightness():
    X = some_digits(255)
    np.testing.assert_array_equal(check_pixel_scale(X, (0.0, 1e6), (0, 1e6), "X"), X)
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1\."):
        check_pixel_scale(X / 255, (0.0, 255.0), (0, 255), "X")


@pytest.mark.parametrize("highest", [0.4, 1.0, 1.04])
@pytest.mark.parametrize("n", [1, 5])
def test_fractions_up_to_1_are_refused_on_a_larger_scale(highest, n):
    X = some_digits(255, n) / 255 * highest
    with pytest.raises(ValueError, match=r"looks like the scale 0\.\.1\. Multiply by 255"):
        check_pixel_scale(X, (0.0, 255.0), "auto", "X")


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((4, 64)),
        # Resampling leaves rounding errors of black.
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
        (some_digits(16) * 1.03 - 0.2, (0.0, 16.0), r"images were resampled.*np\.clip\(X, 0, 16\)"),
        (some_digits(260) - 3, (0.0, 255.0), r"np\.clip\(X, 0, 255\)\. A scaler"),
        (
            some_digits(16) / 8 - 1,
            (0.0, 1.0),
            r"0\.\.1, .*from -1 to 1\. A scaler.* as a StandardScaler",
        ),
        (some_digits(16) / 13, (0.0, 1.0), "such as a MinMaxScaler fitted on other rows"),
    ],
)
def test_images_of_a_larger_scale_are_refused_with_what_to_do(X, fitted, words):
    with pytest.raises(ValueError, match=words):
        check_pixel_scale(X, fitted, "auto", "X")


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
