"""Pictures from anywhere are redrawn as MNIST's were made."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from digitcnn.normalizer import DigitNormalizer

few = settings(max_examples=20, deadline=None)


@parametrize_with_checks([DigitNormalizer(image_shape="pad")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def a_stroke(height, width, paper=0.0, ink=1.0):
    image = np.full((height, width), paper)
    image[height // 4 : -(height // 4), width // 2 - 1 : width // 2 + 1] = ink
    image[height // 4, width // 4 : width // 2] = ink
    return image


def test_normalised_digits_lie_as_mnist_lays_them():
    out = DigitNormalizer().fit_transform(load_digits().data).reshape(-1, 28, 28).astype(float)
    assert out.max(axis=(1, 2)).min() == 255
    mass = out.sum(axis=(1, 2))
    for axis in (1, 2):
        profile = out.sum(axis=axis)
        centre = profile @ np.arange(28) / mass
        # Whole steps, so half a pixel off at most; the fade shifts the centre a little more.
        assert np.abs(centre - 14).max() < 1.0
    rows, columns = (out.max(axis=axis) > 25 for axis in (2, 1))
    longest = np.maximum(rows.sum(axis=1), columns.sum(axis=1))
    assert longest.min() >= 18
    assert longest.max() <= 22


@given(
    low=st.floats(-100, 100),
    span=st.floats(0.01, 1000),
    dark=st.booleans(),
    height=st.integers(12, 60),
    width=st.integers(12, 60),
)
@few
def test_range_and_polarity_do_not_matter(low, span, dark, height, width):
    stroke = a_stroke(height, width)
    other = low + span * (1 - stroke if dark else stroke)
    out = DigitNormalizer().transform([stroke, other]).astype(int)
    assert np.abs(out[0] - out[1]).max() <= 1


def test_inverted_pictures_give_the_same_to_the_bit():
    X = (load_digits().data * 15).astype(np.uint8)
    wanted = DigitNormalizer().fit_transform(X)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(255 - X), wanted)
    np.testing.assert_array_equal(DigitNormalizer(invert=False).fit_transform(X), wanted)
    np.testing.assert_array_equal(DigitNormalizer(invert=True).fit_transform(255 - X), wanted)


def test_place_on_the_sheet_and_noise_of_the_paper_do_not_matter():
    rng = np.random.default_rng(0)
    stroke = a_stroke(60, 40)
    sheet = np.zeros((160, 120))
    sheet[70:130, 5:45] = stroke
    photo = np.clip(200 - 120 * sheet + rng.normal(0, 4, sheet.shape), 0, 255).astype(np.uint8)
    clean, placed, noisy = DigitNormalizer().transform([stroke, sheet, photo]).astype(int)
    np.testing.assert_array_equal(clean, placed)
    assert np.abs(clean - noisy).mean() < 5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("slope", [(0.5, 0.2), (-0.3, 0.6)])
def test_uneven_light_does_not_matter(slope, dark):
    stroke = a_stroke(40, 30)
    rows, columns = np.indices(stroke.shape) / 40
    light = 1.0 + slope[0] * rows + slope[1] * columns
    lit = light - stroke if dark else light + stroke
    even, uneven = DigitNormalizer().transform([stroke, lit]).astype(int)
    assert np.abs(even - uneven).max() <= 2
    # Strokes that reach the border do not tilt the paper.
    lit[:, 14:16] += -1.0 if dark else 1.0
    drawn = DigitNormalizer().transform([lit]).reshape(28, 28)
    assert (drawn > 128).sum() < 28 * 6


@given(
    arrays=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99)),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@few
def test_noise_of_any_size_is_drawn_without_a_warning(arrays, scale):
    height, width, seed = arrays
    images = scale * np.random.default_rng(seed).normal(size=(3, height, width))
    assert DigitNormalizer().transform(images).shape == (3, 784)


def test_arrays_lists_and_rows_are_the_same_pictures():
    X, images = load_digits().data[:200], load_digits().images[:200]
    wanted = DigitNormalizer().fit_transform(X)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(images), wanted)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(list(images)), wanted)
    wide = np.pad(images, ((0, 0), (0, 0), (2, 5)))
    normalizer = DigitNormalizer(image_shape=(8, 15))
    np.testing.assert_array_equal(normalizer.fit_transform(wide.reshape(-1, 120)), wanted)
    # Pictures of many sizes at once, each drawn as if alone.
    mixed = [images[0], wide[1], a_stroke(50, 31), images[2]]
    np.testing.assert_array_equal(DigitNormalizer().transform(mixed)[[0, 1, 3]], wanted[:3])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, bool])
@pytest.mark.parametrize("value", [0, 1])
def test_picture_without_ink_is_all_zeros(dtype, value):
    out = DigitNormalizer().fit_transform(np.full((3, 9, 7), value, dtype))
    assert out.shape == (3, 784)
    assert not out.any()


def test_blank_8_bit_sheet_with_noise_is_all_zeros():
    noise = np.random.default_rng(0).integers(240, 248, (2, 30, 30)).astype(np.uint8)
    assert not DigitNormalizer().fit_transform(noise).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (300, 2)])
def test_smallest_and_thinnest_pictures_are_drawn(shape):
    images = np.zeros((1, *shape))
    images[0, -1, 0] = 1
    out = DigitNormalizer().transform(images)
    assert bool(out.any()) == (shape != (1, 1))


def test_size_and_box_are_kept():
    X = pd.DataFrame((load_digits().data * 15).astype(np.uint8))
    normalizer = DigitNormalizer(size=40, box=32).set_output(transform="pandas")
    out = normalizer.fit_transform(X)
    assert out.shape == (len(X), 1600)
    assert list(out.columns[[0, -1]]) == ["pixel0", "pixel1599"]
    assert (out.dtypes == np.uint8).all()
    tallest = (out.to_numpy().reshape(-1, 40, 40).max(axis=2) > 25).sum(axis=1)
    assert 30 <= np.median(tallest) <= 34


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"size": 0}, np.zeros((1, 4)), "size must be a whole number of at least 1, got 0"),
        ({"box": 2.5}, np.zeros((1, 4)), "box must be a whole number"),
        ({"box": 30}, np.zeros((1, 4)), r"box must be at most size \(28\), got 30"),
        ({"invert": "yes"}, np.zeros((1, 4)), "invert must be 'auto', True or False, got 'yes'"),
        ({"image_shape": "square"}, np.zeros((1, 4)), "image_shape must be"),
        ({"image_shape": (3, 3)}, np.zeros((1, 4)), "does not fit 4 columns"),
        ({}, np.zeros((1, 785)), "785 columns make no square picture. Was the label column"),
        ({}, np.full((1, 2, 2), np.nan), "contains NaN"),
        ({}, [np.zeros((2, 2)), np.zeros(4)], "picture 1 has 1 dimensions, not 2"),
        ({}, [np.zeros((2, 2)), np.full((2, 2), np.inf)], "picture 1 contains inf"),
        ({}, np.zeros((1, 0, 2)), "have no pixels"),
    ],
)
def test_bad_parameters_and_pictures_are_refused(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        DigitNormalizer(**parameters).fit(X)


def test_mnist_passes_nearly_unchanged_and_reads_other_digits(mnist_path):
    with np.load(mnist_path) as file:
        X_train, y_train, X_test = file["x_train"][:4000], file["y_train"][:4000], file["x_test"]
    passed = DigitNormalizer().fit_transform(X_test).reshape(X_test.shape)
    assert np.abs(passed.astype(int) - X_test).mean() < 0.03
    X, images = load_digits().data[:500], load_digits().images[:500]
    y = load_digits().target[:500]
    enlarged = np.pad(np.kron(images, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2))) / 16
    knn = KNeighborsClassifier(3).fit(X_train.reshape(-1, 784) / 255, y_train)
    score = knn.score(DigitNormalizer().fit_transform(X) / 255, y)
    assert score > 0.7
    assert score > knn.score(enlarged.reshape(-1, 784), y) + 0.1
