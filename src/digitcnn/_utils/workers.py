"""Worker processes of joblib and Dask, their share of cores and GPUs, and forked processes.

The package imports this module at once, because its hook must be in place when a process forks.
"""

import multiprocessing
import os
import re
import sys
from collections.abc import Sequence

# The names of worker processes: of joblib's default backend, numbered from 1 by the process that
# starts them, and of Dask.
_LOKY = re.compile(r"LokyProcess-(?:\d+:)*(\d+)")
_DASK = "Dask Worker process"

# Whether this package uses the backend in this process, and whether this process was forked from
# one that used the backend, through this package or not.
_in_use = False
_inherited = False


def note_use() -> None:
    """Note that this package uses Keras's backend in this process from now on."""
    global _in_use
    _in_use = True


def was_forked_from_use() -> bool:
    """Whether this process was forked from one whose backend had threads: a fork loses threads."""
    return _inherited


def _note_fork() -> None:
    global _inherited
    _inherited = _in_use or _tensorflow_is_in_use()


def _tensorflow_is_in_use() -> bool:
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    threading = tf.config.threading
    threads = threading.get_inter_op_parallelism_threads()
    try:
        # TensorFlow refuses this once it has started its threads.
        threading.set_inter_op_parallelism_threads(threads + 1)
    except RuntimeError:
        return True
    threading.set_inter_op_parallelism_threads(threads)
    return False


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no forks
    os.register_at_fork(after_in_child=_note_fork)


def worker_number() -> int | None:
    """The number of this process among the workers, counted from 0.

    Workers that are started together have consecutive numbers.

    Returns
    -------
    int or None
        None in a process that is not a worker, and in a Dask worker whose name is not a number.
    """
    name = multiprocessing.current_process().name
    if found := _LOKY.fullmatch(name):
        return int(found[1]) - 1
    if not name.startswith(_DASK):
        return None
    from distributed import get_worker

    try:
        number = get_worker().name
    except ValueError:  # between two tasks
        return None
    return number if isinstance(number, int) else None


def worker_threads() -> int | None:
    """The number of threads that this worker may use.

    joblib and Dask set it for OpenMP, in the environment of their workers. joblib sets the number
    of cores divided by the number of workers, or ``inner_max_num_threads``, unless the user set the
    variable. Dask sets 1, or the value in its configuration.

    Returns
    -------
    int or None
        None in a process that is not a worker.
    """
    name = multiprocessing.current_process().name
    share = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    is_worker = name.startswith(_DASK) or _LOKY.fullmatch(name) is not None
    return int(share) if is_worker and share.isdecimal() and int(share) else None


def usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def round_robin(devices: Sequence[str], worker: int) -> str | None:
    """The device of a worker, assigned round robin by the worker's number.

    Parameters
    ----------
    devices : sequence of str
        Names of the devices to choose from.
    worker : int
        The worker's number, from `worker_number`.

    Returns
    -------
    str or None
        None if there is no choice: with one device or none.

    Examples
    --------
    >>> from digitcnn._utils.workers import round_robin
    >>> [round_robin(["gpu:0", "gpu:1"], worker) for worker in range(3)]
    ['gpu:0', 'gpu:1', 'gpu:0']
    """
    if len(devices) < 2:
        return None
    return devices[worker % len(devices)]
