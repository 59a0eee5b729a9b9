import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.augmentation.appearance import Appearance, apply_corruptions, draw_appearance

UNCHANGED = {"stroke": 0.0, "blur": 0.0, "cell": 1.0, "ink": 1.0, "paper": (0, 0, 0), "noise": 0.0}


def altered(images, **changes):
    """The images with the same changes for each, and no others."""
    n = len(images)
    values = {**UNCHANGED, **changes}
    drawn = Appearance(**{k: np.array([v] * n, dtype=float) for k, v in values.items()})
    return apply_corruptions(images, drawn, np.random.default_rng(0))


@pytest.fixture(scope="module")
def images(digits):
    """Digits of 28x28 pixels, in 0..1."""
    from digitcnn.datasets import load_sample_digits

    return load_sample_digits()[0][:40].reshape(-1, 28, 28, 1).astype(np.float32) / 255


def test_nothing_drawn_changes_nothing(images):
    np.testing.assert_array_equal(altered(images), images)


def test_strokes_grow_and_shrink_and_stay_where_they_are(images):
    wider, narrower = altered(images, stroke=1.0), altered(images, stroke=-1.0)
    assert (wider >= images).all()
    assert (narrower <= images).all()
    assert wider.mean() > 1.2 * images.mean() > 1.2 * 1.2 * narrower.mean()
    half = altered(images, stroke=0.5)
    np.testing.assert_allclose(half, (wider + images) / 2, atol=1e-6)


@pytest.mark.parametrize("change", [{"blur": 1.2}, {"cell": 2.5}])
def test_softening_keeps_the_ink_and_takes_the_edges(images, change):
    inner = images.copy()
    inner[:, :4] = inner[:, -4:] = inner[:, :, :4] = inner[:, :, -4:] = 0.0
    soft = altered(inner, **change)
    np.testing.assert_allclose(soft.sum(axis=(1, 2)), inner.sum(axis=(1, 2)), rtol=0.02)

    def steepness(a):
        return np.abs(np.diff(a, axis=1)).mean()

    assert steepness(soft) < 0.8 * steepness(inner)


def test_blur_is_a_gaussians():
    from scipy.ndimage import gaussian_filter

    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 10:17, 13] = 1.0
    expected = gaussian_filter(image[0, ..., 0], 1.2, truncate=8)
    np.testing.assert_allclose(altered(image, blur=1.2)[0, ..., 0], expected, atol=1e-5)


def test_shade_takes_black_and_white_where_it_says(images):
    shaded = altered(images, ink=0.7, paper=(0.2, 0.1, 0.0))
    assert shaded.max() == pytest.approx(0.7)
    blank = altered(np.zeros((1, 28, 28, 1), np.float32), ink=0.7, paper=(0.2, 0.1, 0.0))
    np.testing.assert_allclose(blank[0, :, 5, 0], np.linspace(0.1, 0.3, 28), atol=1e-6)
    np.testing.assert_allclose(blank[0, 5, :, 0], blank[0, 5, 0, 0], atol=1e-6)


def test_noise_is_of_the_deviation_drawn():
    grey = np.full((4, 28, 28, 1), 0.5, np.float32)
    noisy = altered(grey, noise=0.1)
    assert (noisy - grey).std() == pytest.approx(0.1, rel=0.05)


@given(
    n=st.integers(0, 5),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_any_shape_stays_in_range_and_is_repeated_by_its_seed(n, height, width, channels, seed):
    images = np.random.default_rng(0).random((n, height, width, channels), dtype=np.float32)
    before = images.copy()

    def make():
        rng = np.random.default_rng(seed)
        return apply_corruptions(images, draw_appearance(n, rng), rng)

    made = make()
    assert made.shape == images.shape
    assert made.dtype == np.float32
    assert made.size == 0 or (made.min() >= 0 and made.max() <= 1)
    np.testing.assert_array_equal(made, make())
    np.testing.assert_array_equal(images, before)


def test_each_change_is_drawn_for_about_half_of_the_images():
    drawn = draw_appearance(4000, np.random.default_rng(0))
    softened = (drawn.blur > 0) | (drawn.cell > 1)
    shaded = drawn.ink < 1
    for changed in (drawn.stroke != 0, softened, shaded, drawn.noise > 0):
        assert changed.mean() == pytest.approx(0.5, abs=0.04)
    assert not ((drawn.blur > 0) & (drawn.cell > 1)).any()
