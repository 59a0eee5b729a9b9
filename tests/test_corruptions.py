import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from digitcnn.datasets import load_sample_digits


@pytest.fixture(scope="module")
def pictures():
    X, _ = load_sample_digits()
    return X[:60].reshape(-1, 28, 28)


def distance(a, b):
    return np.abs(a.astype(float) - b).mean()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_takes_a_digit_farther_from_what_it_was(pictures, name):
    if name == "inversion":  # darker paper is nearer to a dark ground
        return
    away = [distance(corrupt(pictures, name, severity), pictures) for severity in SEVERITIES]
    assert away[0] > 0.5
    assert (np.diff(away) > 0).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_same_seed_gives_the_same_pictures_whatever_their_form(pictures, name):
    before = pictures.copy()
    made = corrupt(pictures, name, 2, random_state=5)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(
        corrupt(pictures.reshape(60, -1), name, 2, random_state=5), made.reshape(60, -1)
    )
    wide = corrupt(pictures.reshape(60, -1), name, 2, image_shape=(28, 28), random_state=5)
    np.testing.assert_array_equal(wide, made.reshape(60, -1))
    np.testing.assert_array_equal(pictures, before)


@pytest.mark.parametrize("name", ["noise", "lines", "uneven light", "size", "rotation"])
def test_another_seed_gives_other_pictures(pictures, name):
    one, other = (corrupt(pictures, name, random_state=seed) for seed in (1, 2))
    assert (one != other).any()
    drawn = corrupt(pictures, name, random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(
        drawn, corrupt(pictures, name, random_state=np.random.RandomState(3))
    )


@given(
    name=st.sampled_from(sorted(CORRUPTIONS)),
    severity=st.sampled_from(SEVERITIES),
    n=st.integers(0, 3),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
@settings(max_examples=60)
def test_pictures_of_any_size_are_corrupted(name, severity, n, height, width):
    images = np.random.default_rng(0).integers(0, 256, (n, height, width), dtype=np.uint8)
    assert corrupt(images, name, severity).shape == images.shape


def test_corruptions_do_what_their_names_say(pictures):
    def ink(name, severity=3):
        return corrupt(pictures, name, severity).mean()

    assert ink("thick strokes") > 1.2 * pictures.mean()
    assert ink("thin strokes") < 0.8 * pictures.mean()
    np.testing.assert_array_equal(corrupt(pictures, "inversion", 1), 255 - pictures)
    contrast = corrupt(pictures, "low contrast", 5)
    assert np.ptp(contrast) == pytest.approx(0.15 * 255, abs=2)
    for name in ("blur", "resolution", "jpeg"):
        assert ink(name, 2) == pytest.approx(pictures.mean(), rel=0.06)
    quarter = np.zeros((1, 29, 29), np.uint8)
    quarter[0, 4:25, 14] = 255
    turned = corrupt(quarter, "rotation", 5)[0].astype(float)
    rows, columns = np.indices(turned.shape) - 14
    spread = [[(turned * a * b).sum() for a in (rows, columns)] for b in (rows, columns)]
    axis = np.linalg.eigh(spread)[1][:, 1]
    assert np.rad2deg(np.arctan(abs(axis[1] / axis[0]))) == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((1, 4)), "fog"), "the corruptions blur, noise.*, got 'fog'"),
        ((np.zeros((1, 4)), "blur", 6), "expected a severity from 1 to 5, got 6"),
        ((np.zeros((1, 5)), "blur"), "a square number of pixels, got 5 features"),
        ((np.full((1, 4), 256), "blur"), "pixels in 0..255, got numbers from 256 to 256"),
        ((np.zeros(4), "blur"), r"got shape \(4,\)"),
        ((np.zeros((1, 4, 4, 1)), "blur"), r"got shape \(1, 4, 4, 1\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        corrupt(*arguments)


def test_image_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"6 features for image_shape=\(3, 2\), got 4"):
        corrupt(np.zeros((2, 4)), "blur", image_shape=(3, 2))
