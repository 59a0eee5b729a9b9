"""The command ``digitcnn``: training and reading without programming.

Results go to standard output, everything else to standard error. A user's mistake ends in one line
and the exit status 2, a bug in a line that says so and the exit status 1. Each command is a module,
imported when it is called, because its libraries take long to import.
"""

import argparse
import difflib
import dis
import importlib
import os
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from digitcnn._version import __version__
from digitcnn.cli._output import OutputClosedError, describe_os_error, say, settle

COMMANDS = ("train", "evaluate", "predict", "export", "info")
# Set to anything but 0, it has the effect of --traceback.
_TRACEBACK_VARIABLE = "DIGITCNN_TRACEBACK"
_RAISE = dis.opmap["RAISE_VARARGS"]
_DATA_HELP = (
    "'sample' (scikit-learn's 1,797 digits), 'mnist', or the path of a CSV (.csv, .csv.gz, "
    ".csv.zip) or Parquet file with one image a row, or of several: 'part-*.csv'"
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        choice = message.partition("invalid choice: '")[2].partition("'")[0]
        near = difflib.get_close_matches(choice, COMMANDS, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        self.exit(2, f"{self.prog}: {message}{hint} (see {self.prog} --help)\n")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse arguments that a command does not know, with a hint for that command."""
        found, rest = super().parse_known_args(args, namespace)
        if not rest:
            return found, rest
        hint = ""
        if rest[0].startswith("-"):
            options = [option for option in self._option_string_actions if option != "-h"]
            near = difflib.get_close_matches(rest[0].partition("=")[0], options, 1)
            if "command" in found:
                hint = ". Options stand behind the command"
            elif near:
                hint = f". Did you mean {near[0]}?"
        elif "data" in found or "source" in found:
            hint = ". Name several files by a pattern in quotes, as 'part-*.csv'"
        self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")


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
    try:
        return _run(_parser().parse_args(arguments))
    finally:
        settle()


def _run(options: argparse.Namespace) -> int:
    name = f"digitcnn {options.command}"
    try:
        module = importlib.import_module(f"digitcnn.cli.{options.command}")
        status: int | None = getattr(module, options.command)(options)
        return status or 0
    except OutputClosedError:
        return 0
    except KeyboardInterrupt:
        say(f"{name}: stopped")
        return 130
    except Exception as error:
        if options.traceback or os.environ.get(_TRACEBACK_VARIABLE, "0") not in ("", "0"):
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


def is_refusal(error: BaseException) -> bool:
    """Whether an error is the user's or the system's, as against a bug of this package.

    That is an error of the system (files, disks, network, memory, missing libraries), or a
    ValueError that a `raise` of this package or of scikit-learn's data checks has raised. A
    ValueError that an operation raises by itself is unforeseen, and so a bug.

    Parameters
    ----------
    error : exception
        As it was caught, with its traceback.
    """
    if isinstance(error, OSError | ImportError | MemoryError):
        return True
    place = error.__traceback__
    if not isinstance(error, ValueError) or place is None:
        return False
    while place.tb_next is not None:
        place = place.tb_next
    home = place.tb_frame.f_globals.get("__name__", "")
    is_check = home.startswith("digitcnn.") or home == "sklearn.utils.validation"
    return is_check and place.tb_frame.f_code.co_code[place.tb_lasti] == _RAISE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="digitcnn", description="Train a network that reads handwritten digits, and use it."
    )
    parser.add_argument("--version", action="version", version=f"digitcnn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.add_argument(
            "--json", action="store_true", help="print one JSON object on standard output"
        )
        made.add_argument(
            "--traceback",
            action="store_true",
            help=f"show where an error comes from; so does the environment variable "
            f"{_TRACEBACK_VARIABLE}=1",
        )
        return made

    train = command(
        "train", "Train a model, measure it on digits held out, and write it to a file."
    )
    train.add_argument(
        "data",
        nargs="?",
        type=_path,
        default="sample",
        metavar="DATA",
        help=_DATA_HELP,
    )
    train.add_argument("--recipe", default="fast", metavar="NAME", help="default: fast")
    train.add_argument("--epochs", type=_whole_number(1), metavar="N", help="default: the recipe's")
    train.add_argument("--seed", type=_whole_number(0), default=0, metavar="N", help="default: 0")
    train.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    train.add_argument(
        "--stream",
        action="store_true",
        help="keep the pixels in a file beside the model while it trains, not in memory",
    )
    train.add_argument(
        "--out",
        type=_path,
        default="digits.digitcnn",
        metavar="FILE",
        help="default: digits.digitcnn",
    )
    train.add_argument(
        "--checkpoint",
        type=_path,
        metavar="DIR",
        help="note each epoch in this folder; the same command goes on from there if it was "
        "stopped, and deletes the folder when the model is written",
    )

    evaluate = command("evaluate", "Measure a model on labelled digits.")
    evaluate.add_argument(
        "model", type=_path, metavar="MODEL", help="a file that 'digitcnn train' wrote"
    )
    evaluate.add_argument("data", type=_path, metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    evaluate.add_argument(
        "--report",
        type=_path,
        metavar="FILE",
        help="write a page about it too, with the digits that were read wrongly: one HTML file",
    )

    predict = command("predict", "Read digits, and write their labels as Kaggle takes them.")
    predict.add_argument(
        "model", type=_path, metavar="MODEL", help="a file that 'digitcnn train' wrote"
    )
    predict.add_argument("data", type=_path, metavar="DATA", help=_DATA_HELP)
    predict.add_argument(
        "--out",
        type=_path,
        metavar="FILE",
        help="a CSV, compressed where it ends in .gz, .zip, .bz2 or .xz; default: standard output",
    )
    predict.add_argument(
        "--proba", action="store_true", help="add a column of probabilities for each class"
    )
    predict.add_argument(
        "--target-error-rate",
        type=_error_rate,
        metavar="RATE",
        help="leave the label empty where the model is not sure enough for this error rate among "
        "its answers, and add a column of confidences",
    )
    predict.add_argument("--label", default="label", metavar="NAME", help="the label's column")

    export = command(
        "export", "Write a model as an ONNX file, and check that it reads as the model does."
    )
    export.add_argument(
        "model", type=_path, metavar="MODEL", help="a file that 'digitcnn train' wrote"
    )
    export.add_argument("out", type=_path, metavar="FILE", help="the ONNX file")

    info = command("info", "Describe a model file, or data, or the recipes.")
    info.add_argument(
        "source",
        nargs="?",
        type=_path,
        metavar="MODEL_OR_DATA",
        help=f"a model file, {_DATA_HELP}",
    )
    info.add_argument("--recipes", action="store_true", help="list the recipes for --recipe")
    info.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    return parser


def _whole_number(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise argparse.ArgumentTypeError(
                f"{text!r}: expected a whole number from {low} to {2**32 - 1}"
            )
        return int(text)

    return parse


def _path(text: str) -> str:
    if text in ("", "-"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a file's name")
    return os.path.expanduser(text)


def _error_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number between 0 and 1")
    return rate
