"""Pictures from anywhere are redrawn as MNIST's were made."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from digitcnn.preprocessing.normalizer import DigitNormalizer

few = settings(max_examples=20)


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
    assert longest.min() >= 17
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
    expected = DigitNormalizer().fit_transform(X)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(255 - X), expected)
    np.testing.assert_array_equal(DigitNormalizer(invert=False).fit_transform(X), expected)
    np.testing.assert_array_equal(DigitNormalizer(invert=True).fit_transform(255 - X), expected)


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
    even, uneven = DigitNormalizer().transform([stroke, lit])
    assert differences(even, uneven)[0] < 5
    # Strokes that reach the border do not tilt the paper.
    lit[:, 14:16] += -1.0 if dark else 1.0
    drawn = DigitNormalizer().transform([lit]).reshape(28, 28)
    assert (drawn > 128).sum() < 28 * 6


@pytest.mark.slow
@given(
    arrays=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99)),
    scale=st.sampled_from([1e-300, 1e-38, 1e-6, 1.0, 1e6, 1e15]),
)
@example(arrays=(1, 2, 49), scale=1.0)  # what is left is the last bit of numbers
@few
def test_noise_of_any_size_is_drawn_without_a_warning(arrays, scale):
    height, width, seed = arrays
    images = scale * np.random.default_rng(seed).normal(size=(3, height, width))
    assert DigitNormalizer().transform(images).shape == (3, 784)


def test_arrays_lists_and_rows_are_the_same_pictures():
    X, images = load_digits().data[:200], load_digits().images[:200]
    expected = DigitNormalizer().fit_transform(X)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(images), expected)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(list(images)), expected)
    wide = np.pad(images, ((0, 0), (0, 0), (2, 5)))
    normalizer = DigitNormalizer(image_shape=(8, 15))
    np.testing.assert_array_equal(normalizer.fit_transform(wide.reshape(-1, 120)), expected)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(images[..., None]), expected)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(images[:, None]), expected)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(images.tolist()), expected)
    objects = np.empty(len(images), object)
    objects[:] = list(images)
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(objects), expected)
    column = pd.Series(list(images), index=np.arange(len(images))[::-1])
    np.testing.assert_array_equal(DigitNormalizer().fit_transform(column), expected)
    # Pictures of many sizes at once, each drawn as if alone.
    mixed = [images[0], wide[1], a_stroke(50, 31), images[2]]
    np.testing.assert_array_equal(DigitNormalizer().transform(mixed)[[0, 1, 3]], expected[:3])


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "CMYK", "I", "F"])
@pytest.mark.parametrize("sizes", ["one size", "many sizes"])
def test_pillows_images_are_drawn_as_their_arrays(mode, sizes):
    Image = pytest.importorskip("PIL.Image")
    strokes = [a_stroke(24, 20), a_stroke(24, 20)[::-1].copy()]
    if sizes == "many sizes":
        strokes.append(a_stroke(31, 27))
    greys = [(255 * (1 - stroke)).astype(np.uint8) for stroke in strokes]
    given = [Image.fromarray(grey).convert(mode) for grey in greys]
    expected = DigitNormalizer().transform(greys).astype(int)
    assert np.abs(DigitNormalizer().transform(given) - expected).max() <= 1


@pytest.mark.parametrize("white", [1.0, 255])
@pytest.mark.parametrize("ink", [0, 1])
def test_colours_become_grey_and_what_is_transparent_is_paper(white, ink):
    stroke = a_stroke(24, 20)
    expected = DigitNormalizer().transform([stroke]).astype(int)
    colours = np.stack([stroke, 0.5 * stroke, 0 * stroke], axis=-1)
    opaque = np.concatenate([colours, np.ones((24, 20, 1))], axis=-1)
    # Only the opacity has the stroke.
    drawn = np.concatenate([np.full((24, 20, 3), ink), stroke[..., None]], axis=-1)
    for picture in (colours, opaque, drawn, drawn[..., 2:]):
        given = (white * picture).astype(type(white) if white == 1 else np.uint8)
        assert np.abs(DigitNormalizer().transform(given[None]) - expected).max() <= 1
        assert np.abs(DigitNormalizer().transform([given]) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, bool])
@pytest.mark.parametrize("value", [0, 1])
def test_picture_without_ink_is_all_zeros(dtype, value):
    out = DigitNormalizer().fit_transform(np.full((3, 9, 7), value, dtype))
    assert out.shape == (3, 784)
    assert not out.any()


@pytest.mark.parametrize("deviation", [3, 20])
@pytest.mark.parametrize("side", [14, 40])
def test_sheet_with_noise_alone_is_mostly_all_zeros(side, deviation):
    noise = np.random.default_rng(0).normal(128, deviation, (100, side, side)).astype(np.uint8)
    assert DigitNormalizer().transform(noise).any(axis=1).mean() < 0.3


def test_ink_of_the_other_polarity_is_none():
    images = 255 * np.stack([a_stroke(30, 20), a_stroke(30, 20)[:, ::-1]])
    assert not DigitNormalizer(invert=True).transform(images).any()
    assert not DigitNormalizer(invert=False).transform(255 - images).any()


def test_blank_8_bit_sheet_with_noise_is_all_zeros():
    noise = np.random.default_rng(0).integers(240, 248, (2, 30, 30)).astype(np.uint8)
    assert not DigitNormalizer().fit_transform(noise).any()


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_black_8_bit_sheet_with_specks_of_one_step_is_all_zeros(noise):
    # As an overexposed scan of an empty field is, turned to light on dark.
    specks = np.random.default_rng(0).random((5, 28, 28)) < noise
    assert not DigitNormalizer().transform(specks.astype(np.uint8)).any()


@pytest.mark.parametrize("white", [1, 9, 16])
def test_bytes_on_a_small_scale_are_drawn_as_those_on_the_large_one(white):
    strokes = np.stack([a_stroke(20, 16), a_stroke(20, 16)[:, ::-1]]).astype(np.uint8)
    expected = DigitNormalizer().transform(255 * strokes)
    np.testing.assert_array_equal(DigitNormalizer().transform(white * strokes), expected)
    np.testing.assert_array_equal(DigitNormalizer().transform(white * (1 - strokes)), expected)


def cropped(image, margin=0):
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return np.pad(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], margin)


def differences(drawn, expected):
    """Of each picture, where a step of one pixel is none: middles are rounded."""
    drawn, expected = (x.reshape(-1, 28, 28).astype(int) for x in (drawn, expected))
    steps = [np.roll(drawn, (i, j), axis=(1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.min([np.abs(step - expected).mean(axis=(1, 2)) for step in steps], axis=0)


@pytest.fixture(scope="module")
def mnist_like():
    """Digits with soft edges on 28x28 pixels, and how they are drawn where there is a margin."""
    images = DigitNormalizer().transform(load_digits().data[:300]).reshape(-1, 28, 28)
    return images, DigitNormalizer().transform(images)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("margin", [0, 1, 2, 3])
def test_digits_cropped_to_the_ink_are_drawn_as_with_a_margin(mnist_like, margin, dark):
    images, expected = mnist_like
    given = [cropped(image, margin) for image in images]
    if dark:
        given = [255 - image for image in given]
    drawn = DigitNormalizer().transform(given)
    assert drawn.any(axis=1).all()
    assert np.quantile(differences(drawn, expected), 0.99) < 5
    assert differences(drawn, expected).max() < 12


def reduced(image, side):
    """A picture with this longer side, of pixels that are means of the larger one's."""
    height, width = image.shape
    scale = side / max(height, width)

    def means(old, new):
        bounds = np.linspace(0, old, new + 1)
        first, last = bounds[:-1, None], bounds[1:, None]
        place = np.arange(old)
        part = np.clip(np.minimum(place + 1, last) - np.maximum(place, first), 0, 1)
        return part / part.sum(axis=1, keepdims=True)

    down = means(height, max(1, round(scale * height)))
    return down @ image @ means(width, max(1, round(scale * width))).T


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("side", [6, 8, 10, 12, 15])
def test_digits_cropped_and_reduced_to_few_pixels_keep_their_ink(mnist_like, side, dark):
    images, expected = mnist_like
    given = [reduced(cropped(image), side) for image in images]
    for dtype in (np.float64, np.uint8):
        parts = [(255 - part if dark else part).astype(dtype) for part in given]
        drawn = DigitNormalizer().transform(parts)
        assert drawn.any(axis=1).all()
        if side >= 8:
            assert np.median(differences(drawn, expected)) < 12


