"""What the command writes to standard output and standard error."""

import contextlib
import os
import sys
from typing import Any, TextIO


class OutputClosedError(Exception):
    """The reader of standard output has closed it: nothing more needs to be computed."""


def show(text: str = "") -> None:
    """Print a line of the result.

    Characters that the output's encoding lacks are escaped. A closed output is not an error.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        _turn_off(sys.stdout)


def say(message: str) -> None:
    """Print a message to standard error, if it can be written to."""
    if sys.stderr is None:  # print would take standard output
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        print(
            message.encode(encoding, "backslashreplace").decode(encoding),
            file=sys.stderr,
            flush=True,
        )


def print_measures(result: dict[str, Any]) -> None:
    """Print what `evaluation.measure` returns."""
    show(
        f"accuracy {result['accuracy']:.2%}: {result['errors']} errors in {result['digits']:,} "
        f"digits; log loss {result['log_loss']:.4f}"
    )
    names = [str(name) for name in result["classes"]]
    counts = (len(str(n)) for row in result["confusion_matrix"] for n in row)
    width = 1 + max(len("recall"), *map(len, names), *counts)
    show("\nconfusion matrix (rows: truth, columns: prediction)")
    show(" " * width + "".join(f"{name:>{width}}" for name in [*names, "recall"]))
    rows = zip(names, result["confusion_matrix"], result["class_recall"], strict=True)
    for name, row, recall in rows:
        cells = "".join(f"{n or '.':>{width}}" for n in row)
        show(f"{name:>{width}}{cells}{recall:>{width}.3f}")
    show(f"{'prec.':>{width}}" + "".join(f"{p:>{width}.3f}" for p in result["class_precision"]))
    if result["most_confident_errors"]:
        show("\nmost confident errors")
        for error in result["most_confident_errors"]:
            show(
                f"  row {error['row']}: {error['truth']} ({error['truth_probability']:.3f}) "
                f"read as {error['prediction']} ({error['prediction_probability']:.3f})"
            )
    show()


def write_out(text: str) -> None:
    """Write a part of a table to standard output, in UTF-8 as to a file.

    Raises
    ------
    OutputClosedError
        If its reader has closed it.
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
    """Prevent errors at exit about streams that their reader has closed.

    Python flushes both streams when it ends, and exits with the status 120 where that fails.
    """
    for stream, error in ((sys.stdout, BrokenPipeError), (sys.stderr, OSError)):
        try:
            stream.flush()
        except error:
            _turn_off(stream)
        except (AttributeError, OSError, ValueError):  # none, a full disk, or closed
            continue


def describe_os_error(error: OSError) -> str:
    """The system's message with the file's name, without the error number."""
    if error.strerror is None:
        return " ".join(str(error).split())
    name = error.filename2 if error.filename2 is not None else error.filename
    return error.strerror if name is None else f"{os.fsdecode(name)}: {error.strerror}"


def _turn_off(stream: TextIO) -> None:
    """Redirect a stream to the null device."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
