"""Fast steps learn what Keras's own steps learn."""

import keras
import numpy as np
import pytest

from digitcnn.backend.build import build
from digitcnn.backend.cache import make_steps
from digitcnn.backend.optimizers import make_loss, make_optimizer
from digitcnn.backend.steps import KerasSteps, OwnModelSteps, ProcessorSteps, Regularization

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends have Keras's steps alone"
)


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


def test_weight_decay_leaves_biases_and_scales_alone(digits):
    images, codes, weights = a_batch(digits)
    model = compiled("adamw", weight_decay=0.5, learning_rate=0.1)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    steps = ProcessorSteps(model)
    steps.regularize(Regularization(None, 0.5, 0.0))
    # Without weight on any image there is no gradient: what changes has decayed.
    steps.train(images, codes, np.zeros_like(weights))
    for variable in model.trainable_variables:
        factor = 0.95 if variable.path.endswith("kernel") else 1.0
        np.testing.assert_allclose(variable.numpy(), factor * before[variable.path], atol=1e-6)


@pytest.mark.parametrize(("is_own", "kind"), [(False, ProcessorSteps), (True, OwnModelSteps)])
def test_fast_steps_are_for_named_networks(is_own, kind):
    assert type(make_steps(compiled(), "auto", is_own=is_own)) is kind