@pytest.mark.parametrize("dark", [False, True])
def test_small_digits_cropped_to_the_ink_keep_their_ink(dark):
    given = [cropped(image) for image in load_digits().images]
    drawn = DigitNormalizer().transform([16 - image if dark else image for image in given])
    assert drawn.any(axis=1).all()


def a_bar(height, width, lean):
    """An upright one, leaning by some pixels, with soft edges, cropped to its ink."""
    rows, columns = np.indices((height, width + lean))
    middle = (width - 1) / 2 + lean * rows / (height - 1)
    return np.clip(width / 2 + 0.5 - np.abs(columns - middle), 0, 1)


@given(
    height=st.integers(12, 40),
    width=st.integers(2, 5),
    lean=st.integers(1, 8),
    dark=st.booleans(),
    invert=st.sampled_from(["auto", "as it is"]),
)
@few
def test_leaning_bar_that_fills_its_picture_is_the_ink(height, width, lean, dark, invert):
    bar = a_bar(height, width, lean)
    invert = dark if invert == "as it is" else invert
    normalizer = DigitNormalizer(invert=invert)
    tight = normalizer.transform([1 - bar if dark else bar])
    loose = DigitNormalizer().transform([np.pad(bar, 4)])
    assert differences(tight, loose)[0] < 5


