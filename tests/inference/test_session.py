"""ONNX Runtime predicts the same as Keras, however the images are divided into calls."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digitcnn
from conftest import make_classifier
from digitcnn.inference.probabilities import divide, predict_in_parts


@pytest.fixture(scope="module")
def exact(digits):
    X, y = digits
    clf = make_classifier(architecture="compact", epochs=2, precision="float32")
    return clf.fit(X[:600], y[:600])


@pytest.fixture(scope="module")
def loaded(exact, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.digitcnn"
    exact.save(path)
    return digitcnn.load(path)


def answers_without_keras(clf):
    return clf._trainer.network.session is not None


@pytest.mark.parametrize("architecture", ["compact", "relu-dropout", "elu-bn", "slim"])
def test_loaded_network_answers_as_keras_did(digits, tmp_path, architecture):
    X, y = digits
    clf = make_classifier(
        architecture=architecture, epochs=2, precision="float32", test_time_augmentation=3
    )
    clf.fit(X[:300], y[:300]).save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert answers_without_keras(loaded)
    for n_views in (3, 0):
        expected = clf.set_params(test_time_augmentation=n_views).predict_proba(X[300:400])
        found = loaded.set_params(test_time_augmentation=n_views).predict_proba(X[300:400])
        np.testing.assert_allclose(found, expected, atol=3e-5)


@given(n=st.integers(1, 300), seed=st.integers(0, 9))
@settings(max_examples=20)
def test_how_images_are_cut_makes_no_difference(loaded, digits, n, seed):
    X = digits[0][:300]
    rows = np.random.default_rng(seed).permutation(300)[:n]
    whole = loaded.predict_proba(X)
    np.testing.assert_array_equal(loaded.predict_proba(X[rows]), whole[rows])


def test_threads_share_a_network(loaded, digits):
    X = digits[0][:200]
    fresh = copy.deepcopy(loaded)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: fresh.predict_proba(X), range(16)))
    for one in found:
        np.testing.assert_array_equal(one, loaded.predict_proba(X))


def test_error_in_a_thread_is_raised():
    def answer(images):
        if images.max() > 0.5:
            raise ArithmeticError("too bright")
        return np.zeros((len(images), 2), np.float32)

    X = np.zeros((500, 4, 4, 1), np.uint8)
    X[400] = 255
    with pytest.raises(ArithmeticError, match="too bright"):
        predict_in_parts(answer, X, n_outputs=2, pixel_range=(0.0, 255.0), at_once=50, n_threads=3)


@given(n=st.integers(1, 5000), side=st.integers(1, 600))
def test_part_of_each_thread_is_bounded(n, side):
    X = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (n, side, side, 1), (0, 0, 0, 0))
    at_once, _ = divide(X)
    assert at_once >= 1
    assert at_once * side * side <= max(64 * 784, side * side)


def test_keras_answers_where_it_is_asked_for(exact, loaded, digits):
    X, y = digits
    clf = copy.deepcopy(loaded)
    assert answers_without_keras(clf)
    assert isinstance(clf.model_, keras.Model)
    assert not answers_without_keras(clf)
    for change in ({"device": "cpu"}, {}):
        assert answers_without_keras(copy.deepcopy(loaded).set_params(**change))
    trained = copy.deepcopy(loaded).partial_fit(X[:64], y[:64])
    assert not answers_without_keras(trained)
    assert not answers_without_keras(exact)
    # Here Keras is loaded, and an unpickled network answers as the pickled one.
    again = pickle.loads(pickle.dumps(exact))
    np.testing.assert_array_equal(again.predict_proba(X[:50]), exact.predict_proba(X[:50]))


def test_network_that_keras_has_changed_answers_so(loaded, digits):
    X = digits[0][:20]
    clf = copy.deepcopy(loaded)
    before = clf.predict_proba(X)
    *_, bias = clf.model_.trainable_variables
    bias.assign(bias + np.arange(10, dtype=np.float32))
    assert np.abs(clf.predict_proba(X) - before).max() > 0.1


@pytest.mark.parametrize("pixel_range", [(0, 16), (-1.0, 1.0), (0.0, 1.0), (3, 255)])
def test_pixels_of_any_scale_are_brought_to_0_and_1(digits, tmp_path, pixel_range):
    X, y = digits
    low, high = pixel_range
    X = low + (high - low) * (X[:250] / 255)
    clf = make_classifier(epochs=1, precision="float32", pixel_range=pixel_range)
    clf.fit(X[:200], y[:200]).save(tmp_path / "m.digitcnn")
    found = digitcnn.load(tmp_path / "m.digitcnn").predict_proba(X[200:])
    np.testing.assert_allclose(found, clf.predict_proba(X[200:]), atol=1e-5)


WITHOUT_KERAS = """
import pickle, sys
import numpy as np
import digitcnn
from sklearn.base import clone

folder = sys.argv[1]
X = np.load(folder + "/X.npy")
clf = digitcnn.load(folder + "/m.digitcnn")
with open(folder + "/m.pkl", "rb") as file:
    unpickled = pickle.load(file)
clf.save(folder + "/again.digitcnn")
digitcnn.export_onnx(clf, folder + "/m.onnx")
clone(clf), repr(clf), clf.history_, clf.confidence_threshold(0.2)
np.save(folder + "/loaded.npy", clf.predict_proba(X))
np.save(folder + "/unpickled.npy", unpickled.predict_proba(X))
np.save(folder + "/repickled.npy", pickle.loads(pickle.dumps(clf)).predict_proba(X))
heavy = {"keras", "tensorflow", "scikeras", "jax", "torch"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.slow
def test_nothing_but_a_training_needs_keras(digits, tmp_path):
    X, y = digits
    clf = make_classifier(epochs=2, precision="float32", validation_fraction=0.3)
    clf.fit(X[:300], y[:300]).save(tmp_path / "m.digitcnn")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(clf))
    np.save(tmp_path / "X.npy", X[300:350])
    said = subprocess.check_output([sys.executable, "-c", WITHOUT_KERAS, tmp_path], text=True)
    assert said.split() == ["[]"]
    expected = clf.predict_proba(X[300:350])
    for name in ("loaded", "unpickled", "repickled"):
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-5)
    assert (tmp_path / "again.digitcnn").read_bytes() == (tmp_path / "m.digitcnn").read_bytes()
