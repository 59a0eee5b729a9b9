"""What TensorFlow says as it starts does not reach the user, and nothing else is kept back."""

import builtins
import os
import subprocess
import sys
import threading
import types

import pytest

from conftest import TESTS, quiet_tensorflow
from digitcnn.backend import import_keras, start_up

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
OF_TENSORFLOW = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795723105.812719   27894 port.cc:153] oneDNN custom operations are on.",
    "E0000 00:00:1758131045.203198 3722035 cuda_dnn.cc:8579] Unable to register cuDNN factory",
    "W0000 00:00:1758131045.203198 3722035 util.cc:163] Not handling type DT_DOUBLE",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow",
    "2025-09-17 14:44:05.157831: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:32] Could not",
]
OF_OTHERS = [
    "F0000 00:00:1758131045.203198 3722035 cpu_feature_guard.cc:1] was compiled to use AVX",
    "DeprecationWarning: Imported by mistake",
    "2025-09-17 14:44:05 a server's own line",
    "Illustration I0000 in the middle",
]


@pytest.fixture
def not_imported(monkeypatch):
    """As if TensorFlow were not imported, nobody had set a level, and there were one thread."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.delenv(LEVEL, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def written_while_starting(capfd, lines):
    """What gets to standard error of lines that native code writes to it."""
    before = os.fstat(2)
    with start_up.quiet_start_up():
        level = os.environ.get(LEVEL)
        os.write(2, ("\n".join(lines) + "\n").encode())
    assert os.path.samestat(before, os.fstat(2))
    return level, capfd.readouterr().err.splitlines()


def test_chatter_is_dropped_and_the_rest_passed_on(not_imported, capfd):
    lines = [line for pair in zip(OF_TENSORFLOW, OF_OTHERS, strict=False) for line in pair]
    level, seen = written_while_starting(capfd, [*lines, *OF_TENSORFLOW])
    assert level == "3"
    assert seen == OF_OTHERS
    assert LEVEL not in os.environ


@pytest.mark.parametrize("level", ["0", "1", ""])
def test_level_that_the_user_has_set_stays_and_all_is_seen(not_imported, monkeypatch, capfd, level):
    monkeypatch.setenv(LEVEL, level)
    assert written_while_starting(capfd, OF_TENSORFLOW) == (level, OF_TENSORFLOW)
    assert os.environ[LEVEL] == level


@pytest.mark.parametrize("level", ["2", "3"])
def test_level_that_asks_for_little_stays_and_what_comes_before_it_is_read_is_filtered(
    not_imported, monkeypatch, capfd, level
):
    monkeypatch.setenv(LEVEL, level)
    assert written_while_starting(capfd, OF_TENSORFLOW) == (level, [])
    assert os.environ[LEVEL] == level


def test_tensorflow_that_somebody_else_has_imported_is_left_alone(not_imported, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))
    assert written_while_starting(capfd, OF_TENSORFLOW) == (None, OF_TENSORFLOW)


@pytest.mark.parametrize("in_ipython", [True, False])
def test_standard_error_of_other_threads_is_left_alone(
    not_imported, monkeypatch, capfd, in_ipython
):
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: object() if in_ipython else None
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    level, seen = written_while_starting(capfd, OF_TENSORFLOW)
    assert (level, seen) == ("3", [] if in_ipython else OF_TENSORFLOW)
    assert LEVEL not in os.environ


def test_import_that_fails_leaves_all_as_it_was(not_imported, monkeypatch, capfd):
    def fail(name, *arguments, **named):
        if name != "keras":
            return original(name, *arguments, **named)
        os.write(2, b"said in between\n")
        raise ImportError(name)

    original = builtins.__import__
    before = os.fstat(2)
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(ImportError, match="cannot be imported"):
        import_keras()
    monkeypatch.setattr(builtins, "__import__", original)
    assert os.path.samestat(before, os.fstat(2))
    assert LEVEL not in os.environ
    assert capfd.readouterr().err == "said in between\n"


def test_standard_error_that_is_not_there_is_no_error(not_imported, monkeypatch):
    def fail(_):
        raise OSError

    monkeypatch.setattr(start_up.os, "dup", fail)
    with start_up.quiet_start_up():
        assert os.environ[LEVEL] == "3"


def test_messages_are_not_held_back_where_there_is_no_place_for_them(not_imported, monkeypatch):
    def fail():
        raise OSError

    before = os.fstat(2)
    n_open = len(os.listdir("/dev/fd")) if os.path.exists("/dev/fd") else None
    monkeypatch.setattr(start_up.tempfile, "TemporaryFile", fail)
    with start_up.quiet_start_up():
        assert os.path.samestat(before, os.fstat(2))
    assert n_open is None or len(os.listdir("/dev/fd")) == n_open


@pytest.mark.slow
@quiet_tensorflow
def test_fit_and_predict_in_a_program_of_its_own_say_nothing():
    """Functions of many shapes are compiled in it: TensorFlow is not to warn of that, either."""
    code = """
import os, sys, warnings
import numpy as np
warnings.simplefilter("ignore")  # of labels that are drawn nothing is learned
from conftest import make_classifier
X = np.random.default_rng(0).integers(0, 256, (240, 64), dtype=np.uint8)
y = np.arange(240) % 3
before = os.fstat(2)
assert "keras" not in sys.modules
clf = make_classifier(epochs=1, warm_start=True)
for n in (100, 120, 130, 140, 150, 160):
    clf.fit(X[:n], y[:n], X_val=X[n : n + n // 5], y_val=y[n : n + n // 5])
    clf.predict(X[: n // 10])
clf.model_
for side in (6, 7, 9, 10, 11, 12):
    images = np.resize(X, (60, side, side))
    make_classifier(epochs=1).fit(images, y[:60]).predict(images[:7])
assert os.path.samestat(before, os.fstat(2))
assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
print("the end", file=sys.stderr)
"""
    environment = {name: value for name, value in os.environ.items() if name != LEVEL}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "the end\n")