@pytest.mark.parametrize("deviation", [40, 80])
def test_strong_noise_at_the_border_does_not_turn_a_picture(mnist_like, deviation):
    images, _ = mnist_like
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    noisy = np.clip(images + noise, 0, 255).astype(np.uint8)
    found, known = (DigitNormalizer(invert=invert).transform(noisy) for invert in ("auto", False))
    assert np.mean((found == known).all(axis=1)) > 0.99


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_noisy_digits_cropped_to_the_ink_keep_their_ink(mnist_like, scale):
    images, expected = mnist_like
    rng = np.random.default_rng(0)
    given = [np.kron(cropped(image), np.ones((scale, scale))) for image in images[:100]]
    given = [40 + 0.7 * image + rng.normal(0, 8, image.shape) for image in given]
    drawn = DigitNormalizer().transform(given)
    overlap = np.sum((drawn > 128) & (expected[:100] > 128), axis=1) / np.sum(
        expected[:100] > 128, 1
    )
    assert np.quantile(overlap, 0.05) > 0.6


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
        ({"size": 0}, np.zeros((1, 4)), "expected size to be a whole number from 1 up, got 0"),
        ({"box": 2.5}, np.zeros((1, 4)), "expected box to be a whole number"),
        ({"box": 30}, np.zeros((1, 4)), r"expected box up to size \(28\), got 30"),
        (
            {"invert": "yes"},
            np.zeros((1, 4)),
            "expected invert to be 'auto', True or False, got 'yes'",
        ),
        ({"image_shape": "square"}, np.zeros((1, 4)), "expected image_shape to be"),
        ({"image_shape": (3, 3)}, np.zeros((1, 4)), r"9 features for image_shape=\(3, 3\), got 4"),
        (
            {},
            np.zeros((1, 785)),
            "a square number of pixels, got 785 features. Is the label column",
        ),
        ({"image_shape": 28}, np.zeros((1, 784)), "expected image_shape to be .*, got 28"),
        ({"image_shape": None}, np.zeros((1, 4)), "expected image_shape to be .*, got None"),
        ({"image_shape": (2, 2, 1)}, np.zeros((1, 4)), "expected image_shape to be"),
        ({"invert": np.array([True, False])}, np.zeros((2, 4)), "expected invert to be"),
        ({}, np.zeros((28, 28)), r"single image, pass X\[np.newaxis\]"),
        ({}, np.full((1, 2, 2), np.nan), "contains NaN"),
        ({}, [np.zeros((2, 2)), np.zeros(4)], "picture 1 with 1 dimensions"),
        ({}, [np.zeros((2, 2)), np.full((2, 2), np.inf)], "picture 1 contains inf"),
        ({}, np.zeros((1, 0, 2)), r"expected pictures with pixels, got shape \(0, 2\)"),
        (
            {},
            [np.zeros((0, 2)), np.zeros((2, 2))],
            r"expected pictures with pixels, got shape \(0, 2\)",
        ),
        ({}, np.zeros((1, 9, 9, 5)), r"1 to 4 channels \(grey, grey with opacity.*got 5"),
        ({}, [np.zeros((9, 9, 7))], "1 to 4 channels .*got 7"),
        ({}, np.zeros((1, 3, 9, 9)), r"got \(3, 9, 9\), which.*channels first.*moveaxis"),
        ({}, np.zeros((1, 2, 2, 2, 2)), r"got \(1, 2, 2, 2, 2\)"),
        ({}, [[[1, 2], [3]], [[1, 2], [3, 4]]], "rows of different lengths in picture 0"),
        ({}, [np.zeros(4), np.zeros(9)], "expected rows of one length, got lengths 4, 9"),
        ({}, "digits.png", "got a path or text: 'digits.png'. Read the file first"),
        ({}, [Path("a.png"), Path("b.png")], "got a path or text: .*a.png.*Read the files first"),
        ({}, np.zeros((1, 2, 2), complex), "Complex data not supported"),
    ],
)
def test_bad_parameters_and_pictures_are_refused(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        DigitNormalizer(**parameters).fit(X)


def test_single_pillow_image_is_refused_for_it_may_read_as_rows():
    Image = pytest.importorskip("PIL.Image")
    with pytest.raises(ValueError, match=r"expected a list of pictures, got a single.*\[image\]"):
        DigitNormalizer().transform(Image.new("L", (16, 16)))


@pytest.mark.slow
def test_mnist_passes_nearly_unchanged_and_reads_other_digits(mnist_path):
    with np.load(mnist_path) as file:
        X_train, y_train, X_test = file["x_train"][:4000], file["y_train"][:4000], file["x_test"]
    passed = DigitNormalizer().fit_transform(X_test).reshape(X_test.shape)
    # Specks are taken away, and what is left is then centred.
    changed = np.abs(passed.astype(int) - X_test).mean(axis=(1, 2))
    assert changed.mean() < 0.1
    assert np.quantile(changed, 0.98) < 0.2
    X, images = load_digits().data[:500], load_digits().images[:500]
    y = load_digits().target[:500]
    enlarged = np.pad(np.kron(images, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2))) / 16
    knn = KNeighborsClassifier(3).fit(X_train.reshape(-1, 784) / 255, y_train)
    score = knn.score(DigitNormalizer().fit_transform(X) / 255, y)
    assert score > 0.7
    assert score > knn.score(enlarged.reshape(-1, 784), y) + 0.1
