import os

import keras
import numpy as np
import pytest
from keras import ops

from digitcnn.backend import runtime
from digitcnn.backend.runtime import compiled, configure_backend


def test_compiled_function_gives_what_the_function_gives():
    def function(x):
        return ops.sqrt(x) + 1

    x = np.arange(5, dtype=np.float32)
    result = ops.convert_to_numpy(compiled(function)(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(result, np.sqrt(x) + 1, rtol=1e-6)


@pytest.fixture
def machine(monkeypatch):
    """TensorFlow's settings as of a process where it is not in use yet, with two GPUs."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("these are TensorFlow's settings")
    settings = {"intra": 0, "inter": 0, "growth": {"a": None, "b": None}, "logical": {}}

    def settable(name):
        return lambda value: settings.__setitem__(name, value)

    for name in ("intra", "inter"):
        functions = f"et_{name}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, "g" + functions, lambda name=name: settings[name])
        monkeypatch.setattr(tf.config.threading, "s" + functions, settable(name))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(settings["growth"]))
    monkeypatch.setattr(tf.config.experimental, "get_memory_growth", settings["growth"].get)
    monkeypatch.setattr(tf.config, "get_logical_device_configuration", settings["logical"].get)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", settings["growth"].__setitem__)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.delenv(name, raising=False)
    return settings


def test_worker_takes_its_share_of_the_threads_and_the_memory_that_it_needs(monkeypatch, machine):
    monkeypatch.setattr(runtime, "worker_threads", lambda: 3)
    configure_backend.__wrapped__()
    assert (machine["intra"], machine["inter"]) == (3, 3)
    assert machine["growth"] == {"a": True, "b": True}


def test_process_that_is_no_worker_keeps_its_threads(machine):
    configure_backend.__wrapped__()
    assert (machine["intra"], machine["inter"]) == (0, 0)


def test_what_the_user_has_set_stays(monkeypatch, machine):
    monkeypatch.setattr(runtime, "worker_threads", lambda: 3)
    machine.update(intra=2)
    machine["growth"]["a"], machine["logical"]["b"] = False, ["two parts"]
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "5")
    configure_backend.__wrapped__()
    assert (machine["intra"], machine["inter"]) == (2, 0)
    assert machine["growth"] == {"a": False, "b": None}
    machine["growth"].update(a=None), machine["logical"].clear()
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    configure_backend.__wrapped__()
    assert machine["growth"] == {"a": None, "b": None}


def test_settings_that_come_too_late_are_left_alone(monkeypatch, machine):
    def refuse(*_):
        raise RuntimeError("cannot be modified after initialization")

    import tensorflow as tf

    monkeypatch.setattr(runtime, "worker_threads", lambda: 3)
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", refuse)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    configure_backend.__wrapped__()
    assert machine["growth"] == {"a": None, "b": None}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="computes with TensorFlow")
def test_function_of_a_backend_without_a_compiler_runs_as_it_is(monkeypatch):
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: "torch")
    calls = []

    def function(x):
        calls.append(x)
        return ops.sqrt(x) + 1

    x = np.arange(5, dtype=np.float32)
    run = compiled(function)
    for _ in range(2):
        np.testing.assert_allclose(run(x), np.sqrt(x) + 1, rtol=1e-6)
    assert len(calls) == 2


def test_settings_of_tensorflow_stay_with_another_backend(monkeypatch, machine):
    monkeypatch.setattr(runtime, "worker_threads", lambda: 3)
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: "torch")
    configure_backend.__wrapped__()
    assert machine["intra"] == 0
    assert machine["growth"] == {"a": None, "b": None}


def test_worker_with_jax_takes_only_the_memory_that_it_needs(monkeypatch):
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(runtime, "worker_number", lambda: 1)
    for given, expected in ((None, "false"), ("true", "true")):
        monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
        if given is not None:
            monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", given)
        configure_backend.__wrapped__()
        assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == expected


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_forked_process_is_refused_where_it_would_wait_for_ever(monkeypatch, backend):
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(runtime, "was_forked_from_use", lambda: True)
    with pytest.raises(RuntimeError, match=f"forked after {backend} was in use"):
        runtime.check_process()
