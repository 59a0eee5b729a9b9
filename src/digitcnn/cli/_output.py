"""What the command writes to standard output and standard error."""

import contextlib
import os
import sys
import textwrap
from typing import TextIO


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
    """Print a message to standard error, if it can be written to.

    A terminal has its lines broken between words. Elsewhere a message is one line.
    """
    if sys.stderr is None:  # print would take standard output
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        is_terminal = getattr(sys.stderr, "isatty", lambda: False)
        if is_terminal() and "\n" not in message:
            # Names of files stay whole, to be copied.
            message = textwrap.fill(
                message,
                width=columns_of(sys.stderr),
                break_long_words=False,
                break_on_hyphens=False,
            )
        print(
            message.encode(encoding, "backslashreplace").decode(encoding),
            file=sys.stderr,
            flush=True,
        )


def printable(text: str) -> str:
    """A text without what would move the cursor, and in characters that standard output has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    shown = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def columns_of(stream: TextIO | None) -> int:
    """How many columns a terminal has; 80 for what is none."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


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
