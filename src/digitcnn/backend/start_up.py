"""The import of Keras and its backend, without what the backend says as it starts.

TensorFlow logs which kernels it has, and that there is no GPU. It reads its log level from the
environment when it is imported, but logs some lines before that.
"""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# TensorFlow's log level: 3 leaves only fatal errors.
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Lines that TensorFlow logs before it reads the level: of the present logger, of the former one,
# and lines without a prefix.
_CHATTER = re.compile(
    rb"[IWE]\d{4} \d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions: "
)


@contextmanager
def quiet_start_up() -> Iterator[None]:
    """A context to import Keras in, which suppresses TensorFlow's log messages.

    It restores the environment. Nothing is suppressed if the user has set ``TF_CPP_MIN_LOG_LEVEL``
    to less than 2, or has imported TensorFlow before.
    """
    given = os.environ.get(_LEVEL)
    if given not in (None, "2", "3") or "tensorflow" in sys.modules:
        yield
        return
    os.environ.setdefault(_LEVEL, "3")
    try:
        if _is_alone():
            with _filtered_standard_error():
                yield
        else:
            yield
    finally:
        if given is None:
            os.environ.pop(_LEVEL, None)


def _is_alone() -> bool:
    """Whether no other thread can write to standard error or start a process.

    Threads of IPython and of a notebook's kernel do neither.
    """
    if threading.active_count() == 1:
        return True
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


@contextmanager
def _filtered_standard_error() -> Iterator[None]:
    """Hold back native output to standard error, and finally write what is not TensorFlow's log.

    The lines held back are lost if the process is killed meanwhile.
    """
    _flush()
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    try:
        held = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # there is no place for one
        os.close(saved)
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            rest = b"".join(line for line in held if not _CHATTER.match(line))
            if rest:
                with suppress(OSError):  # standard error is closed
                    os.write(2, rest)


def _flush() -> None:
    with suppress(OSError, AttributeError, ValueError):  # standard error is closed, or None
        sys.stderr.flush()
