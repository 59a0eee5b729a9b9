"""What a user sets for a whole process changes nothing of a named network's, nor is it changed."""

import copy
import subprocess
import sys
from contextlib import contextmanager, nullcontext

import keras
import numpy as np
import pytest
from sklearn.base import clone

from conftest import make_classifier
from digitcnn.training import clear_cache

if keras.backend.backend() != "tensorflow":
    pytest.skip("the settings are those of Keras with TensorFlow", allow_module_level=True)

import tensorflow as tf

PARAMETERS = {
    "epochs": 2,
    "rotation_range": 10.0,
    "elastic_alpha": 4.0,
    "corruption_rate": 0.3,
    "fill_mode": "constant",
    # In float16 it is another number.
    "pixel_range": (-25.3, 255.0),
    "label_smoothing": 0.1,
    "validation_fraction": 0.2,
    "test_time_augmentation": 3,
}
NETWORKS = {
    "compact": {"precision": "bfloat16"},
    "elu-bn": {"precision": "float32", "optimizer": "adam"},
    "relu-dropout": {"precision": "float32", "optimizer": "rmsprop", "schedule": "plateau"},
}


def answers(digits, network):
    X, y = digits
    clf = make_classifier(architecture=network, **{**PARAMETERS, **NETWORKS[network]})
    clf.fit(X[:150], y[:150])
    return clf, [clf.predict_proba(X[150:200]), *clf._trainer.network.get_weights()]


@contextmanager
def setting(name, value):
    read, write = getattr(keras.config, name), getattr(keras.config, f"set_{name}")
    before = read()
    write(value)
    now = read()
    try:
        yield
        assert read() == now
    finally:
        write(before)


@contextmanager
def eager_functions():
    tf.config.run_functions_eagerly(True)
    try:
        yield
        assert tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)


@contextmanager
def distribution():
    made = keras.distribution.DataParallel(devices=["cpu:0"])
    with made.scope():
        yield
        assert keras.distribution.distribution() is made


SETTINGS = {
    "mixed_float16": lambda: setting("dtype_policy", "mixed_float16"),
    "mixed_bfloat16": lambda: setting("dtype_policy", "mixed_bfloat16"),
    "float64": lambda: setting("dtype_policy", "float64"),
    "channels_first": lambda: setting("image_data_format", "channels_first"),
    "floatx float16": lambda: setting("floatx", "float16"),
    "floatx float64": lambda: setting("floatx", "float64"),
    "epsilon": lambda: setting("epsilon", 0.1),
    "eager functions": eager_functions,
    "distribution": distribution,
    "strategy": lambda: tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
}


@pytest.fixture(scope="module")
def clean(digits):
    """What a process without settings gives, by network."""
    return {network: answers(digits, network)[1] for network in NETWORKS}


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_setting_changes_no_answer_with_it_nor_after_it(digits, clean, name):
    # The three networks in turn: any setting may meet any network.
    network = list(NETWORKS)[list(SETTINGS).index(name) % len(NETWORKS)]
    clear_cache()
    with SETTINGS[name]():
        clf, found = answers(digits, network)
        assert_equal(found, clean[network])
        model = clf.model_
    assert_equal([clf.predict_proba(digits[0][150:200])], clean[network][:1])
    assert_equal(answers(digits, network)[1], clean[network])
    assert model.dtype_policy.name == "float32"
    assert_equal(model.get_weights(), clean[network][1:])


def own(image_shape, n_classes, seed):
    """A network of the user's that says its types and its data format."""
    says = {"dtype": "float32", "kernel_initializer": keras.initializers.GlorotUniform(seed)}
    return keras.Sequential(
        [
            keras.Input(image_shape, dtype="float32"),
            keras.layers.Conv2D(4, 3, data_format="channels_last", **says),
            keras.layers.Flatten(data_format="channels_last", dtype="float32"),
            keras.layers.Dense(n_classes, "softmax", **says),
        ]
    )


@pytest.fixture(scope="module")
def own_fitted(digits):
    X, y = digits
    return make_classifier(architecture=own, epochs=2, label_smoothing=0.2).fit(X[:150], y[:150])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["floatx float16", "floatx float64", "channels_first"])
def test_setting_changes_nothing_of_an_own_network_that_says_its_types(digits, own_fitted, name):
    X, y = digits
    with SETTINGS[name]():
        clf = clone(own_fitted).fit(X[:150], y[:150])
        assert_equal([clf.predict_proba(X[150:])], [own_fitted.predict_proba(X[150:])])


@pytest.mark.slow
@pytest.mark.parametrize("names", [("mixed_float16", "floatx float16"), ("mixed_float16", "")])
@pytest.mark.parametrize("optimizer", ["adamw", keras.optimizers.SGD(0.01)])
def test_copy_of_an_own_network_may_live_under_other_settings(digits, names, optimizer):
    X, y = digits
    first, then = (SETTINGS.get(name, nullcontext) for name in names)
    with first():
        clf = make_classifier(architecture=own, epochs=1, optimizer=optimizer).fit(X[:90], y[:90])
    again, expected = copy.deepcopy(clf), copy.deepcopy(clf)
    with then():
        assert_equal([again.predict_proba(X[150:])], [clf.predict_proba(X[150:])])
        again.partial_fit(X[:90], y[:90])
    expected.partial_fit(X[:90], y[:90])
    assert_equal(
        again._trainer.network.get_weights(),
        expected._trainer.network.get_weights(),
    )
    with SETTINGS["mixed_bfloat16"]():
        assert_equal([copy.deepcopy(clf).predict_proba(X[150:])], [clf.predict_proba(X[150:])])


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ["mixed_float16", "channels_first", "floatx float16", "eager functions"],
        ["float64", "floatx float64", "epsilon", "distribution", "strategy"],
    ],
    ids=" and ".join,
)
def test_settings_made_before_the_first_fit_change_no_answer(digits, clean, tmp_path, names):
    code = f"""
import sys
sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from contextlib import ExitStack
import numpy as np
from sklearn.datasets import load_digits
from test_global_settings import NETWORKS, SETTINGS, answers
X, y = load_digits(return_X_y=True)
digits = np.round(X * (255 / 16)).astype(np.uint8), y
with ExitStack() as stack:
    for name in {names!r}:
        stack.enter_context(SETTINGS[name]())
    for network in NETWORKS:
        np.savez(sys.argv[1] + network, *answers(digits, network)[1])
"""
    start = str(tmp_path / "found-")
    command = [sys.executable, "-c", code, start]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for network in NETWORKS:
        with np.load(f"{start}{network}.npz") as file:
            assert_equal([file[name] for name in file.files], clean[network])
