"""A graph predicts the same as the Keras model with its layers and weights, without Keras."""

import subprocess
import sys

import keras
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings

from conftest import make_classifier
from digitcnn.architectures import ARCHITECTURES
from digitcnn.backend.build import to_keras
from digitcnn.inference.graph import FittedNetwork, build_graph, input_dtype
from digitcnn.layers import Conv2D, Dense, Flatten, ReLU
from layer_stacks import networks, random_weights


def run(graph, images):
    data = graph.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {"images": images})


@pytest.mark.slow
# Of a stack that has one channel left, which is what its author says.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@given(networks())
@settings(max_examples=30)
def test_any_stack_of_layers_answers_as_keras_has_it(network):
    image_shape, stack = network
    weights = random_weights(stack, image_shape)
    model = to_keras(stack, image_shape)
    model.set_weights(weights)
    images = np.random.default_rng(1).random((4, *image_shape), dtype=np.float32)
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    graph = build_graph(
        [FittedNetwork(stack, weights, image_shape, (0.0, 1.0))], np.array(["a", "b", "c"])
    )
    labels, probabilities = run(graph, images)
    np.testing.assert_allclose(probabilities, expected, atol=2e-5)
    assert (labels == np.array(["a", "b", "c"])[probabilities.argmax(axis=1)]).all()


def a_network(**settings):
    stack, image_shape = (Flatten(), Dense(2, "softmax")), (3, 3, 1)
    values = {"weights": random_weights(stack, image_shape), "pixel_range": (0.0, 255.0)}
    return FittedNetwork(layers=stack, image_shape=image_shape, **{**values, **settings})


def test_temperature_divides_the_logits_and_an_ensemble_has_the_mean():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 3, 1), dtype=np.uint8)
    one, cooler = a_network(), a_network(temperature=2.0)
    _, first = run(build_graph([one], np.arange(2)), images)
    _, second = run(build_graph([cooler], np.arange(2)), images)
    logits = np.log(first) / 2
    np.testing.assert_allclose(
        second, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-5
    )
    _, both = run(build_graph([one, cooler], np.arange(2)), images)
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights[:-1],
        lambda weights: [*weights, weights[-1]],
        lambda weights: [weights[0].T, weights[1]],
    ],
)
def test_weights_that_are_not_the_layers_are_refused(change):
    weights = a_network().weights
    with pytest.raises(ValueError, match=r"expected weights of shapes \[\(9, 2\), \(2,\)\], got"):
        build_graph([a_network(weights=change(weights))], np.arange(2))


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (ReLU(threshold=0.1), r"expected threshold=0 for .* ReLU\(threshold=0.1\)"),
        (Dense(4), "expected a Flatten or a global pooling before it"),
        (Conv2D(2, 2, activation="gelu"), "expected activation=None or 'softmax' or 'elu'"),
        (Conv2D(2, 2, data_format="channels_first"), "expected data_format='channels_last'"),
    ],
)
def test_layer_that_no_graph_has_is_refused(layer, says):
    stack, image_shape = (layer, Flatten(), Dense(2)), (4, 4, 4)
    weights = random_weights(stack, image_shape)
    with pytest.raises(ValueError, match=says):
        build_graph([FittedNetwork(stack, weights, image_shape, (0, 1))], np.arange(2))


@pytest.mark.parametrize(
    ("pixel_range", "dtype"),
    [((0, 255), np.uint8), ((0, 1), np.float32), ((-1, 9), np.float32), ((0, 9.5), np.float32)],
)
def test_images_are_bytes_where_the_pixels_are(pixel_range, dtype):
    assert input_dtype(pixel_range) == dtype


WITHOUT_KERAS = """
import sys
import numpy as np
import onnxruntime
from digitcnn.architectures import get_layers
from digitcnn.inference.graph import FittedNetwork, build_graph
from digitcnn.serialization.schema import read_model

for name in sys.argv[1:]:
    model = read_model(name)
    networks = [
        FittedNetwork(
            get_layers(one.parameters["architecture"], one.image_shape, len(one.classes)),
            one.weights,
            one.image_shape,
            one.pixel_range,
            one.temperature,
            one.parameters["test_time_augmentation"],
            one.parameters["fill_mode"],
        )
        for one in model.networks
    ]
    graph = build_graph(networks, model.networks[0].classes)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    _, probabilities = session.run(None, {"images": np.load("X.npy")})
    np.save(name + ".npy", probabilities)
found = {"keras", "tensorflow", "jax", "torch", "scikeras"} & set(sys.modules)
assert not found, found
"""


@pytest.mark.slow
def test_model_file_becomes_a_graph_without_keras(digits, tmp_path):
    X, y = digits
    np.save(tmp_path / "X.npy", X[:50].reshape(-1, 8, 8, 1))
    settings = {"epochs": 1, "precision": "float32", "test_time_augmentation": 3}
    models = {name: make_classifier(architecture=name, **settings) for name in ARCHITECTURES}
    for name, clf in models.items():
        clf.fit(X[:100], y[:100]).save(tmp_path / name)
    subprocess.run([sys.executable, "-c", WITHOUT_KERAS, *models], cwd=tmp_path, check=True)
    for name, clf in models.items():
        expected = clf.predict_proba(X[:50])
        assert np.ptp(expected, axis=0).max() > 1e-3
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-4)
