"""What SciKeras gets wrong is mended, and nothing in the process is changed."""

import os
import random
import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest

from conftest import make_classifier
from digitcnn.training.scikeras import NetworkClassifier


def test_training_goes_through_scikeras(fitted):
    from scikeras.wrappers import KerasClassifier

    assert isinstance(fitted.wrapper_, KerasClassifier)
    assert isinstance(fitted.wrapper_, NetworkClassifier)
    assert fitted.wrapper_.history_ == fitted.history_


@pytest.mark.slow
def test_import_leaves_keras_as_it_was():
    code = """
import keras
classes = keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer
before = [(cls.__reduce__, getattr(cls, "__deepcopy__", None)) for cls in classes]
import digitcnn.training.scikeras
after = [(cls.__reduce__, getattr(cls, "__deepcopy__", None)) for cls in classes]
assert before == after, (before, after)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def global_state():
    """What a fit could leave behind, of NumPy, Python, Keras and the backend."""
    state = {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "interactive_logging": keras.config.is_interactive_logging_enabled(),
        "custom_objects": sorted(keras.saving.get_custom_objects()),
    }
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        state["threads"] = (
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        )
        state["jit"] = tf.config.optimizer.get_jit()
        state["eager functions"] = tf.config.functions_run_eagerly()
        state["logging"] = tf.get_logger().level
    return state


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["compact", "relu-dropout"])
def test_fit_and_predict_leave_the_global_state_alone(digits, architecture):
    X, y = digits
    environment = dict(os.environ)
    before = global_state()
    clf = make_classifier(
        architecture=architecture, rotation_range=10.0, elastic_alpha=2.0, validation_fraction=0.2
    )
    clf.fit(X[:100], y[:100]).predict(X[:10])
    assert global_state() == before
    assert dict(os.environ) == environment


def test_random_numbers_after_a_fit_are_those_without_it(digits):
    tf = pytest.importorskip("tensorflow")
    X, y = digits

    def numbers(between):
        tf.random.set_seed(5)
        keras.utils.set_random_seed(5)
        first = keras.random.uniform((3,))
        between()
        drawn = keras.random.uniform((3,)), tf.random.uniform((3,)), np.random.random(3)  # noqa: NPY002
        return [np.asarray(values).tolist() for values in (first, *drawn)]

    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        without = numbers(lambda: None)
        assert numbers(lambda: make_classifier(epochs=1).fit(X[:64], y[:64])) == without
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def test_another_model_in_the_process_does_not_notice(digits):
    X, y = digits
    other = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, activation="softmax")])
    other.compile("sgd", "sparse_categorical_crossentropy")
    before = other.get_weights()
    make_classifier().fit(X[:100], y[:100])
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    other.fit(X[:64].astype("float32"), y[:64].astype("int32"), verbose=0)


class Spy(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(sorted(logs))


def test_callbacks_are_called_and_the_parameter_stays_as_it_was(digits):
    X, y = digits
    spy = Spy()
    clf = make_classifier(callbacks=[spy], epochs=2).fit(X[:64], y[:64])
    # The copy is a shallow one: they share the list.
    assert spy.epochs == [["accuracy", "learning_rate", "loss"]] * 2
    assert clf.callbacks[0] is spy
    assert clf.callbacks_[0] is not spy
    assert len(clf.callbacks_[0].epochs) == 2
    assert getattr(spy, "_model", None) is None
    # The network that the callback may still hold is nobody else's.
    assert clf.callbacks_[0].model is clf.model_


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 100, 513])
def test_probabilities_do_not_depend_on_how_many_images_come_together(fitted, digits, n):
    X, _ = digits
    together = fitted.predict_proba(X[:600])[:n]
    np.testing.assert_allclose(fitted.predict_proba(X[:n]), together, atol=2e-2)


@pytest.mark.slow
def test_probabilities_in_float32_are_the_same_however_the_images_are_cut(digits):
    X, y = digits
    clf = make_classifier(precision="float32").fit(X[:200], y[:200])
    together = clf.predict_proba(X[:600])
    for size in (1, 7, 100):
        apart = np.concatenate([clf.predict_proba(X[i : i + size]) for i in range(0, 200, size)])
        np.testing.assert_allclose(apart[:200], together[:200], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("asks_for_model", [False, True])
def test_weights_that_are_set_are_those_that_answer(digits, asks_for_model):
    X, y = digits
    one, other = (
        make_classifier(epochs=1, precision="float32", random_state=seed).fit(X[:64], y[:64])
        for seed in (1, 2)
    )
    if asks_for_model:
        _ = one.model_
    one.predict(X[:9])
    one._trainer.network.set_weights(other._trainer.network.get_weights())
    np.testing.assert_allclose(one.predict_proba(X[:9]), other.predict_proba(X[:9]), atol=1e-5)


def test_images_with_weights_are_not_copied(digits):
    X, y = digits
    weights = np.linspace(0.5, 1.5, len(y), dtype=np.float32)
    images, codes, kept = NetworkClassifier._validate_sample_weight(X, y, weights)
    assert images is X
    assert codes is y
    assert kept is weights


@pytest.mark.slow
def test_large_images_are_read_a_few_at_a_time():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (240, 96, 96), dtype=np.uint8)
    clf = make_classifier(architecture="compact", epochs=1).fit(X[:20], np.arange(20) % 10)
    alone = np.concatenate([clf.predict_proba(X[i : i + 1]) for i in (0, 100, 239)])
    clf.predict_proba(X[:50])
    tracemalloc.start()
    try:
        answers = clf.predict_proba(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All of them as float32 would be 8.8 MB.
    assert peak < 4e6
    np.testing.assert_allclose(answers[[0, 100, 239]], alone, atol=1e-2)
