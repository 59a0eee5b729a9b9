import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn import DigitCNNClassifier
from digitcnn._validation import (
    ARCHITECTURE_NAMES,
    OPTIMIZER_NAMES,
    RULES,
    check_parameters,
    resolve_image_shape,
    resolve_pixel_range,
)


def test_every_parameter_has_a_rule_that_its_default_keeps():
    parameters = DigitCNNClassifier().get_params()
    assert set(parameters) == set(RULES)
    check_parameters(parameters)


def test_names_in_the_rules_are_those_that_are_there():
    from digitcnn.networks import ARCHITECTURES
    from digitcnn.optimizers import OPTIMIZERS

    assert set(ARCHITECTURE_NAMES) == set(ARCHITECTURES)
    assert set(OPTIMIZER_NAMES) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("architecture", "resnet", "'compact' or 'elu-bn' or 'relu-dropout', or a callable"),
        ("epochs", 0, "'auto', or a whole number from 1 up"),
        ("epochs", 2.5, "a whole number"),
        ("epochs", True, "a whole number"),
        ("batch_size", -1, "a whole number from 1 up"),
        ("optimizer", "lion", "'adam' or 'adamw'"),
        ("learning_rate", 0, "a number above 0"),
        ("learning_rate", float("nan"), "a number above 0"),
        ("dropout", 1.0, "0 to below 1"),
        ("rotation_range", -5, r"from 0 up to 180 \(degrees\)"),
        ("zoom_range", (1.2, 0.8), "a pair of factors"),
        ("zoom_range", 1.5, "from 0 up to 1"),
        ("shift_range", "0.1", "of the side"),
        ("fill_mode", "reflect", "'nearest' or 'constant'"),
        ("schedule", "cosine", "'plateau' or 'one_cycle' or None"),
        ("plateau_factor", 1.0, "between 0 and 1"),
        ("validation_fraction", 0, "between 0 and 1"),
        ("class_weight", [1, 2], "'balanced'"),
        ("random_state", -1, "from 0 up"),
        ("image_shape", (8,), "height, width"),
        ("pixel_range", (1, 0), r"\(low, high\)"),
        ("precision", "float16", "'bfloat16'"),
        ("device", "tpu", "'gpu:N'"),
        ("callbacks", ["x"], "a list of Keras callbacks"),
    ],
)
def test_parameter_that_breaks_its_rule_is_named_with_what_is_wanted(name, value, wanted):
    with pytest.raises(ValueError, match=rf"^{name}=.*: wanted is .*{wanted}"):
        check_parameters({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("zoom_range", 1.0),
        ("zoom_range", (0, 2)),
        ("zoom_range", [0.9, 1.1]),
        ("epochs", np.int64(3)),
        ("learning_rate", np.float32(0.1)),
        ("optimizer", keras.optimizers.SGD(0.1)),
        ("callbacks", [keras.callbacks.Callback()]),
        ("random_state", np.random.RandomState(0)),
        ("device", "gpu:1"),
        ("architecture", lambda image_shape, n_classes: None),
    ],
)
def test_parameter_within_its_rule_is_taken(name, value):
    check_parameters({name: value})


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
