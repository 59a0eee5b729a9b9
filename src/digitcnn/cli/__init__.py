"""The command ``digitcnn``: training and reading without programming.

Results go to standard output, everything else to standard error. A user's mistake ends in one line
and the exit status 2, a bug in a line that says so and the exit status 1. Each command is a module,
imported when it is called, because its libraries take long to import.
"""

import argparse
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from digitcnn._utils.refusals import is_refusal
from digitcnn.cli._arguments import TRACEBACK_VARIABLE, as_options, make_parser
from digitcnn.cli._output import OutputClosedError, describe_os_error, say, settle


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None takes them from the command line.

    Returns
    -------
    int
        The exit status: 0, 1 after an error that is a bug, 2 after a mistake of the user's, 130
        after Ctrl-C.
    """
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        return _run(make_parser().parse_args(as_options(given)))
    finally:
        settle()


def _run(options: argparse.Namespace) -> int:
    name = f"digitcnn {options.command}"
    try:
        module = importlib.import_module(f"digitcnn.cli.{options.command}")
        with warnings.catch_warnings():
            # One line, without the place in the source that Python adds.
            warnings.showwarning = lambda message, *_: say(f"{name}: {message}")
            status: int | None = getattr(module, options.command)(options)
        return status or 0
    except OutputClosedError:
        return 0
    except KeyboardInterrupt:
        say(f"{name}: stopped")
        return 130
    except Exception as error:
        if options.traceback or os.environ.get(TRACEBACK_VARIABLE, "0") not in ("", "0"):
            say("".join(traceback.format_exception(error)).rstrip())
        message = _describe(error)
        if is_refusal(error):
            say(f"{name}: {message}")
            return 2
        say(
            f"{name}: {message}. This is a bug in digitcnn. Please report it on GitHub, under the "
            "repository's Issues tab, with what the same command says with --traceback"
        )
        return 1


def _describe(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and str(error):
        return describe_os_error(error)
    message = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        kind = "there is not enough memory"
    elif message and is_refusal(error):
        return message
    else:
        kind = type(error).__name__
    return f"{kind}: {message}" if message else kind
