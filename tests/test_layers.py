"""What a description says of a layer is what Keras makes of it."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from digitcnn.backend.build import describe, to_keras
from digitcnn.layers import LAYERS, Conv2D, Dense, MaxPooling2D, trace_shapes
from layer_stacks import networks


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@given(networks())
@settings(max_examples=25)
def test_shapes_are_those_of_keras(network):
    image_shape, stack = network
    model = to_keras(stack, image_shape)
    steps = list(trace_shapes(stack, image_shape))
    for step, layer in zip(steps, model.layers, strict=True):
        assert step.input_shape == tuple(layer.input.shape[1:])
        assert step.output_shape == tuple(layer.output.shape[1:])
        assert step.weight_shapes == [tuple(weight.shape) for weight in layer.weights]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@given(networks())
@settings(max_examples=25)
def test_model_is_described_as_what_it_was_made_from(network):
    image_shape, stack = network
    model = to_keras(stack, image_shape, seed=1)
    described = describe(model)
    assert [type(layer) for layer in described] == [type(layer) for layer in stack]
    assert (
        to_keras(described, image_shape, seed=1).get_config()["layers"]
        == (model.get_config()["layers"])
    )


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layer_has_the_defaults_of_kerass_layer(name):
    required = {"Activation": ["elu"], "Conv2D": [2, 3], "Dense": [4], "Dropout": [0.1]}
    values = {**required, "AveragePooling2D": [2]}.get(name, [])
    (described,) = describe(keras.Sequential([getattr(keras.layers, name)(*values)]))
    (mine,) = describe(to_keras((LAYERS[name](*values),), (8, 8, 1)))
    assert mine == described


def test_layer_prints_as_the_settings_that_are_not_the_defaults():
    assert str(Conv2D(8, (3, 2), use_bias=False)) == (
        "Conv2D(filters=8, kernel_size=(3, 2), use_bias=False)"
    )
    assert str(MaxPooling2D()) == "MaxPooling2D()"


def test_image_too_large_for_any_memory_has_shapes():
    stack = [Conv2D(4, 3, padding="same"), MaxPooling2D(), Dense(2)]
    (_, _, last) = trace_shapes(stack, (10**9, 10**9, 10**6))
    assert last.output_shape == (5 * 10**8, 5 * 10**8, 2)


@pytest.mark.parametrize("setting", ["channels_first", "channels_last"])
def test_description_does_not_hang_on_the_users_image_data_format(setting):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(setting)
    try:
        model = to_keras((Conv2D(2, 3), MaxPooling2D()), (8, 6, 1))
    finally:
        keras.config.set_image_data_format(before)
    assert model.output_shape == (None, 3, 2, 2)
    images = np.zeros((1, 8, 6, 1), np.float32)
    assert model(images).shape == (1, 3, 2, 2)
