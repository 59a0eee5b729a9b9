"""The short way through a network gives, and learns, what Keras's own way does."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from digitcnn.backend.build import build
from digitcnn.backend.losses import make_loss
from digitcnn.backend.optimizers import make_optimizer
from digitcnn.backend.steps import KerasSteps, Regularization

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends have Keras's steps alone", allow_module_level=True)

import tensorflow as tf

from digitcnn.backend.tensorflow import ProcessorSteps, forward

NAMES = ("compact", "elu-bn", "relu-dropout", "slim")


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


@pytest.mark.slow
@given(
    activation=st.sampled_from(["elu", "relu", "tanh", "linear", None]),
    padding=st.sampled_from(["same", "valid"]),
    pool=st.integers(1, 3),
    strides=st.integers(1, 2),
    use_bias=st.booleans(),
    scale=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
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


# Steps


def compiled(optimizer="sgd", weight_decay=0.0, label_smoothing=0.0, learning_rate=0.01, **options):
    options = {"dropout": 0.0, "seed": 2, "dtype": "float32", **options}
    model = build("compact", (8, 8, 1), 10, **options)
    model.compile(
        make_optimizer(optimizer, learning_rate=learning_rate, weight_decay=weight_decay),
        make_loss(label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def a_batch(digits, n=40):
    X, y = digits
    images = X[:n].reshape(-1, 8, 8, 1).astype(np.float32) / 255
    weights = np.random.default_rng(0).uniform(0.5, 1.5, n).astype(np.float32)
    return images, y[:n].astype(np.int32), weights


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize(("weight_decay", "label_smoothing"), [(0.0, 0.0), (0.5, 0.2)])
def test_steps_agree_with_kerass(optimizer, weight_decay, label_smoothing):
    settings = {"weight_decay": weight_decay, "label_smoothing": label_smoothing}
    mine, kerass = (compiled(optimizer, learning_rate=1e-3, **settings) for _ in range(2))
    fast, slow = ProcessorSteps(mine), KerasSteps(kerass)
    fast.regularize(Regularization(None, **settings))
    slow.regularize(Regularization(None, **settings))
    # Noise: of a digit's even background many a pixel is the largest of four, by rounding alone.
    rng = np.random.default_rng(0)
    images, weights = rng.random((40, 8, 8, 1)), rng.uniform(0.5, 1.5, 40)
    batch = images.astype(np.float32), np.arange(40) % 10, weights.astype(np.float32)
    for _ in range(3):
        assert fast.train(*batch) == pytest.approx(slow.train(*batch), rel=1e-3)
    for a, b in zip(mine.get_weights(), kerass.get_weights(), strict=True):
        # An optimizer that divides by the gradient's size makes a whole step of a rounded nothing.
        assert np.abs(a - b).mean() < (1e-6 if optimizer == "sgd" else 1e-4)
    np.testing.assert_allclose(fast.predict(batch[0]), slow.predict(batch[0]), atol=1e-3)


@pytest.mark.slow
def test_regularization_changes_without_compiling_anew(digits):
    # One model goes from setting to setting; each time it does what one built with it does.
    moving = compiled("adamw", dropout=0.3)
    start = [variable.numpy() for variable in moving.variables]
    moments = [variable.numpy() for variable in moving.optimizer.variables]
    steps = ProcessorSteps(moving)
    batch = a_batch(digits)
    for dropout, weight_decay, smoothing in ((0.3, 0.0, 0.0), (0.6, 0.4, 0.3), (0.1, 0.0, 0.1)):
        values = Regularization(dropout, weight_decay, smoothing)
        for variables, arrays in ((moving.variables, start), (moving.optimizer.variables, moments)):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        steps.regularize(values)
        new = compiled("adamw", dropout=dropout, weight_decay=weight_decay)
        other = ProcessorSteps(new)
        other.regularize(values)
        for _ in range(2):
            assert steps.train(*batch) == other.train(*batch)
        for a, b in zip(moving.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert [la.rate for la in moving.layers if "dropout" in la.name] == [dropout]
        assert moving.optimizer.weight_decay == weight_decay
    assert steps._train.experimental_get_tracing_count() == 1
    assert steps._update.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_weight_decay_leaves_biases_and_scales_alone(digits):
    images, y_encoded, weights = a_batch(digits)
    model = compiled("adamw", weight_decay=0.5, learning_rate=0.1)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    steps = ProcessorSteps(model)
    steps.regularize(Regularization(None, 0.5, 0.0))
    # Without weight on any image there is no gradient: what changes has decayed.
    steps.train(images, y_encoded, np.zeros_like(weights))
    for variable in model.trainable_variables:
        factor = 0.95 if variable.path.endswith("kernel") else 1.0
        np.testing.assert_allclose(variable.numpy(), factor * before[variable.path], atol=1e-6)
