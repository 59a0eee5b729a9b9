"""Processes: joblib's and Dask's workers, which take their share of the cores and GPUs, and forks.

It is imported with the package, for it has to be there when a process forks.
"""

import multiprocessing
import os
import re
import sys
from collections.abc import Sequence

# What joblib calls the processes of its default backend, counted from 1 by the process that
# starts them; and what Dask calls its own.
_LOKY = re.compile(r"LokyProcess-(?:\d+:)*(\d+)")
_DASK = "Dask Worker process"

# Whether the backend is in use in this process by this package, and whether this process was forked
# from one in which it was in use, by this package or by anybody else.
_in_use = False
_inherited = False


def note_use() -> None:
    """From now on this package uses Keras's backend in this process."""
    global _in_use
    _in_use = True


def was_forked_from_use() -> bool:
    """Whether threads of Keras's backend were left behind when this process was forked."""
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
        # Refused once TensorFlow's threads have been started.
        threading.set_inter_op_parallelism_threads(threads + 1)
    except RuntimeError:
        return True
    threading.set_inter_op_parallelism_threads(threads)
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def worker_number() -> int | None:
    """The number of this process among the workers, from 0 up.

    Workers that are started together have numbers in a row.

    Returns
    -------
    int or None
        None in a process that is nobody's worker: there nothing is for this package to settle. And
        in a worker of Dask whose name is no number.
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
    """How many threads this worker may have.

    joblib and Dask write it into the environment of their workers, for OpenMP. joblib: the number
    of cores by the number of workers, or ``inner_max_num_threads``, or what the user has set
    already. Dask: 1, or what its configuration says.

    Returns
    -------
    int or None
        None in a process that is nobody's worker.
    """
    name = multiprocessing.current_process().name
    share = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    is_worker = name.startswith(_DASK) or _LOKY.fullmatch(name) is not None
    return int(share) if is_worker and share.isdecimal() and int(share) else None


def deal_out(devices: Sequence[str], worker: int) -> str | None:
    """The device of a worker, where there are several: round robin, by the worker's number.

    Parameters
    ----------
    devices : sequence of str
        Names of the devices to deal out.
    worker : int
        From `worker_number`.

    Returns
    -------
    str or None
        None where there is nothing to choose: for one device, or none.

    Examples
    --------
    >>> from digitcnn._utils.workers import deal_out
    >>> [deal_out(["gpu:0", "gpu:1"], worker) for worker in range(3)]
    ['gpu:0', 'gpu:1', 'gpu:0']
    """
    if len(devices) < 2:
        return None
    return devices[worker % len(devices)]
