"""Workers of joblib and Dask share cores and devices, with the same scores as one process."""

import json
import multiprocessing
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TESTS, make_classifier
from digitcnn._utils.workers import round_robin, usable_cores, worker_number, worker_threads


class Named:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("MainProcess", None),
        ("Process-3", None),
        ("LokyProcess-1", 0),
        ("LokyProcess-12", 11),
        ("LokyProcess-2:3", 2),
        ("MyLokyProcess-1", None),
    ],
)
def test_worker_is_known_by_the_name_that_joblib_gives_it(monkeypatch, name, number):
    monkeypatch.setattr(multiprocessing, "current_process", lambda: Named(name))
    assert worker_number() == number


@pytest.mark.parametrize(
    ("process", "variable", "threads"),
    [
        ("LokyProcess-1", "4", 4),
        ("LokyProcess-1", "4,2", 4),
        ("LokyProcess-1", "", None),
        ("LokyProcess-1", "0", None),
        ("LokyProcess-1", "many", None),
        ("Dask Worker process (from Nanny)", "2", 2),
        ("MainProcess", "4", None),
    ],
)
def test_threads_are_those_that_joblib_allows_its_worker(monkeypatch, process, variable, threads):
    monkeypatch.setattr(multiprocessing, "current_process", lambda: Named(process))
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert worker_threads() == threads


@given(st.integers(2, 9), st.integers(0, 99), st.integers(1, 30))
def test_workers_with_numbers_in_a_row_are_dealt_out_evenly(n_devices, first, n_workers):
    devices = [f"gpu:{i}" for i in range(n_devices)]
    dealt = Counter(round_robin(devices, first + i) for i in range(n_workers))
    assert set(dealt) <= set(devices)
    counts = [dealt[device] for device in devices]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("devices", "worker"), [([], 0), (["gpu:0"], 3)])
def test_nothing_is_dealt_out_where_there_is_no_choice(devices, worker):
    assert round_robin(devices, worker) is None


# In separate processes: TensorFlow takes its settings only before its first use. The workers'
# processors are divided into three logical devices, two of which stand in for GPUs.
SEARCHES = """
import json, multiprocessing, os, sys, time
sys.path.insert(0, {tests!r})

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from conftest import make_classifier


def divide(folder):
    import tensorflow as tf

    from digitcnn.backend import devices

    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * 3
    tf.config.set_logical_device_configuration(processor, parts)
    devices.list_gpus = lambda: ["cpu:1", "cpu:2"]
    # Let the other worker run a task, too.
    open(os.path.join(folder, str(os.getpid())), "x").close()
    while len(os.listdir(folder)) < 2:
        time.sleep(0.01)


def look(clf, X, y):
    import tensorflow as tf

    from digitcnn.backend import devices

    threads = tf.config.threading
    with devices.device_scope("auto"):
        device = tf.constant(0.0).device
    return {{
        "worker": multiprocessing.current_process().name,
        "device": device.rpartition(":")[2],
        "intra": threads.get_intra_op_parallelism_threads(),
        "inter": threads.get_inter_op_parallelism_threads(),
        "loss": clf.loss_curve_[-1],
        "score": clf.score(X, y),
    }}


def scoring(clf, X, y):
    found = look(clf, X, y)
    with open(os.path.join({folder!r}, "seen.jsonl"), "a") as file:
        file.write(json.dumps(found) + "\\n")
    return {{"loss": found["loss"], "score": found["score"]}}


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X, y = np.round(X * (255 / 16)).astype(np.uint8)[:200], y[:200]
    search = GridSearchCV(
        make_classifier(epochs=3, rotation_range=10.0, corruption_rate=0.2),
        {{"learning_rate": [0.001, 0.005], "batch_size": [32, 50]}},
        scoring=scoring,
        refit=False,
        cv=2,
        error_score="raise",
    )
    environment = dict(os.environ)
    results = []
    with parallel_config("loky", n_jobs=2, inner_max_num_threads={threads}):
        waiting = os.path.join({folder!r}, "waiting")
        os.mkdir(waiting)
        Parallel()(delayed(divide)(waiting) for _ in range(2))
        results.append(search.fit(X, y).cv_results_)
    assert "tensorflow" not in sys.modules
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads({threads})
    tf.config.threading.set_inter_op_parallelism_threads({threads})
    results.append(search.set_params(n_jobs=1).fit(X, y).cv_results_)
    names = [f"split{{i}}_test_{{what}}" for i in range(2) for what in ("loss", "score")]
    changed = [k for k, v in os.environ.items() if environment.get(k) != v and "THREAD" in k]
    found = [[list(result[name]) for name in names] for result in results]
    print(json.dumps([*found, changed]))
"""


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    """A grid search in two workers with a thread each, and in one process with as many."""
    folder = tmp_path_factory.mktemp("searches")
    code = SEARCHES.format(tests=str(TESTS), folder=str(folder), threads=1)
    environment = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    parallel, serial, changed = json.loads(done.stdout.splitlines()[-1])
    lines = (folder / "seen.jsonl").read_text().splitlines()
    return parallel, serial, changed, [json.loads(line) for line in lines]


