"""Compiled networks are shared by fits; nothing else is."""

import copy
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

from conftest import TESTS, make_classifier
from digitcnn.backend import cache as training
from digitcnn.backend.build import build
from digitcnn.backend.cache import make_steps
from digitcnn.backend.optimizers import compile_model, make_optimizer
from digitcnn.training import clear_cache

# In a process of its own: the first fit, with nothing compiled before it.
FRESH = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
from conftest import make_classifier
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True)
X = np.round(X * (255 / 16)).astype(np.uint8)
clf = make_classifier(**{parameters!r}).fit(X[:200], y[:200])
np.save({out!r}, clf.predict_proba(X[200:300]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"architecture": "compact", "rotation_range": 10.0, "elastic_alpha": 4.0},
        {"architecture": "relu-dropout", "optimizer": "rmsprop", "precision": "float32"},
    ],
    ids=["compact", "relu-dropout"],
)
def test_reused_step_gives_to_the_bit_what_a_fresh_process_gives(digits, tmp_path, parameters):
    X, y = digits
    # Other seeds and rates went through the compiled network before.
    for seed, rate in ((7, 0.1), (8, 1e-5)):
        make_classifier(**parameters, random_state=seed, learning_rate=rate).fit(X[:90], y[:90])
    here = make_classifier(**parameters).fit(X[:200], y[:200]).predict_proba(X[200:300])
    out = str(tmp_path / "there.npy")
    code = FRESH.format(tests=str(TESTS), parameters=parameters, out=out)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    np.testing.assert_array_equal(here, np.load(out))


@pytest.mark.slow
def test_second_fit_compiles_nothing_and_memory_is_bounded(digits):
    X, y = digits
    clear_cache()
    sizes = []
    for side in (8, 7, 6, 5, 4, 3):
        make_classifier(epochs=1).fit(X[:20, : side * side], y[:20])
        sizes.append(len(training._cache))
    assert sizes == [1, 2, 3, 4, 4, 4]
    kept = {id(network.model) for _, network in training._cache}
    make_classifier(epochs=1, random_state=9).fit(X[:20, :9], y[:20])
    assert {id(network.model) for _, network in training._cache} == kept
    clear_cache()
    assert not training._cache


@pytest.mark.slow
def test_estimators_that_share_a_compiled_network_keep_their_own_weights(digits):
    X, y = digits
    one, two = (make_classifier(random_state=seed).fit(X[:200], y[:200]) for seed in (1, 2))
    first, second = one.predict_proba(X[:50]), two.predict_proba(X[:50])
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(one.predict_proba(X[:50]), first)
    clear_cache()
    np.testing.assert_array_equal(two.predict_proba(X[:50]), second)
    np.testing.assert_array_equal(one.predict_proba(X[:50]), first)


@pytest.mark.slow
@pytest.mark.parametrize("again", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))])
def test_copy_predicts_the_same_and_trains_on_the_same(digits, again):
    X, y = digits
    clf = make_classifier(schedule=None).fit(X[:200], y[:200])
    twin = again(clf)
    np.testing.assert_array_equal(twin.predict_proba(X[:50]), clf.predict_proba(X[:50]))
    for one in (clf, twin):
        one.partial_fit(X[200:400], y[200:400])
    np.testing.assert_array_equal(twin.predict_proba(X[:50]), clf.predict_proba(X[:50]))


def test_model_is_a_keras_model_and_the_estimators_own(digits):
    X, y = digits
    clf, other = (make_classifier(random_state=seed).fit(X[:200], y[:200]) for seed in (1, 2))
    before = other.predict_proba(X[:9])
    model = clf.model_
    assert isinstance(model, keras.Model)
    assert clf.model_ is model
    images = X[:9].reshape(-1, 8, 8, 1).astype(np.float32) / 255
    np.testing.assert_allclose(model.predict_on_batch(images), clf.predict_proba(X[:9]), atol=0.02)
    # What a Keras user does to it, the estimator does as well; and no other estimator does.
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_allclose(clf.predict_proba(X[:9]), 0.1, atol=1e-6)
    np.testing.assert_allclose(copy.deepcopy(clf).predict_proba(X[:9]), 0.1, atol=1e-6)
    np.testing.assert_array_equal(other.predict_proba(X[:9]), before)


def test_prediction_does_not_depend_on_how_many_images_go_together(digits):
    X, y = digits
    clf = make_classifier().fit(X[:200], y[:200])
    together = clf.predict_proba(X[:700])
    for n in (1, 2, 3, 31, 100, 511, 513):
        # The kernel that a processor takes for this number of rows may change the last bits.
        np.testing.assert_allclose(clf.predict_proba(X[:n]), together[:n], atol=1e-6)


def test_callable_architecture_is_built_once_for_each_fit(digits):
    X, y = digits
    calls = []

    def network(image_shape, n_classes):
        calls.append(image_shape)
        layers = [keras.layers.Flatten(), keras.layers.Dense(n_classes, activation="softmax")]
        return keras.Sequential([keras.Input(image_shape), *layers])

    clf = make_classifier(architecture=network, epochs=1).fit(X[:64], y[:64])
    clf.predict(X[:5])
    assert len(calls) == 1
    clf.fit(X[:64], y[:64])
    assert len(calls) == 2


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="they are TensorFlow's")
@pytest.mark.parametrize(("is_own", "kind"), [(False, "ProcessorSteps"), (True, "OwnModelSteps")])
def test_fast_steps_are_for_named_networks(is_own, kind):
    model = build("compact", (8, 8, 1), 10)
    compile_model(model, make_optimizer("sgd"))
    model.optimizer.build(model.trainable_variables)
    assert type(make_steps(model, "auto", is_own=is_own)).__name__ == kind
