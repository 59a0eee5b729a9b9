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


@pytest.mark.parametrize(
    "use",
    ["", "clf.predict(X[:1]); again.predict(X[:1])", "import keras, tensorflow as tf; tf.sin(1.0)"],
)
def test_loaded_model_answers_in_forks_whatever_was_used_before(run, use):
    said = run(f"""
clf = digitcnn.load({{model!r}})
again = pickle.loads(pickle.dumps(clf))
{use}
children = [in_child(lambda: one.predict_proba(X)) for one in (clf, again, clf)]
own = clf.predict_proba(X)
print([isinstance(one, np.ndarray) and bool((one == own).all()) for one in children])
""")
    assert said.split("\n")[0] == "[True, True, True]"


def test_model_of_a_process_without_keras_is_trained_in_forks(run):
    said = run("""
clf = digitcnn.load({model!r})
print(len(clf.predict(X)))
print(in_child(lambda: clf.fit(X, np.arange(len(X)) % 3).n_iter_))
""")
    assert said.split("\n")[1].isdecimal()


@pytest.mark.parametrize("use", ["clf.model_", "import keras, tensorflow as tf; tf.sin(1.0)"])
def test_child_that_needs_the_backend_of_its_parent_says_so_and_does_not_hang(run, use):
    said = run(f"""
clf = digitcnn.load({{model!r}})
{use}
print(in_child(lambda: clf.predict(X) if "_network" in vars(clf._trainer.network) else clf.model_))
print(in_child(lambda: clf.fit(X, np.arange(len(X)) % 3)))
""")
    assert said.count("RuntimeError: expected a process in which") == 2
    assert said.count("forked after tensorflow was in use") == 2


def test_child_says_so_too_where_the_package_did_nothing_before_the_fork(run):
    said = run("""
import keras
keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
assert "digitcnn.backend.devices" not in sys.modules
print(in_child(lambda: digitcnn.load({model!r}).model_))
""")
    assert "RuntimeError: expected a process in which" in said
