import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn._validation import resolve_image_shape, resolve_pixel_range


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
        (np.array([0, 1], np.uint8), (0, 255)),
        (np.array([0.0, 1.0]), (0, 1)),
        (np.array([0.0, 16.0]), (0, 255)),
        (np.array([0, 255]), (0, 255)),
        (np.array([False, True]), (0, 1)),
    ],
)
def test_auto_pixel_range_tells_the_two_scales_apart(numbers, expected):
    assert resolve_pixel_range("auto", numbers) == expected


@pytest.mark.parametrize("numbers", [[-1.0, 1.0], [0.0, 256.0], [0.0, 65535.0]])
def test_auto_pixel_range_refuses_other_scales_with_what_was_found(numbers):
    with pytest.raises(ValueError, match=f"from {numbers[0]:g} to {numbers[1]:g}; wanted"):
        resolve_pixel_range("auto", np.array(numbers))


def test_data_pixel_range_is_the_datas():
    assert resolve_pixel_range("data", np.array([-3.0, 9.0])) == (-3, 9)
