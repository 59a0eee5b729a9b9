import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from digitcnn.augmentation.distortion import (
    AffineParameters,
    Distortion,
    affine_matrices,
    apply_view,
    draw_affine,
    draw_elastic,
    draw_views,
    warp,
)

STRONG = Distortion(rotation_range=30, zoom_range=(0.7, 1.3), shift_range=0.2, shear_range=20)


@pytest.fixture(scope="module")
def images(digits):
    return digits[0].reshape(-1, 8, 8, 1)


def reference_generator(fill_mode):
    """Keras's own class, which the package's distortions must equal."""
    tf = pytest.importorskip("tensorflow", reason="ImageDataGenerator comes with TensorFlow")
    return tf.keras.preprocessing.image.ImageDataGenerator(fill_mode=fill_mode, cval=0.0)


# Zoom 1 draws factors from 0 to 2, as the second notebook does.
@pytest.mark.parametrize("zoom_range", [(0.9, 1.1), (0.0, 2.0)])
@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
def test_distortion_equals_image_data_generators_over_many_draws(images, fill_mode, zoom_range):
    distortion = Distortion(
        rotation_range=180, zoom_range=zoom_range, shift_range=0.3, shear_range=40
    )
    batch = images[:200]
    drawn = draw_affine(distortion, len(batch), (8, 8), np.random.default_rng(5))
    ours = warp(batch, affine_matrices(drawn, (8, 8)), fill_mode=fill_mode)
    reference = reference_generator(fill_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras's use of SciPy's old names
        theirs = [
            reference.apply_transform(image.astype(np.float32), one)
            for image, one in zip(batch, map(as_dict, zip(*drawn, strict=True)), strict=True)
        ]
    # On the scale 0..1, as the network sees them.
    assert np.abs(ours - np.stack(theirs)).max() / 255 < 1e-3


def as_dict(drawn):
    return dict(zip(AffineParameters._fields, drawn, strict=True))


def only(**parameters):
    """Parameters of one image that change nothing but what is named."""
    neutral = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1, **parameters}
    return AffineParameters(**{k: np.array([float(v)]) for k, v in neutral.items()})


@pytest.mark.parametrize("shape", [(8, 8), (4, 7), (1, 5)])
def test_half_turn_about_the_centre_reverses_an_image_of_any_shape(shape):
    image = np.random.default_rng(0).random((1, *shape, 2), dtype=np.float32)
    turned = warp(image, affine_matrices(only(theta=180), shape))
    np.testing.assert_allclose(turned, image[:, ::-1, ::-1], atol=1e-4)


def test_shift_moves_columns_and_rows_by_whole_pixels():
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)
    moved = warp(image, affine_matrices(only(tx=1, ty=0), (3, 4)), fill_mode="constant")
    np.testing.assert_array_equal(moved[0, :, :-1], image[0, :, 1:])
    assert (moved[0, :, -1] == 0).all()


def test_constant_fill_is_the_value_given():
    image = np.full((1, 4, 4, 1), 9.0)
    moved = warp(image, affine_matrices(only(ty=2), (4, 4)), fill_mode="constant", fill_value=255.0)
    np.testing.assert_array_equal(moved[0, :, 0, 0], [9, 9, 255, 255])


@given(st.floats(0, 180), st.floats(0, 0.99), st.floats(0, 1), st.floats(0, 80), st.integers(0, 99))
@settings(max_examples=25)
def test_drawn_parameters_lie_within_their_ranges(rotation, zoom, shift, shear, seed):
    distortion = Distortion(rotation, (1 - zoom, 1 + zoom), shift, shear)
    drawn = draw_affine(distortion, 50, (6, 10), np.random.default_rng(seed))
    assert np.abs(drawn.theta).max() <= rotation
    assert np.abs(drawn.tx).max() <= shift * 10
    assert np.abs(drawn.ty).max() <= shift * 6
    assert np.abs(drawn.shear).max() <= shear
    for factors in (drawn.zx, drawn.zy):
        assert factors.min() >= 1 - zoom
        assert factors.max() <= 1 + zoom


def test_zoom_is_drawn_for_each_axis():
    drawn = draw_affine(STRONG, 100, (8, 8), np.random.default_rng(0))
    assert np.abs(np.corrcoef(drawn.zx, drawn.zy)[0, 1]) < 0.3
    assert drawn.zx.std() > 0.1


@pytest.mark.parametrize(("side", "sigma"), [((28, 28), 4.0), ((10, 16), 2.0)])
def test_elastic_displacements_are_distributed_as_smoothed_noise(side, sigma):
    """Simard's: uniform noise for each pixel, smoothed, times alpha; against SciPy's Gaussian."""
    distortion = Distortion(elastic_alpha=8.0, elastic_sigma=sigma)
    rng = np.random.default_rng(0)
    ours = draw_elastic(distortion, 3000, side, rng).reshape(-1, *side)
    noise = rng.uniform(-1, 1, ours.shape)
    theirs = 8.0 * gaussian_filter(noise, (0, sigma, sigma), mode="constant", truncate=8)
    assert abs(ours.mean()) < 0.01
    # How large they are at each pixel, and how alike at neighbouring ones.
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.08)
    for axis in (1, 2):
        lag = [
            np.mean(np.diff(field, axis=axis) ** 2) / np.mean(field**2) for field in (ours, theirs)
        ]
        assert lag[0] == pytest.approx(lag[1], rel=0.08)


def test_elastic_displacement_is_added_to_the_affine_coordinates(images):
    batch = images[:5]
    shift = np.zeros((5, 2, 8, 8), np.float32)
    shift[:, 0] = 1.0
    matrices = affine_matrices(
        draw_affine(Distortion(), 5, (8, 8), np.random.default_rng(0)), (8, 8)
    )
    np.testing.assert_array_equal(warp(batch, matrices, shift)[:, :, :-1], batch[:, :, 1:])


def test_views_begin_with_the_picture_as_it_is_and_are_always_the_same(images):
    views = draw_views(5, (8, 8))
    assert views.shape == (5, 2, 3)
    np.testing.assert_array_equal(draw_views(3, (8, 8)), views[:3])
    assert draw_views(1, (8, 8)).shape == (1, 2, 3)
    np.testing.assert_allclose(apply_view(images, views[0]), images, atol=1e-4)
    for view in views[1:]:
        other = apply_view(images, view)
        assert other.shape == images.shape
        # The same picture, a little moved.
        assert 0.8 < np.corrcoef(other.ravel(), images.ravel())[0, 1] < 0.999


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_any_number_of_pictures_is_looked_at_again(images, n):
    view = draw_views(2, (8, 8))[1]
    np.testing.assert_array_equal(apply_view(images[:n], view), apply_view(images, view)[:n])