is_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="these are TensorFlow's threads and devices"
)


@pytest.mark.slow
@is_tensorflow
def test_search_in_workers_gives_to_the_bit_what_one_process_with_as_many_threads_gives(searches):
    parallel, serial, _, _ = searches
    assert parallel == serial
    assert len(parallel[0]) == 4
    assert len(set(parallel[0])) == 4  # the losses differ from candidate to candidate


@pytest.mark.slow
@is_tensorflow
def test_each_worker_has_the_threads_that_joblib_allows_it_and_the_main_process_its_own(searches):
    *_, changed, seen = searches
    in_workers = [one for one in seen if one["worker"].startswith("LokyProcess")]
    assert len(in_workers) == 8
    assert {(one["intra"], one["inter"]) for one in in_workers} == {(1, 1)}
    assert changed == []


@pytest.mark.slow
@is_tensorflow
def test_each_worker_has_a_device_of_its_own_and_the_main_process_the_backends_choice(searches):
    *_, seen = searches
    found = {(one["worker"], one["device"]) for one in seen}
    assert found == {("LokyProcess-1", "1"), ("LokyProcess-2", "2"), ("MainProcess", "0")}


ON_DASK = """
import json, os, signal, sys
sys.path.insert(0, {tests!r})

import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from conftest import make_classifier


def scoring(clf, X, y):
    import multiprocessing
    import tensorflow as tf

    from digitcnn._utils.workers import worker_number

    if multiprocessing.parent_process() is not None:
        try:
            open(os.path.join({folder!r}, "killed"), "x").close()
        except FileExistsError:
            pass
        else:
            os._exit(9)
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        with open(os.path.join({folder!r}, "seen.jsonl"), "a") as file:
            file.write(json.dumps([worker_number(), threads]) + "\\n")
    return {{"loss": clf.loss_curve_[-1], "score": clf.score(X, y)}}


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X, y = np.round(X * (255 / 16)).astype(np.uint8)[:200], y[:200]
    search = GridSearchCV(
        make_classifier(epochs=3, rotation_range=10.0, corruption_rate=0.2),
        {{"learning_rate": [0.001, 0.002, 0.005]}},
        scoring=scoring,
        refit=False,
        cv=2,
        error_score="raise",
    )
    results = []
    options = {{"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}}
    with LocalCluster(processes=True, **options) as cluster, Client(cluster):
        with parallel_config(backend="dask"):
            results.append(search.set_params(n_jobs=-1).fit(X, y).cv_results_)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    results.append(search.set_params(n_jobs=1).fit(X, y).cv_results_)
    names = [f"split{{i}}_test_{{what}}" for i in range(2) for what in ("loss", "score")]
    print(json.dumps([[list(result[name]) for name in names] for result in results]))
"""


@pytest.mark.slow
@is_tensorflow
def test_search_on_dask_gives_the_scores_of_one_process_though_a_worker_is_killed(tmp_path):
    pytest.importorskip("distributed")
    code = ON_DASK.format(tests=str(TESTS), folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    on_dask, local = json.loads(done.stdout.splitlines()[-1])
    assert on_dask == local
    assert len(set(local[0])) == 3
    assert (tmp_path / "killed").exists()
    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert len(seen) >= 6
    assert {number for number, _ in seen} <= {0, 1}
    assert {threads for _, threads in seen} == {1}


@pytest.mark.slow
def test_memory_map_that_may_not_be_written_to_is_not_copied(tmp_path):
    n = 60_000
    shape = (n, 28 * 28)
    X = np.memmap(tmp_path / "X", np.uint8, "w+", shape=shape)
    X[:] = np.random.default_rng(0).integers(0, 256, (100, 28 * 28)).repeat(n // 100, axis=0)
    X.flush()
    X = np.memmap(tmp_path / "X", np.uint8, "r", shape=shape)
    y = np.arange(n) // (n // 10)

    def four_pixels(image_shape, n_classes):
        pixels = keras.layers.AveragePooling2D(14)
        stack = [keras.Input(image_shape), pixels, keras.layers.Flatten()]
        return keras.Sequential([*stack, keras.layers.Dense(n_classes, activation="softmax")])

    clf = make_classifier(architecture=four_pixels, epochs=1, batch_size=1000)
    tracemalloc.start(1)
    try:
        clf.fit(X, y).predict_proba(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A group of batches, as numbers of four bytes, and what is drawn for it.
    assert peak < 0.75 * X.nbytes


@pytest.mark.parametrize(("name", "number"), [(2, 2), ("tcp://10.0.0.1:5", None), (None, None)])
def test_worker_of_dask_is_known_by_its_number(monkeypatch, name, number):
    def get_worker():
        if name is None:
            raise ValueError("No worker found")
        return Named(name)

    process = Named("Dask Worker process (from Nanny)")
    monkeypatch.setattr(multiprocessing, "current_process", lambda: process)
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=get_worker))
    assert worker_number() == number


@pytest.mark.parametrize(("counted", "cores"), [(6, 6), (None, 1)])
def test_cores_are_counted_where_a_process_cannot_be_bound_to_some(monkeypatch, counted, cores):
    # As on Windows and macOS.
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == cores
