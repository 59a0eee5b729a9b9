import keras
import numpy as np
import pytest

from digitcnn import DigitCNNClassifier
from digitcnn._utils.parameters import ARCHITECTURE_NAMES, OPTIMIZER_NAMES, RULES, check_parameters


def test_every_parameter_has_a_rule_that_its_default_keeps():
    parameters = DigitCNNClassifier().get_params()
    assert set(parameters) == set(RULES)
    check_parameters(parameters)


def test_names_in_the_rules_are_those_that_are_there():
    from digitcnn.architectures import ARCHITECTURES
    from digitcnn.backend.optimizers import OPTIMIZERS

    assert set(ARCHITECTURE_NAMES) == set(ARCHITECTURES)
    assert set(OPTIMIZER_NAMES) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "architecture",
            "resnet",
            "'auto' or 'compact' or 'elu-bn' or 'relu-dropout' or 'slim', or a function",
        ),
        ("architecture", keras.Sequential(), "a function that builds .*not the model itself"),
        ("architecture", keras.Sequential, "a function that builds .*nor its class"),
        ("epochs", 0, "'auto', or a whole number from 1 up"),
        ("epochs", 2.5, "a whole number"),
        ("epochs", True, "a whole number"),
        ("epochs", np.True_, "a whole number"),
        ("fill_mode", np.str_("reflect"), "'nearest' or 'constant'"),
        ("warm_start", np.int64(1), "True or False"),
        ("batch_size", -1, "a whole number from 1 up"),
        ("optimizer", "lion", "'adam' or 'adamw'"),
        ("optimizer", keras.optimizers.SGD, "a Keras optimizer .*an instance, not its class"),
        ("learning_rate", 0, "a number above 0"),
        ("learning_rate", float("nan"), "a number above 0"),
        ("dropout", 1.0, "a number from 0 to below 1"),
        ("rotation_range", -5, r"from 0 up to 180 \(degrees\)"),
        ("zoom_range", (1.2, 0.8), "a pair of factors"),
        ("zoom_range", 1.5, "from 0 up to 1"),
        ("shift_range", "0.1", "of the side"),
        ("fill_mode", "reflect", "'nearest' or 'constant'"),
        ("corruption_rate", 1.5, "from 0 up to 1"),
        ("temperature", 0, "'auto', or a number above 0"),
        ("test_time_augmentation", -1, "from 0 up"),
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
def test_parameter_that_breaks_its_rule_is_named_with_what_is_expected(name, value, expected):
    with pytest.raises(ValueError, match=rf"^expected {name} to be .*{expected}.*, got "):
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
        ("device", np.str_("gpu:1")),
        ("optimizer", np.str_("sgd")),
        ("fill_mode", np.str_("constant")),
        ("epochs", np.str_("auto")),
        ("learning_rate", "auto"),
        ("temperature", np.str_("auto")),
        ("class_weight", np.str_("balanced")),
        ("early_stopping", np.True_),
        ("verbose", np.False_),
        ("image_shape", (np.int64(8), np.int8(8))),
        ("of_a_subclass", object()),
        ("architecture", lambda image_shape, n_classes: None),
    ],
)
def test_parameter_within_its_rule_is_taken(name, value):
    check_parameters({name: value})
