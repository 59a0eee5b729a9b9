"""The short way through a network gives what Keras's own way gives."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from digitcnn.backend.build import build

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends have Keras's steps alone", allow_module_level=True)

import tensorflow as tf

from digitcnn.backend.tensorflow import forward

NAMES = ("compact", "elu-bn", "relu-dropout")


def some_images(n, side=10, channels=1, seed=0):
    return np.random.default_rng(seed).random((n, side, side, channels), dtype=np.float32)


def twins(name, **options):
    """Two equal networks, the weights away from their starts."""
    options = {"dropout": 0.0, "seed": 1, "dtype": "float32", **options}
    one, two = (build(name, (10, 10, 1), 4, **options) for _ in range(2))
    rng = np.random.default_rng(5)
    weights = [w + rng.uniform(-0.05, 0.05, w.shape) for w in one.get_weights()]
    one.set_weights(weights)
    two.set_weights(weights)
    return one, two


def short_way(model, **options):
    return tf.function(lambda images: forward(model, images, **options), autograph=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_forward_gives_kerass_answers_gradients_and_moving_averages(name, training):
    one, two = twins(name)
    images = tf.constant(some_images(9))
    direction = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
    results = []
    for model, way in ((one, short_way(one, training=training)), (two, None)):
        with tf.GradientTape() as tape:
            answers = way(images) if way else model(images, training=training)
            value = tf.reduce_sum(answers * direction)
        gradients = tape.gradient(value, model.trainable_variables)
        results.append((answers, gradients, model.get_weights()))
    for mine, kerass in zip(*results, strict=True):
        for a, b in zip(mine, kerass, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6 + 1e-4 * np.abs(b).max())


@pytest.mark.parametrize("name", NAMES)
def test_forward_in_bfloat16_stays_as_near_to_float32_as_kerass(name):
    # The loss of bfloat16 alone is some thousandths.
    one, two = twins(name, dtype="mixed_bfloat16")
    images = tf.constant(some_images(64))
    exact = twins(name)[0](images, training=True).numpy()
    mine = short_way(one, training=True)(images).numpy()
    assert mine.dtype == np.float32
    kerass = two(images, training=True).numpy()
    assert np.abs(mine - exact).mean() <= 1.5 * np.abs(kerass - exact).mean() + 1e-4


@given(
    activation=st.sampled_from(["elu", "relu", "tanh", "linear", None]),
    padding=st.sampled_from(["same", "valid"]),
    pool=st.integers(1, 3),
    strides=st.integers(1, 2),
    use_bias=st.booleans(),
    scale=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_any_stack_of_common_layers_answers_as_keras_has_it(
    activation, padding, pool, strides, use_bias, scale, seed
):
    stack = [
        layers.Conv2D(3, 3, strides, padding, activation=activation, use_bias=use_bias),
        layers.MaxPooling2D(pool, padding=padding),
        layers.BatchNormalization(scale=scale, momentum=0.7),
        layers.Conv2D(2, 1, activation="relu"),
        layers.BatchNormalization(trainable=False),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((9, 9, 2)), *stack])
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    images = tf.constant(some_images(5, 9, 2, seed))
    for training in (True, False):
        mine = short_way(model, training=training)(images)
        np.testing.assert_allclose(mine, twin(images, training=training), atol=1e-5)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def dropping(rate, side, dtype="float32"):
    return keras.Sequential(
        [keras.Input((side, side, 1)), layers.Dropout(rate, seed=3, dtype=dtype), layers.Flatten()]
    )


@pytest.mark.parametrize("side", [10, 11])
@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_dropout_drops_its_part_and_keeps_the_mean(side, rate):
    ones = tf.ones((400, side, side, 1))
    model = dropping(rate, side)
    way = short_way(model, training=True)
    first, second = way(ones).numpy(), way(ones).numpy()
    n = first.size
    spread = 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs((first == 0).mean() - rate) < spread
    np.testing.assert_allclose(first[first > 0], 1 / (1 - rate), rtol=1e-6)
    # Another mask each time, without a trace of the one before.
    assert abs(((first == 0) & (second == 0)).mean() - rate**2) < spread
    np.testing.assert_array_equal(short_way(model, training=False)(ones), np.ones((400, side**2)))


def test_dropout_repeats_with_its_seed_and_takes_a_rate_from_a_variable():
    ones = tf.ones((50, 10, 10, 1))
    masks = [short_way(dropping(0.4, 10), training=True)(ones).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*masks)
    rate = tf.Variable(0.0)
    way = short_way(dropping(0.4, 10), training=True, dropout=rate)
    for value in (0.0, 0.2, 0.99999):
        rate.assign(value)
        assert (way(ones).numpy() == 0).mean() == pytest.approx(value, abs=0.03)
