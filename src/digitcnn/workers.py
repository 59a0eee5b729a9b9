"""Worker processes of joblib: each takes its share of the cores and of the GPUs, and no more."""

import multiprocessing
import os
import re
from collections.abc import Sequence

# What joblib calls the processes of its default backend, counted from 1 by the process that
# starts them.
_NAME = re.compile(r"LokyProcess-(?:\d+:)*(\d+)")


def worker_number() -> int | None:
    """The number of this process among joblib's workers, from 0 up.

    Workers that are started together have numbers in a row.

    Returns
    -------
    int or None
        None in a process that is none of joblib's: there nothing is for this package to settle.
    """
    found = _NAME.fullmatch(multiprocessing.current_process().name)
    return int(found[1]) - 1 if found else None


def worker_threads() -> int | None:
    """How many threads this worker may have.

    joblib writes it into the environment of its workers, for OpenMP: the number of cores by the
    number of workers, or ``inner_max_num_threads``, or what the user has set already.

    Returns
    -------
    int or None
        None in a process that is none of joblib's.
    """
    share = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if worker_number() is None or not share.isdecimal() or not int(share):
        return None
    return int(share)


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
    >>> from digitcnn.workers import deal_out
    >>> [deal_out(["gpu:0", "gpu:1"], worker) for worker in range(3)]
    ['gpu:0', 'gpu:1', 'gpu:0']
    """
    if len(devices) < 2:
        return None
    return devices[worker % len(devices)]
