"""Available devices, and the choice of a device and its precision."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras

from digitcnn._utils.workers import round_robin, worker_number
from digitcnn.backend.own_models import takes_option
from digitcnn.backend.runtime import check_process, configure_backend

# Public name of a precision -> dtype policy of the layers.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

# Linux's names of the CPU instructions that multiply bfloat16 numbers. Without them bfloat16 is
# emulated, and slower than float32.
_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


@lru_cache(maxsize=1)
def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux: unknown, so float32, which always works
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _gpu_has_bfloat16() -> bool | None:
    """Whether the first GPU multiplies bfloat16 numbers in hardware; None without a GPU."""
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


def choose_precision(precision: str, device: str = "auto") -> str:
    """Choose the precision of training and prediction on a device.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` is bfloat16 if the device has instructions for it, and float32 otherwise.
    device : str, default="auto"
        As in `choose_device`.

    Returns
    -------
    str
        ``"float32"`` or ``"bfloat16"``.

    Examples
    --------
    >>> from digitcnn.backend.devices import choose_precision
    >>> choose_precision("float32")
    'float32'
    """
    if precision != "auto":
        return precision
    name = choose_device(device)
    is_processor = name is not None and name.startswith("cpu")
    has_bfloat16 = None if is_processor else _gpu_has_bfloat16()
    if has_bfloat16 is None:
        # JAX has no fast bfloat16 convolutions on the CPU.
        has_bfloat16 = keras.backend.backend() != "jax" and bool(
            _BFLOAT16_FLAGS & _processor_flags()
        )
    return "bfloat16" if has_bfloat16 else "float32"


def list_gpus() -> list[str]:
    """The names of the GPUs: ``"gpu:0"`` and so on."""
    configure_backend()  # before TensorFlow is initialised by listing them
    return _list_devices("gpu")


def _list_devices(kind: str) -> list[str]:
    """The names of the devices of a kind, ``"cpu"`` or ``"gpu"``."""
    if keras.backend.backend() == "torch":  # for which Keras has no list
        import torch

        count = torch.cuda.device_count() if kind == "gpu" else 1
        return [f"{kind}:{i}" for i in range(count)]
    try:
        found: list[str] = keras.distribution.list_devices(kind)
    except RuntimeError:  # JAX raises this if there are none
        return []
    return found


def choose_device(device: str) -> str | None:
    """Choose the device to use.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu", "gpu:N", "all"}
        With ``"auto"`` and several GPUs, each worker of joblib or Dask gets one, in turn.

    Returns
    -------
    str or None
        Name of the device; None for the backend's default, or for several devices.
    """
    if device == "all":
        return None
    if device == "auto":
        worker = worker_number()
        return None if worker is None else round_robin(list_gpus(), worker)
    return device if ":" in device else f"{device}:0"


def on_processor(device: str) -> bool:
    """Whether a network on this device runs on the CPU.

    Parameters
    ----------
    device : str
        As in `choose_device`.
    """
    name = choose_device(device)
    return not list_gpus() if name is None else name.startswith("cpu")


def device_scope(device: str) -> AbstractContextManager[Any]:
    """The context to build, train and evaluate a network on a device.

    A distribution set by the user (`tf.distribute`, `keras.distribution`) is disabled in it.

    Parameters
    ----------
    device : str
        As in `choose_device`.

    Raises
    ------
    ValueError
        If the device does not exist.
    """
    check_process()
    configure_backend()
    own = _own_scope(device)
    return _undistributed(own) if _is_distributed() else own


def _own_scope(device: str) -> AbstractContextManager[Any]:
    if device == "all":
        return _data_parallel()
    name = choose_device(device)
    if name is None:
        return nullcontext()
    kind = name.partition(":")[0]
    found = _list_devices(kind)
    if name not in found:
        some = ", ".join(found) or f"no {kind}"
        raise ValueError(f"expected one of the devices found ({some}), got {device!r}")
    if name == "cpu:0" and keras.backend.backend() == "torch":
        # For PyTorch "cpu:0" is another device than "cpu": moving a parameter there makes a copy
        # that is no parameter.
        name = "cpu"
    scope: AbstractContextManager[Any] = keras.device(name)
    return scope


def _has_strategy() -> bool:
    """Whether a TensorFlow distribution strategy is in scope."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    found: bool = tf.distribute.has_strategy()
    return found


def _is_distributed() -> bool:
    return keras.distribution.distribution() is not None or _has_strategy()


@contextmanager
def _undistributed(inner: AbstractContextManager[Any]) -> Iterator[None]:
    """The context `inner`, without a distribution."""
    with ExitStack() as stack:
        if _has_strategy():
            import tensorflow as tf

            # A strategy belongs to a graph, even in eager mode. Entering another graph, in eager
            # mode again, leaves it.
            stack.enter_context(tf.Graph().as_default())
            stack.enter_context(tf.__internal__.eager_context.eager_mode())
        distribution = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        stack.callback(keras.distribution.set_distribution, distribution)
        stack.enter_context(inner)
        yield


def count_devices(device: str) -> int:
    """Number of devices among which a batch is divided."""
    return len(_all_devices()) if device == "all" else 1


def _all_devices() -> list[str]:
    return list_gpus() or _list_devices("cpu")


def _data_parallel() -> AbstractContextManager[Any]:
    """Keras's data parallelism: each device has all weights and a part of each batch."""
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(
            f"device='all' expected Keras's JAX backend, got {backend}: Keras divides batches "
            "among devices with JAX alone. Set KERAS_BACKEND=jax"
        )
    scope: AbstractContextManager[Any] = keras.distribution.DataParallel(
        devices=_all_devices()
    ).scope()
    return scope


def resolve_precision(
    precision: str, architecture: str | Callable[..., keras.Model], device: str = "auto"
) -> str:
    """Choose the precision of a network.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` depends on the device for a named network, and for a callable with a parameter
        ``dtype``. A callable without it is float32.
    architecture : str or callable
    device : str, default="auto"
        What `digitcnn.backend.devices.choose_device` takes.

    Returns
    -------
    str
        ``"float32"`` or ``"bfloat16"``.

    Raises
    ------
    ValueError
        If bfloat16 is required and the callable has no parameter for it.

    Examples
    --------
    >>> from digitcnn.backend.devices import resolve_precision
    >>> resolve_precision("auto", lambda image_shape, n_classes: None)
    'float32'
    """
    if isinstance(architecture, str) or takes_option(architecture, "dtype"):
        return choose_precision(precision, device)
    if precision == "bfloat16":
        raise ValueError(
            f"expected an architecture with a parameter dtype for precision='bfloat16', got "
            f"{architecture!r}. Add the parameter and give it to your layers, or set "
            "precision='auto'"
        )
    return "float32"
