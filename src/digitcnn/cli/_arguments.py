"""The command line: what each command takes."""

import argparse

from digitcnn._version import __version__
from digitcnn.architectures import ARCHITECTURES, PRETRAINED
from digitcnn.cli._argument_types import fraction as _fraction
from digitcnn.cli._argument_types import path as _path
from digitcnn.cli._argument_types import positive as _positive
from digitcnn.cli._argument_types import whole_number as _whole_number
from digitcnn.cli._parser import Parser
from digitcnn.cli._reading_arguments import add_reading_arguments
from digitcnn.cli._serve_arguments import add_serve_arguments

# Set to anything but 0, it has the effect of --traceback.
TRACEBACK_VARIABLE = "DIGITCNN_TRACEBACK"
_TABLE_HELP = (
    "'sample' (scikit-learn's 1,797 digits), 'mnist'; the path of a CSV (.csv, .tsv, .csv.gz, "
    ".csv.zip) or Parquet file with one image a row, or of several: 'part-*.csv'"
)
_DATA_HELP = (
    f"{_TABLE_HELP}; a folder with a folder of image files for each class; or a CSV with a column "
    "of their names and one of labels"
)
_MODEL_HELP = (
    "a file that 'digitcnn train' wrote; default: 'pretrained', the model that comes with digitcnn"
)
_LABEL_HELP = "the column of labels; default: label"


def as_options(given: list[str]) -> list[str]:
    """Arguments as argparse has them, where they ask in words what digitcnn is."""
    if not given or given == ["help"]:
        return ["--help"]
    if given == ["version"]:
        return ["--version"]
    if given[0] == "help":
        return [*given[1:], "--help"]
    return given


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Its help needs no library."""
    parser = Parser(
        prog="digitcnn",
        description="Train a network that reads handwritten digits, and use it.",
        epilog="'digitcnn help COMMAND' tells the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"digitcnn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary)

    train = command(
        "train", "Train a model, measure it on digits held out, and write it to a file."
    )
    train.add_argument(
        "data",
        nargs="?",
        type=_path,
        metavar="DATA",
        help=f"{_DATA_HELP}; default: sample",
    )
    train.add_argument(
        "--recipe",
        default="fast",
        metavar="NAME",
        help="how to train, as 'digitcnn info --recipes' lists it; default: fast",
    )
    train.add_argument(
        "--epochs",
        type=_whole_number(1),
        metavar="N",
        help="how often each digit is trained on; default: the recipe's",
    )
    train.add_argument(
        "--learning-rate",
        type=_positive,
        metavar="RATE",
        help="the size of a step, such as 0.001; default: the recipe's",
    )
    train.add_argument(
        "--batch-size",
        type=_whole_number(1),
        metavar="N",
        help="how many digits a step is taken on; default: the recipe's",
    )
    train.add_argument(
        "--architecture",
        choices=sorted(ARCHITECTURES),
        help="the network's layers; default: the recipe's",
    )
    train.add_argument(
        "--from",
        dest="init",
        type=_path,
        metavar="MODEL",
        help="a model file, or 'pretrained': what the training starts from, so that few digits of "
        "a new hand suffice; default: random weights",
    )
    train.add_argument(
        "--class-weight",
        choices=["balanced"],
        help="'balanced' gives rare classes as much weight as common ones",
    )
    train.add_argument(
        "--validation-fraction",
        type=_fraction,
        metavar="PART",
        help="the part of the digits to measure the model on instead of training, such as 0.1; "
        "default: a fifth, at most 2,000 digits",
    )
    train.add_argument(
        "--seed",
        type=_whole_number(0),
        default=0,
        metavar="N",
        help="the same number gives the same model again; default: 0",
    )
    train.add_argument("--label", default="label", metavar="NAME", help=_LABEL_HELP)
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
        help="where to write the model; default: digits.digitcnn",
    )
    train.add_argument(
        "--checkpoint",
        type=_path,
        metavar="DIR",
        help="keep each epoch in this folder, so that the same command goes on from there after a "
        "stop; it is deleted when the model is written",
    )

    evaluate = command("evaluate", "Measure a model on labelled digits.")
    evaluate.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    evaluate.add_argument("data", type=_path, metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--label", default="label", metavar="NAME", help=_LABEL_HELP)
    evaluate.add_argument(
        "--report",
        type=_path,
        metavar="FILE",
        help="write a page about the model too, with the wrongly read digits: one HTML file",
    )
    evaluate.add_argument(
        "--errors",
        type=_path,
        metavar="FILE",
        help="write a CSV of the wrongly read digits: row, truth, answer and its probability",
    )

    predict = command("predict", "Read digits, and write their labels as Kaggle takes them.")
    predict.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    predict.add_argument(
        "data",
        type=_path,
        metavar="DATA",
        help=f"{_TABLE_HELP}; or image files: a folder, 'scans/*.png', or a CSV that names them",
    )
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
        type=_fraction,
        metavar="RATE",
        help="leave the labels of unsure answers empty, so that of the others no larger part is "
        "wrong, such as 0.01; and add a column of confidences",
    )
    predict.add_argument(
        "--label",
        default="label",
        metavar="NAME",
        help="the column of labels, which is not used, if there is one; default: label",
    )

    read = command("read", "Read the numbers in pictures: photos, scans, drawings.")
    add_reading_arguments(read, _MODEL_HELP)

    read.add_argument(
        "--form",
        type=_path,
        metavar="TEMPLATE",
        help="read filled forms: a JSON file says where their fields are; --csv has a row for each "
        "page then, and a column for each field",
    )
    read.add_argument(
        "--review",
        type=_path,
        metavar="FILE",
        help="with --form, write what is doubtful to an HTML page to correct it on",
    )

    serve = command("serve", "Serve a page to draw and drop pictures on, and an HTTP API.")
    add_serve_arguments(serve, _MODEL_HELP)

    export = command(
        "export", "Write a model as an ONNX file, and check that it reads as the model does."
    )
    export.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    export.add_argument("out", type=_path, metavar="FILE", help="the ONNX file")

    info = command("info", "Describe a model file, or data, or the recipes.")
    info.add_argument(
        "source",
        nargs="?",
        type=_path,
        metavar="MODEL_OR_DATA",
        help=f"a model file, 'pretrained', {_DATA_HELP}",
    )
    info.add_argument("--recipes", action="store_true", help="list the recipes for --recipe")
    info.add_argument("--label", default="label", metavar="NAME", help=_LABEL_HELP)

    for one in (train, evaluate, predict):
        one.add_argument(
            "--skip-bad",
            action="store_true",
            help="leave out image files that cannot be read, and count them",
        )
    for one in (train, evaluate, predict, read, serve, export, info):
        one.add_argument(
            "--json", action="store_true", help="print one JSON object on standard output"
        )
        one.add_argument(
            "--traceback",
            action="store_true",
            help=f"show where an error comes from; so does the environment variable "
            f"{TRACEBACK_VARIABLE}=1",
        )
    return parser
