"""The command ``digitcnn``: training, evaluation and reading without programming.

Results go to standard output, everything else to standard error. A user's mistake is reported in
one line, with exit status 2; a bug in one line that says so, with exit status 1. Each command is a
module that is imported when it is called, because its libraries take long to import.
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
from digitcnn.cli._errors import describe, in_options
from digitcnn.cli._output import OutputClosedError, finish_output, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None takes them from the command line.

    Returns
    -------
    int
        The exit status: 0, 1 after a bug, 2 after a user's mistake or an error of the system, 130
        after Ctrl-C.

    Raises
    ------
    SystemExit
        After a mistake in the arguments, and after ``--help`` and ``--version``.
    """
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        try:
            return _run(make_parser().parse_args(as_options(given)))
        finally:
            finish_output()
    except OSError as error:  # standard output does not take what was printed
        say(f"digitcnn: {describe(error, {})}")
        return 2


def _run(options: argparse.Namespace) -> int:
    name = f"digitcnn {options.command}"
    try:
        module = importlib.import_module(f"digitcnn.cli.{options.command}")
        with warnings.catch_warnings():
            # In one line, without the source location that Python adds.
            warnings.showwarning = lambda message, *_: say(
                f"{name}: {in_options(str(message), options.option_names)}"
            )
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
        message = describe(error, options.option_names, getattr(options, "data", None))
        if is_refusal(error):
            say(f"{name}: {message}")
            return 2
        say(
            f"{name}: {message}. This is a bug in digitcnn. Please report it on GitHub, under the "
            "repository's Issues tab, with the output of the same command with --traceback"
        )
        return 1
