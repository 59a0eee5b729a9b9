import random

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.architectures import ARCHITECTURES, get_layers, weight_shapes
from digitcnn.backend.build import build, reseed
from digitcnn.layers import trace_shapes

OPTIONS = {"dropout": None, "seed": 3, "dtype": "float32"}


def n_trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [
        ("elu-bn", 1_245_322, 1_244_426),
        ("relu-dropout", 594_922, 594_922),
        ("compact", 300_298, 299_402),
        ("slim", 269_194, 268_426),
    ],
)
def test_architecture_for_mnist_has_its_number_of_parameters(name, parameters, trainable):
    model = build(name, (28, 28, 1), 10, **OPTIONS)
    assert model.count_params() == parameters
    assert n_trainable(model) == trainable


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("elu-bn", "Conv2D MaxPooling2D BatchNormalization Conv2D Conv2D MaxPooling2D "
         "BatchNormalization Conv2D MaxPooling2D BatchNormalization Flatten Dense Dense"),
        ("relu-dropout", "Conv2D Conv2D MaxPooling2D Dropout Conv2D Conv2D MaxPooling2D Dropout "
         "Flatten Dense Dropout Dense"),
    ],
)  # fmt: skip
def test_notebook_architecture_has_the_notebooks_layers(name, kinds):
    model = build(name, (28, 28, 1), 10, **OPTIONS)
    assert [type(layer).__name__ for layer in model.layers] == kinds.split()


def test_relu_dropout_has_the_shapes_of_the_notebook():
    model = build("relu-dropout", (28, 28, 1), 10, **OPTIONS)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.output.shape[1] for layer in convolutions] == [26, 24, 10, 8]
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {
        0.05
    }


@pytest.mark.parametrize(
    ("side", "expected"), [(1, 1), (8, 8), (13, 13), (14, 7), (16, 8), (20, 8), (28, 12), (56, 26)]
)
def test_default_network_leaves_small_images_all_their_pixels(side, expected):
    image_shape = (side, side + 3, 1)
    for name in ("compact", "slim"):
        first, *_ = trace_shapes(get_layers(name, image_shape, 10), image_shape)
        assert first.output_shape[0] == expected


@pytest.mark.parametrize("name", ["compact", "elu-bn", "slim"])
def test_momentum_is_that_of_every_normalisation_and_of_nothing_else(name):
    own, other = (build(name, (8, 8, 1), 10, momentum=one, **OPTIONS) for one in (None, 0.5))
    kind = keras.layers.BatchNormalization
    assert {one.momentum for one in other.layers if isinstance(one, kind)} == {0.5}
    assert {one.momentum for one in own.layers if isinstance(one, kind)} <= {0.9, 0.99}
    for one, two in zip(own.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 3),
    n_classes=st.integers(2, 4),
)
@settings(max_examples=12)
def test_architecture_takes_images_of_any_side(name, height, width, channels, n_classes):
    model = build(name, (height, width, channels), n_classes, **OPTIONS)
    images = np.random.default_rng(0).random((2, height, width, channels), dtype=np.float32)
    probabilities = keras.ops.convert_to_numpy(model(images))
    assert probabilities.shape == (2, n_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_seed_decides_the_initial_weights(name):
    def kernels(seed):
        model = build(name, (8, 8, 1), 10, dropout=None, seed=seed, dtype="float32")
        return [w for w in model.get_weights() if w.ndim > 1]

    first, again, other = kernels(1), kernels(1), kernels(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert len({a.tobytes() for a in first}) == len(first)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_network_that_is_reseeded_is_one_that_was_built_with_the_seed(name):
    options = {"dropout": 0.2, "dtype": "float32"}
    model, expected = (build(name, (8, 8, 1), 10, seed=seed, **options) for seed in (1, 2))
    for variable in model.variables:  # as a training leaves them
        variable.assign(variable + 1)
    reseed(model, 2)
    for here, there in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (here, there)))
    assert model.get_config() == expected.get_config()


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_precision_is_each_layers_own_and_the_softmax_is_float32(name):
    model = build(name, (8, 8, 1), 10, dropout=None, seed=0, dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.layers[:-1]} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"
    assert {str(w.dtype) for w in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(("dropout", "rate"), [(None, 0.1), (0.4, 0.4)])
def test_dropout_replaces_the_architectures_own(dropout, rate):
    model = build("compact", (8, 8, 1), 10, dropout=dropout, seed=0, dtype="float32")
    (layer,) = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert layer.rate == rate


def test_building_draws_from_no_global_generator():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for name in ARCHITECTURES:
        build(name, (8, 8, 1), 10, **OPTIONS)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_building_counts_up_none_of_keras_names():
    def number_of_next():
        return int("0" + keras.layers.Dense(1).name.removeprefix("dense").lstrip("_"))

    number = number_of_next()
    for name in ARCHITECTURES:
        build(name, (8, 8, 1), 10, **OPTIONS)
    assert number_of_next() == number + 1


def unseeded(image_shape, n_classes, **options):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dropout(options["dropout"] or 0.1),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


def test_callable_with_unseeded_layers_is_decided_by_the_seed_and_seeds_nothing_else():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, again = (build(unseeded, (8, 8, 1), 10, **OPTIONS) for _ in range(2))
    assert np.array_equal(first.get_weights()[0], again.get_weights()[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_callable_gets_only_the_options_it_has_parameters_for():
    def plain(image_shape, n_classes, seed):
        assert seed == 3
        return unseeded(image_shape, n_classes, dropout=0.2)

    assert build(plain, (8, 8, 1), 4, **OPTIONS).output_shape == (None, 4)


def test_callable_that_returns_no_model_is_refused():
    with pytest.raises(TypeError, match=r"to return a keras.Model, got a NoneType"):
        build(lambda image_shape, n_classes: None, (8, 8, 1), 10, **OPTIONS)


def test_callable_with_another_number_of_outputs_is_refused():
    with pytest.raises(ValueError, match=r"output of shape \(None, 10\) .*got shape \(None, 7\)"):
        build(lambda shape, n: unseeded(shape, 7, dropout=0), (8, 8, 1), 10, **OPTIONS)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("image_shape", [(28, 28, 1), (8, 8, 3), (1, 1, 1), (5, 23, 2)])
def test_shapes_of_the_weights_are_known_without_building_the_network(architecture, image_shape):
    built = build(architecture, image_shape, 7).get_weights()
    assert weight_shapes(architecture, image_shape, 7) == [array.shape for array in built]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shapes_of_a_network_too_large_for_any_memory_are_known(architecture):
    shapes = weight_shapes(architecture, (100_000, 100_000, 1_000_000), 10)
    assert shapes[0][2] == 1_000_000
