"""The command's output: results to standard output, messages to standard error."""

import contextlib
import errno
import os
import sys
import textwrap
from typing import TextIO

_IS_WINDOWS = os.name == "nt"


class OutputClosedError(Exception):
    """Standard output was closed by its reader: nothing more needs to be computed."""


def show(text: str = "") -> None:
    """Print a line of the result.

    Characters that the output's encoding lacks are escaped. A closed output is not an error.

    Raises
    ------
    OSError
        If the line cannot be written, as to a full disk.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        _turn_off(sys.stdout)
        if not _is_closed(error):
            raise _refused(error) from None


def say(message: str) -> None:
    """Print a message to standard error, if that is possible.

    In a terminal, long lines are broken between words. Elsewhere a message is one line.
    """
    if sys.stderr is None:  # print would use standard output
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        if is_terminal(sys.stderr) and "\n" not in message:
            # File names stay whole, so that they can be copied.
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
    """A text with its control characters, and those that standard output lacks, escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    shown = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; a missing or closed one is not."""
    with contextlib.suppress(AttributeError, ValueError):
        return bool(stream.isatty())  # type: ignore[union-attr]
    return False


def columns_of(stream: TextIO | None) -> int:
    """The width of a terminal in columns; 80 for other streams."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def write_out(text: str) -> None:
    """Write a part of a table to standard output, in UTF-8 as in a file.

    Raises
    ------
    OutputClosedError
        If its reader has closed it.
    OSError
        If it cannot be written, as to a full disk.
    """
    if sys.stdout is None:
        return
    binary = getattr(sys.stdout, "buffer", None)
    try:
        if binary is None:  # standard output was replaced by a stream in memory
            sys.stdout.write(text)
            return
        sys.stdout.flush()
        binary.write(text.encode("utf-8", "backslashreplace"))
        binary.flush()
    except OSError as error:
        _turn_off(sys.stdout)
        raise (OutputClosedError() if _is_closed(error) else _refused(error)) from None


def finish_output() -> None:
    """Flush both streams, so that Python's own flush at exit cannot fail.

    Where that fails, Python exits with status 120.

    Raises
    ------
    OSError
        If standard output does not take what was printed, as on a full disk. An output that was
        closed by its reader is not an error, nor is a message that cannot be written.
    """
    with contextlib.suppress(AttributeError, ValueError):  # no stream, or closed by the program
        try:
            sys.stderr.flush()
        except OSError:
            _turn_off(sys.stderr)
    with contextlib.suppress(AttributeError, ValueError):
        try:
            sys.stdout.flush()
        except OSError as error:
            _turn_off(sys.stdout)
            if not _is_closed(error):
                raise _refused(error) from None


def _is_closed(error: OSError) -> bool:
    """Whether an output's reader has closed it. Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (_IS_WINDOWS and error.errno == errno.EINVAL)


def _refused(error: OSError) -> OSError:
    """An error of standard output, with its name."""
    return OSError(error.errno, error.strerror, "standard output")


def describe_os_error(error: OSError) -> str:
    """The system's message with the file's name, without the error number."""
    if error.strerror is None:
        return " ".join(str(error).split())
    name = error.filename2 if error.filename2 is not None else error.filename
    if name is None:
        return error.strerror
    is_absent = isinstance(error, FileNotFoundError)
    reason = "there is no such file or folder" if is_absent else error.strerror
    return f"{os.fsdecode(name)}: {reason}"


def _turn_off(stream: TextIO) -> None:
    """Redirect a stream to the null device."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
