"""Real digits and fitted models that the tests share."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from sklearn.datasets import load_digits

# A slow machine fails no test, and on a CI server the examples are the same in each run. Recent
# versions of Hypothesis do this by themselves on some servers.
settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tests")

# For the processes that tests start.
TESTS = Path(__file__).parent
ROOT = TESTS.parent


def pytest_report_header():
    return f"Keras backend: {os.environ.get('KERAS_BACKEND', 'as configured')}"


def make_classifier(**parameters):
    """A classifier that learns 8x8 digits in a second or two, by default without distortions."""
    from digitcnn import DigitCNNClassifier

    return DigitCNNClassifier(
        **{
            "architecture": "relu-dropout",
            "epochs": 3,
            "batch_size": 64,
            "learning_rate": 0.003,
            "rotation_range": 0.0,
            "zoom_range": 0.0,
            "shift_range": 0.0,
            "shear_range": 0.0,
            "elastic_alpha": 0.0,
            "corruption_rate": 0.0,
            "random_state": 0,
            **parameters,
        }
    )


def _tells_of_its_compiler():
    """TensorFlow before 2.21 always prints one line about XLA."""
    try:
        major, minor, *_ = version("tensorflow").split(".")
    except PackageNotFoundError:
        return False
    return (int(major), int(minor)) < (2, 21)


# Of Windows, where a user may not make links unless he is an administrator or a developer.
_NO_RIGHT_TO_LINK = 1314
posix = pytest.mark.skipif(
    os.name != "posix", reason="needs the signals, modes, forks or special files of POSIX"
)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except OSError as error:
        if getattr(error, "winerror", None) == _NO_RIGHT_TO_LINK:
            pytest.skip("this user may not make links")
        raise


quiet_tensorflow = pytest.mark.skipif(
    _tells_of_its_compiler(), reason="TensorFlow before 2.21 tells of its compiler"
)


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's 1,797 digits as uint8 of shape (1797, 64), and their labels. Read-only."""
    X, y = load_digits(return_X_y=True)
    X = np.round(X * (255 / 16)).astype(np.uint8)
    X.flags.writeable = False
    y.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def fitted(digits):
    """A classifier trained on the first 1,200 digits. Do not change it: copy it first."""
    X, y = digits
    return make_classifier(epochs=12, learning_rate=0.005).fit(X[:1200], y[:1200])


@pytest.fixture(scope="module")
def frame():
    """300 digits as a table, with their labels in the first column. Do not change it."""
    X, y = load_digits(return_X_y=True)
    table = pd.DataFrame((X[:300] * 15).astype(np.uint8), columns=[f"pixel{i}" for i in range(64)])
    table.insert(0, "label", y[:300])
    return table


@pytest.fixture
def write(tmp_path):
    """A function that writes a file and returns its path."""

    def write_text(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_text


@pytest.fixture(scope="module")
def arrays():
    """Real digits in the form of mnist.npz."""
    digits = load_digits()
    images, labels = (digits.images * 15).astype(np.uint8), digits.target.astype(np.uint8)
    return {
        "x_train": images[:60],
        "y_train": labels[:60],
        "x_test": images[60:80],
        "y_test": labels[60:80],
    }


@pytest.fixture(scope="session")
def mnist_path():
    """A copy of MNIST, if there is one."""
    folder = os.environ.get("DIGITCNN_DATA")
    places = [Path(folder) / "mnist.npz"] if folder else []
    places.append(ROOT.parent / "shared" / "data" / "mnist.npz")
    for place in places:
        if place.is_file():
            return place
    pytest.skip("no copy of mnist.npz: name its folder in DIGITCNN_DATA")
