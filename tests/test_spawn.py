"""What a process that was spawned may do, as processes are on Windows and macOS."""

import os
import subprocess
import sys

import pytest

from conftest import TESTS

pytestmark = pytest.mark.slow

PROGRAM = """
import multiprocessing, pickle, sys
import numpy as np
from digitcnn import DigitReader

def classify(content, X):
    return pickle.loads(content).predict_proba(X)

def read(reader, picture):
    return reader.read(picture).text

if __name__ == "__main__":
    sys.path.insert(0, {tests!r})
    from conftest import make_classifier
    from digitcnn.datasets import load_sample_digits
    X, y = load_sample_digits()
    clf = make_classifier(image_shape="auto", precision="float32").fit(X[:100], y[:100])
    reader = DigitReader(layout="line", length=3)
    picture = np.hstack(X[[3, 1, 4]].reshape(3, 28, 28))
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        classified = pool.apply_async(classify, (pickle.dumps(clf), X[:20]))
        texts = pool.starmap(read, [(reader, picture)] * 2)
        np.testing.assert_allclose(classified.get(), clf.predict_proba(X[:20]), atol=1e-4)
    assert texts == ["314", "314"], texts
    print("done")
"""


def test_fitted_estimators_and_readers_work_in_spawned_processes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(tests=str(TESTS)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.stdout == "done\n", done.stderr
