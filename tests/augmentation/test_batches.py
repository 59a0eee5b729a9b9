import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.augmentation import batches as batches_module
from digitcnn.augmentation.batches import DigitBatches, scale
from digitcnn.augmentation.distortion import Distortion

STRONG = Distortion(rotation_range=30, zoom_range=(0.7, 1.3), shift_range=0.2, shear_range=20)


@pytest.fixture(scope="module")
def images(digits):
    return digits[0].reshape(-1, 8, 8, 1)


def batches(images, y, **parameters):
    return DigitBatches(
        images,
        y,
        parameters.pop("weights", None),
        pixel_range=(0.0, 255.0),
        **{"batch_size": 32, **parameters},
    )


@given(n=st.integers(1, 100), batch_size=st.integers(1, 40), shuffle=st.booleans())
@settings(max_examples=30)
def test_every_image_is_in_an_epoch_once_and_the_last_batch_may_be_smaller(
    digits, n, batch_size, shuffle
):
    X, _ = digits
    data = batches(X[:n].reshape(-1, 8, 8, 1), np.arange(n), batch_size=batch_size, shuffle=shuffle)
    parts = [data[i] for i in range(len(data))]
    assert [len(codes) for _, codes in parts[:-1]] == [batch_size] * (len(parts) - 1)
    assert 1 <= len(parts[-1][1]) <= batch_size
    codes = np.concatenate([codes for _, codes in parts])
    np.testing.assert_array_equal(np.sort(codes), np.arange(n))
    pixels = np.concatenate([images for images, _ in parts])
    np.testing.assert_allclose(pixels.reshape(n, -1), X[codes] / 255, atol=1e-6)
    assert pixels.dtype == np.float32


@pytest.mark.parametrize("corruption_rate", [0.0, 0.5])
@pytest.mark.parametrize("elastic_alpha", [0.0, 4.0])
def test_batch_depends_on_seed_epoch_and_place_alone(
    images, digits, elastic_alpha, corruption_rate
):
    options = {
        "distortion": Distortion(rotation_range=10, elastic_alpha=elastic_alpha),
        "corruption_rate": corruption_rate,
    }

    def made(seed):
        return batches(images[:70], digits[1][:70], shuffle=True, seed=seed, **options)

    one, two, other = made(1), made(1), made(2)
    first = one[2][0]
    for index in (0, 1, 2):
        two[index]
    np.testing.assert_array_equal(two[2][0], first)
    assert not np.array_equal(other[2][0], first)
    one.on_epoch_end()
    assert not np.array_equal(one[2][0], first)


def test_small_last_batch_is_distorted_like_any_other(images, digits):
    data = batches(images[:33], digits[1][:33], distortion=STRONG)
    last, codes = data[1]
    assert last.shape == (1, 8, 8, 1)
    assert codes[0] == digits[1][32]
    assert not np.allclose(last, images[32:33] / 255, atol=0.01)


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_part_of_the_images_is_altered(images, digits, rate):
    data = batches(images[:640], digits[1][:640], corruption_rate=rate)
    pixels = np.concatenate([part for part, _ in data.in_order()])
    changed = (pixels != scale(images[:640], (0.0, 255.0))).any(axis=(1, 2, 3))
    # One image in sixteen gets none of the four changes.
    assert changed.mean() == pytest.approx(rate * 15 / 16, abs=0.05)
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_batches_without_distortion_leave_images_and_carry_weights(images, digits):
    weights = np.arange(40, dtype=np.float32)
    data = batches(images[:40], digits[1][:40], weights=weights, shuffle=True)
    for index in range(2):
        pixels, codes, part = data[index]
        rows = part.astype(int)
        np.testing.assert_array_equal(codes, digits[1][rows])
        np.testing.assert_allclose(pixels, images[rows] / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_scale_brings_the_range_to_0_and_1(dtype):
    numbers = np.array([10, 60, 110], dtype)
    scaled = scale(numbers, (10.0, 110.0))
    np.testing.assert_allclose(scaled, [0, 0.5, 1], atol=1e-6)
    assert scaled.dtype == np.float32


def test_scale_keeps_small_differences_on_a_large_offset():
    numbers = np.array([1e9, 1e9 + 1, 1e9 + 2])
    np.testing.assert_allclose(scale(numbers, (1e9, 1e9 + 2)), [0, 0.5, 1], atol=1e-6)


def test_scale_of_constant_data_is_zero():
    np.testing.assert_array_equal(scale(np.full(3, 7.0), (7.0, 7.0)), [0, 0, 0])


@pytest.mark.parametrize("corruption_rate", [0.0, 0.5])
@pytest.mark.parametrize("elastic_alpha", [0.0, 4.0])
@pytest.mark.parametrize("group", [1, 3 * 32 * 64, 10**9])
def test_batches_in_order_are_those_asked_for_one_by_one(
    images, digits, monkeypatch, elastic_alpha, corruption_rate, group
):
    monkeypatch.setattr(batches_module, "_GROUP", group)
    distortion = Distortion(rotation_range=10, elastic_alpha=elastic_alpha)
    weights = np.arange(230, dtype=np.float32)
    made = batches(
        images[:230],
        digits[1][:230],
        weights=weights,
        distortion=distortion,
        corruption_rate=corruption_rate,
        shuffle=True,
    )
    together = list(made.in_order())
    assert len(together) == len(made) == 8
    for index, batch in enumerate(together):
        for a, b in zip(batch, made[index], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("side", [8, 28])
def test_distortion_is_compiled_for_few_numbers_of_images(monkeypatch, digits, side):
    sizes = set()
    warp = batches_module.warp

    def count(images, *arguments, **fill):
        sizes.add(len(images))
        return warp(images, *arguments, **fill)

    monkeypatch.setattr(batches_module, "warp", count)
    X = np.resize(digits[0], (300, side, side, 1))
    for n in range(1, 300, 7):
        data = batches(X[:n], np.arange(n), batch_size=256, distortion=STRONG)
        assert sum(len(codes) for _, codes in data.in_order()) == n
    assert len(sizes) <= 2
