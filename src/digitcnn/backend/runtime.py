"""The active backend: its threads and memory, and functions compiled for it."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import keras
import numpy as np

from digitcnn._utils.workers import note_use, was_forked_from_use, worker_number, worker_threads


def check_process() -> None:
    """Refuse to compute in a forked process, in which the backend would wait for lost threads."""
    backend = keras.backend.backend()
    if was_forked_from_use() and backend in ("tensorflow", "jax"):
        raise RuntimeError(
            f"expected a process in which Keras's backend can start its threads, got one that was "
            f"forked after {backend} was in use: it would wait for ever. Start processes with "
            "'spawn' or 'forkserver' (joblib's default does so), or load the model before the fork "
            "and train and predict after it alone"
        )
    note_use()


@cache
def configure_backend() -> None:
    """Configure the backend's threads and GPU memory, before its first use in this process.

    In a worker of joblib or Dask, TensorFlow uses as many threads as the worker's share of the
    cores. TensorFlow, and in a worker JAX, allocate GPU memory as needed rather than all at once.
    Existing settings are kept, and nothing changes once the backend is in use.
    """
    if keras.backend.backend() == "jax" and worker_number() is not None:
        # JAX would allocate three quarters of a GPU's memory at once, and leave too little for the
        # next worker.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    share, threading = worker_threads(), tf.config.threading
    if share is not None:
        with suppress(RuntimeError):  # TensorFlow is in use
            if not (threading.get_intra_op_parallelism_threads() or _is_set("INTRAOP_THREADS")):
                threading.set_intra_op_parallelism_threads(share)
            if not (threading.get_inter_op_parallelism_threads() or _is_set("INTEROP_THREADS")):
                threading.set_inter_op_parallelism_threads(share)
    if "TF_FORCE_GPU_ALLOW_GROWTH" in os.environ:
        return
    for gpu in tf.config.list_physical_devices("GPU"):
        is_configured = tf.config.experimental.get_memory_growth(gpu) is not None
        if not is_configured and tf.config.get_logical_device_configuration(gpu) is None:
            with suppress(RuntimeError):
                tf.config.experimental.set_memory_growth(gpu, True)


def _is_set(name: str) -> bool:
    """Whether an environment variable sets TensorFlow's number of threads."""
    return os.environ.get(f"TF_NUM_{name}", "0") != "0"


def compiled(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Compile a function of tensors, for NumPy arrays, if the active backend can.

    XLA fuses a chain of gathers and element-wise operations into one loop, which is several times
    faster than separate operations. PyTorch runs the function uncompiled.

    Parameters
    ----------
    function : callable
        A pure function of tensors that returns one tensor.
    """
    on_device = compiled_on_device(function)
    if keras.backend.backend() == "tensorflow":
        return lambda *arrays: on_device(*arrays).numpy()
    return lambda *arrays: keras.ops.convert_to_numpy(on_device(*arrays))


def compiled_on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, but the result remains a tensor on its device."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced = tf.function(function, jit_compile=True, autograph=False)

        @cache
        def trace(*signature: tuple[tuple[int, ...], str]) -> Any:
            # A concrete function: a user may have set functions to run eagerly.
            return traced.get_concrete_function(*(tf.TensorSpec(*one) for one in signature))

        # Twice as fast as Keras's conversions, for batches of this size.
        return lambda *arrays: trace(*((a.shape, a.dtype.name) for a in arrays))(
            *map(tf.constant, arrays)
        )
    if backend == "jax":
        import jax

        function = jax.jit(function)
    return lambda *arrays: function(*map(keras.ops.convert_to_tensor, arrays))
