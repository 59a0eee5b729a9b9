"""The command ``digitcnn``: for those with a CSV and no wish to program.

Results go to standard output, everything else to standard error. A mistake of the user's ends in
one line and the exit status 2. Each command is a module of its own, imported when it is called:
their libraries take long to import.
"""

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from digitcnn import __version__

COMMANDS = ("train", "evaluate", "predict", "export", "info")
_DATA_HELP = (
    "'sample' (scikit-learn's 1,797 digits), 'mnist', or the path of a CSV (.csv, .csv.gz, "
    ".csv.zip) or Parquet file with one image a row, or of several: 'part-*.csv'"
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        choice = message.partition("invalid choice: '")[2].partition("'")[0]
        near = difflib.get_close_matches(choice, COMMANDS, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        self.exit(2, f"{self.prog}: {message}{hint} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None takes them from the command line.

    Returns
    -------
    int
        The exit status: 0, 2 after a mistake of the user's, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        module = importlib.import_module(f"digitcnn.command_{options.command}")
        getattr(module, options.command)(options)
    except BrokenPipeError:
        # Whoever read the output has read enough. Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # ImportError: a library that comes with one of the extras.
    except (ValueError, OSError, ImportError) as error:
        message = " ".join(str(error).split())
        print(f"digitcnn {options.command}: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"digitcnn {options.command}: stopped", file=sys.stderr)
        return 130
    return 0


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
        return made

    train = command(
        "train", "Train a model, measure it on digits held out, and write it to a file."
    )
    train.add_argument("data", nargs="?", default="sample", metavar="DATA", help=_DATA_HELP)
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
        "--out", default="digits.digitcnn", metavar="FILE", help="default: digits.digitcnn"
    )
    train.add_argument(
        "--checkpoint",
        metavar="DIR",
        help="note each epoch in this folder; the same command goes on from there if it was "
        "stopped, and deletes the folder when the model is written",
    )

    evaluate = command("evaluate", "Measure a model on labelled digits.")
    evaluate.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    evaluate.add_argument("data", metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    evaluate.add_argument(
        "--report",
        metavar="FILE",
        help="write a page about it too, with the digits that were read wrongly: one HTML file",
    )

    predict = command("predict", "Read digits, and write their labels as Kaggle takes them.")
    predict.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    predict.add_argument("data", metavar="DATA", help=_DATA_HELP)
    predict.add_argument("--out", metavar="FILE", help="a CSV; default: standard output")
    predict.add_argument(
        "--proba", action="store_true", help="add a column of probabilities for each class"
    )
    predict.add_argument(
        "--max-error",
        type=_error_rate,
        metavar="RATE",
        help="leave the label empty where the model is not sure enough for this error rate among "
        "its answers, and add a column of confidences",
    )
    predict.add_argument("--label", default="label", metavar="NAME", help="the label's column")

    export = command(
        "export", "Write a model as an ONNX file, and check that it reads as the model does."
    )
    export.add_argument("model", metavar="MODEL", help="a file that 'digitcnn train' wrote")
    export.add_argument("out", metavar="FILE", help="the ONNX file")

    info = command("info", "Describe a model file, or data, or the recipes.")
    info.add_argument(
        "source", nargs="?", metavar="MODEL_OR_DATA", help=f"a model file, {_DATA_HELP}"
    )
    info.add_argument("--recipes", action="store_true", help="list the recipes for --recipe")
    info.add_argument("--label", default="label", metavar="NAME", help="the label's column")
    return parser


def _whole_number(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**32):
            raise argparse.ArgumentTypeError(f"{text!r}: wanted is a whole number from {low} up")
        return int(text)

    return parse


def _error_rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: wanted is a number between 0 and 1")
    return rate


if __name__ == "__main__":
    sys.exit(main())
