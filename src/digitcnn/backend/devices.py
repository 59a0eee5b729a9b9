"""Devices: which there are, which to use, and in what precision."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras

from digitcnn._utils.workers import round_robin, worker_number
from digitcnn.backend.own_models import takes_option
from digitcnn.backend.runtime import check_process, configure_backend

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


def choose_precision(precision: str, device: str = "auto") -> str:
    """The precision to train and predict in, on a device of this machine.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the device has instructions for it, and float32 elsewhere.
        The others are taken as they are.
    device : str, default="auto"
        What `choose_device` takes.

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
        # JAX's convolutions on the processor have no bfloat16 kernels worth having.
        has_bfloat16 = keras.backend.backend() != "jax" and bool(
            _BFLOAT16_FLAGS & _processor_flags()
        )
    return "bfloat16" if has_bfloat16 else "float32"


def list_gpus() -> list[str]:
    """The names of the GPUs: ``"gpu:0"`` and on."""
    configure_backend()  # looking for them puts TensorFlow in use
    return _list_devices("gpu")


def _list_devices(kind: str) -> list[str]:
    """The names of the devices that are a ``"cpu"``, or a ``"gpu"``."""
    if keras.backend.backend() == "torch":  # for which Keras has no list
        import torch

        count = torch.cuda.device_count() if kind == "gpu" else 1
        return [f"{kind}:{i}" for i in range(count)]
    try:
        found: list[str] = keras.distribution.list_devices(kind)
    except RuntimeError:  # JAX's word for none
        return []
    return found


def choose_device(device: str) -> str | None:
    """The name of the device to use.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu", "gpu:N", "all"}
        ``"auto"``: where there are several GPUs, the workers of joblib or Dask take one each,
        in turn.

    Returns
    -------
    str or None
        None where it is left to the backend, or where it is more than one.
    """
    if device == "all":
        return None
    if device == "auto":
        worker = worker_number()
        return None if worker is None else round_robin(list_gpus(), worker)
    return device if ":" in device else f"{device}:0"


def on_processor(device: str) -> bool:
    """Whether a network on this device runs on the processor.

    Parameters
    ----------
    device : str
        What `choose_device` takes.
    """
    name = choose_device(device)
    return not list_gpus() if name is None else name.startswith("cpu")


def device_scope(device: str) -> AbstractContextManager[Any]:
    """The context in which a network is built, trained and asked on a device.

    What a user distributes models of theirs over (`tf.distribute`, `keras.distribution`) has no
    part in it.

    Parameters
    ----------
    device : str
        What `choose_device` takes.

    Raises
    ------
    ValueError
        If there is no such device.
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
    found = _list_devices(name.partition(":")[0])
    if name not in found:
        raise ValueError(f"device={device!r} was not found; there is {', '.join(found) or 'none'}")
    if name == "cpu:0" and keras.backend.backend() == "torch":
        # To PyTorch the processor by its number is another device: a parameter moved there is a
        # copy, and no parameter any more.
        name = "cpu"
    return keras.device(name)


def _has_strategy() -> bool:
    """Whether this stands in the scope of one of TensorFlow's distribution strategies."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    found: bool = tf.distribute.has_strategy()
    return found


def _is_distributed() -> bool:
    return keras.distribution.distribution() is not None or _has_strategy()


@contextmanager
def _undistributed(inner: AbstractContextManager[Any]) -> Iterator[None]:
    """`inner`, with nothing of the distribution around it."""
    with ExitStack() as stack:
        if _has_strategy():
            import tensorflow as tf

            # A strategy belongs to a graph, even where operations run at once. So it is left by
            # entering another graph, in which they run at once too.
            stack.enter_context(tf.Graph().as_default())
            stack.enter_context(tf.__internal__.eager_context.eager_mode())
        distribution = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        stack.callback(keras.distribution.set_distribution, distribution)
        stack.enter_context(inner)
        yield


def count_devices(device: str) -> int:
    """Among how many devices a batch is divided."""
    return len(_all_devices()) if device == "all" else 1


def _all_devices() -> list[str]:
    return list_gpus() or _list_devices("cpu")


def _data_parallel() -> AbstractContextManager[Any]:
    """Keras's own: each device has all of the weights and a part of each batch."""
    backend = keras.backend.backend()
    if backend != "jax":
        raise ValueError(
            f"device='all' wants Keras's JAX backend (KERAS_BACKEND=jax), found is {backend}: with "
            "others Keras does not divide batches among devices"
        )
    scope: AbstractContextManager[Any] = keras.distribution.DataParallel(
        devices=_all_devices()
    ).scope()
    return scope


def resolve_precision(
    precision: str, architecture: str | Callable[..., keras.Model], device: str = "auto"
) -> str:
    """The precision that a network computes in.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        What ``"auto"`` is for a named network, and for a callable with a parameter ``dtype``, is
        the device's choice. A callable without one is left in float32.
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
        If bfloat16 is asked for and the callable cannot be told.

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
