"""What this machine is best at: the precision to compute in, and how to compile a function."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

# The precision's public name -> the dtype policy that its layers carry.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

# Linux's names for the instructions that multiply bfloat16 numbers. Without them bfloat16 is
# emulated, and slower than float32.
_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


@lru_cache(maxsize=1)
def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux: nothing is known, and float32 is always right
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _gpu_has_bfloat16() -> bool | None:
    """Whether the first GPU multiplies bfloat16 numbers in hardware; None where there is no GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if not gpus:
            return None
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
        return capability is not None and capability >= (8, 0)
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        if device.platform == "cpu":
            return None
        capability = getattr(device, "compute_capability", None)
        return capability is None or float(capability) >= 8.0
    if backend == "torch":
        import torch

        return torch.cuda.is_bf16_supported() if torch.cuda.is_available() else None
    return None


def choose_precision(precision: str) -> str:
    """The precision to train and predict in, on this machine.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the GPU, or without one the processor, has instructions
        for it, and float32 elsewhere. The others are taken as they are.

    Returns
    -------
    str
        ``"float32"`` or ``"bfloat16"``.

    Examples
    --------
    >>> from digitcnn.devices import choose_precision
    >>> choose_precision("float32")
    'float32'
    """
    if precision != "auto":
        return precision
    has_bfloat16 = _gpu_has_bfloat16()
    if has_bfloat16 is None:
        # JAX's convolutions on the processor have no bfloat16 kernels worth having.
        has_bfloat16 = keras.backend.backend() != "jax" and bool(
            _BFLOAT16_FLAGS & _processor_flags()
        )
    return "bfloat16" if has_bfloat16 else "float32"


def on_processor(device: str) -> bool:
    """Whether a network on this device runs on the processor.

    Parameters
    ----------
    device : str
        What `device_scope` takes.
    """
    if device == "auto":
        return not keras.distribution.list_devices("gpu")
    return device.startswith("cpu")


def device_scope(device: str) -> AbstractContextManager[Any]:
    """The context in which a network is built, trained and asked on a device.

    Parameters
    ----------
    device : str
        ``"auto"`` is the backend's own choice; else ``"cpu"``, ``"gpu"`` or ``"gpu:N"``.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if device == "auto":
        return nullcontext()
    name = device if ":" in device else f"{device}:0"
    found = keras.distribution.list_devices(name.partition(":")[0])
    if name not in found:
        raise ValueError(f"device={device!r} was not found; there is {', '.join(found) or 'none'}")
    return keras.device(name)


def compiled(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """`function`, of tensors, as one of NumPy arrays, compiled where the active backend can.

    XLA makes one loop of a chain of gathers and element-wise operations, which is several times
    faster than running them one by one. PyTorch runs the function as it stands.

    Parameters
    ----------
    function : callable
        A pure function of tensors that gives one tensor.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced = tf.function(function, jit_compile=True, autograph=False)
        # Twice as fast as Keras's conversions, for batches of this size.
        return lambda *arrays: traced(*map(tf.constant, arrays)).numpy()
    if backend == "jax":
        import jax

        function = jax.jit(function)
    return lambda *arrays: keras.ops.convert_to_numpy(
        function(*map(keras.ops.convert_to_tensor, arrays))
    )
