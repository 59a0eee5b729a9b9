import keras
import numpy as np
import pytest

from conftest import make_classifier
from digitcnn.backend.cache import CompiledNetwork, clear_cache

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="these are JAX's steps: KERAS_BACKEND=jax"
)
SETTINGS = {
    "architecture": "compact",
    "epochs": 2,
    "dropout": 0.2,
    "label_smoothing": 0.1,
    "weight_decay": 0.05,
    "validation_fraction": 0.2,
}


@pytest.fixture
def made(monkeypatch):
    """A list that grows by one for each network that is compiled."""
    numbers = []
    start = CompiledNetwork.__init__

    def count(self, *arguments, **options):
        numbers.append(1)
        start(self, *arguments, **options)

    monkeypatch.setattr(CompiledNetwork, "__init__", count)
    clear_cache()
    yield numbers
    clear_cache()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_training_gives_what_kerass_own_steps_give(digits, monkeypatch, optimizer):
    X, y = digits
    clf = make_classifier(**SETTINGS, optimizer=optimizer).fit(X[:300], y[:300])
    monkeypatch.setattr("digitcnn.backend.cache.has_jax_steps", lambda *_: False)
    clear_cache()
    by_keras = make_classifier(**SETTINGS, optimizer=optimizer).fit(X[:300], y[:300])
    clear_cache()
    assert clf.history_.keys() == by_keras.history_.keys()
    np.testing.assert_allclose(clf.loss_curve_, by_keras.loss_curve_, rtol=1e-5)
    for one, other in zip(
        clf._trainer.network.get_state(),
        by_keras._trainer.network.get_state(),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=3e-5)


def test_what_regularises_is_compiled_for_once(digits, made):
    X, y = digits[0][:128], digits[1][:128]
    settings = {"architecture": "compact", "epochs": 1, "random_state": 0}
    weights = []
    for values in ({"weight_decay": 0.0}, {"weight_decay": 0.5}, {"label_smoothing": 0.4}):
        clf = make_classifier(**{**settings, **values}).fit(X, y)
        weights.append(clf._trainer.network.get_weights()[0])
    assert len(made) == 1
    assert (weights[0] != weights[1]).any()
    assert (weights[0] != weights[2]).any()


def test_callbacks_find_each_batchs_weights_in_the_network(digits):
    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(np.array(self.model.get_weights()[0]))

    clf = make_classifier(epochs=1, callbacks=[Watch()]).fit(digits[0][:256], digits[1][:256])
    (watch,) = clf.callbacks_
    assert len(watch.seen) == 4
    assert all((a != b).any() for a, b in zip(watch.seen, watch.seen[1:], strict=False))
    np.testing.assert_array_equal(watch.seen[-1], clf.model_.get_weights()[0])


def test_learning_rate_that_a_callback_sets_is_the_next_batchs(digits):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.0

    clf = make_classifier(epochs=1, schedule=None, optimizer="sgd", weight_decay=0.0)
    start = clf.fit(digits[0][:64], digits[1][:64])._trainer.network.get_weights()
    clf.set_params(warm_start=True, callbacks=[Stop()]).fit(digits[0][:64], digits[1][:64])
    for one, other in zip(start, clf._trainer.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_that_fails_leaves_the_network_usable(digits):
    X, y = digits

    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("enough")

    clf = make_classifier(epochs=1).fit(X[:128], y[:128])
    before = clf.predict_proba(X[:50])
    clf.set_params(warm_start=True, callbacks=[Fail()])
    with pytest.raises(RuntimeError, match="enough"):
        clf.fit(X[:128], y[:128])
    np.testing.assert_array_equal(clf.predict_proba(X[:50]), before)
