"""What the command writes to standard output and standard error."""

import contextlib
import os
import sys
from typing import TextIO


class OutputClosedError(Exception):
    """Whoever read standard output has read enough, and more need not be computed."""


def show(text: str = "") -> None:
    """Print a line of the result.

    What the output's encoding has not is written as an escape. That nobody reads it any more is no
    reason to stop.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        _turn_off(sys.stdout)


def say(message: str) -> None:
    """Tell the user something that is no result. Nothing depends on whether it can be told."""
    if sys.stderr is None:  # print would take standard output
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        print(
            message.encode(encoding, "backslashreplace").decode(encoding),
            file=sys.stderr,
            flush=True,
        )


def write_out(text: str) -> None:
    """Write a part of a table to standard output: as a file of it would be, in UTF-8.

    Raises
    ------
    OutputClosedError
        If nobody reads it any more.
    """
    if sys.stdout is None:
        return
    binary = getattr(sys.stdout, "buffer", None)
    try:
        if binary is None:  # something in memory that took the place of standard output
            sys.stdout.write(text)
            return
        sys.stdout.flush()
        binary.write(text.encode("utf-8", "backslashreplace"))
        binary.flush()
    except BrokenPipeError:
        _turn_off(sys.stdout)
        raise OutputClosedError from None


def settle() -> None:
    """Let what nobody reads any more be no error at exit.

    Python flushes both streams when it ends, and makes 120 of the exit status where that fails.
    """
    for stream, error in ((sys.stdout, BrokenPipeError), (sys.stderr, OSError)):
        try:
            stream.flush()
        except error:
            _turn_off(stream)
        except (AttributeError, OSError, ValueError):  # none, a full disk, or closed
            continue


def describe_os_error(error: OSError) -> str:
    """What the system says, with the file that it speaks of, and without a number."""
    if error.strerror is None:
        return " ".join(str(error).split())
    name = error.filename2 if error.filename2 is not None else error.filename
    return error.strerror if name is None else f"{os.fsdecode(name)}: {error.strerror}"


def _turn_off(stream: TextIO) -> None:
    """Let a stream lead nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
