"""What a process that was forked from another one may do. Each case is a process of its own."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from conftest import TESTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="it is TensorFlow's threads that are missing",
    ),
]

START = """
import os, pickle, signal, sys, warnings
import numpy as np
sys.path.insert(0, {tests!r})
warnings.simplefilter("ignore")  # Python's own, of forks in processes with threads
import digitcnn

X = np.load({pixels!r})

def in_child(call):
    "What a child that is forked now answers, within a minute."
    here, there = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            answer = call()
        except Exception as error:
            answer = f"{{type(error).__name__}}: {{error}}"
        os.write(there, pickle.dumps(answer))
        os._exit(0)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        written = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(written) if written else "nothing: it hangs"
"""


@pytest.fixture(scope="module")
def run(fitted, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forks")
    fitted.save(folder / "m.digitcnn")
    np.save(folder / "X.npy", digits[0][1200:1300])
    start = START.format(tests=str(TESTS), pixels=str(folder / "X.npy"))

    def run(code):
        done = subprocess.run(
            [sys.executable, "-c", start + code.format(model=str(folder / "m.digitcnn"))],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_model_that_is_loaded_before_forks_answers_after_them(run):
    said = run("""
clf = digitcnn.load({model!r})
from digitcnn._utils import workers
assert not workers._tensorflow_is_in_use()
again = pickle.loads(pickle.dumps(clf))
children = [in_child(lambda: clf.predict(X)), in_child(lambda: again.predict(X))]
own = clf.predict(X)
print(all(isinstance(one, np.ndarray) and (one == own).all() for one in children))
""")
    assert said.split() == ["True"]


@pytest.mark.parametrize(
    "use",
    [
        "clf.predict(X[:1])",
        "clf.model_",
        "import tensorflow as tf; tf.constant(1.0) + 1.0",
    ],
)
def test_child_of_a_process_that_has_used_tensorflow_says_so_and_does_not_hang(run, use):
    said = run(f"""
clf = digitcnn.load({{model!r}})
{use}
print(in_child(lambda: clf.predict(X)))
print(in_child(lambda: clf.fit(X, np.arange(len(X)) % 3)))
""")
    assert said.count("RuntimeError: expected a process in which") == 2
    assert said.count("forked after tensorflow was in use") == 2


def test_child_says_so_too_where_the_package_did_nothing_before_the_fork(run):
    said = run("""
import keras
keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
assert "digitcnn.backend.devices" not in sys.modules
print(in_child(lambda: digitcnn.load({model!r}).predict(X)))
""")
    assert "RuntimeError: expected a process in which" in said
