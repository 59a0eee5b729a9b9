"""The command line: the arguments of each command."""

import argparse

from digitcnn._version import __version__
from digitcnn.architectures import PRETRAINED
from digitcnn.cli._argument_types import fraction as _fraction
from digitcnn.cli._argument_types import path as _path
from digitcnn.cli._parser import Parser
from digitcnn.cli._reading_arguments import add_reading_arguments
from digitcnn.cli._serve_arguments import add_serve_arguments
from digitcnn.cli._training_arguments import add_training_arguments

# Any value but 0 has the effect of --traceback.
TRACEBACK_VARIABLE = "DIGITCNN_TRACEBACK"
_TABLE_HELP = (
    "'sample' (scikit-learn's 1,797 digits), 'mnist', or a table with one image in each row: a CSV "
    "(.csv, .tsv, .csv.gz, .csv.zip) or Parquet file, or a pattern in quotes for several, such as "
    '"part-*.csv"'
)
_DATA_HELP = (
    f"{_TABLE_HELP}; or image files: a folder that holds a folder for each class, or a CSV with a "
    "column of file names and a column of labels"
)
_MODEL_HELP = (
    "a file written by 'digitcnn train'; default: 'pretrained', the model that comes with digitcnn"
)
_LABEL_HELP = "the name of the column that holds the labels; default: label"
_EXAMPLES = {
    "": (
        "digitcnn read photo.jpg",
        "digitcnn train train.csv --out my.digitcnn",
        "digitcnn predict my.digitcnn test.csv --out submission.csv",
        "digitcnn help train",
    ),
    "train": (
        "digitcnn train",
        "digitcnn train train.csv --epochs 20 --out my.digitcnn",
        "digitcnn train handwriting/ --from pretrained --out mine.digitcnn",
    ),
    "evaluate": (
        "digitcnn evaluate my.digitcnn test.csv",
        "digitcnn evaluate sample --report report.html",
    ),
    "predict": (
        "digitcnn predict my.digitcnn test.csv --out submission.csv",
        'digitcnn predict "scans/*.png" --proba',
        "digitcnn predict my.digitcnn test.csv --target-error-rate 0.01",
    ),
    "read": (
        "digitcnn read photo.jpg",
        "digitcnn read scans/ --csv numbers.csv --overlay checked/",
        'digitcnn read cheque.png --pattern "#.###,##" --min-confidence 0.9',
        "digitcnn read forms.pdf --form template.json --csv forms.csv --review review.html",
    ),
    "serve": (
        "digitcnn serve --open",
        "digitcnn serve my.digitcnn --host 0.0.0.0 --collect corrections/",
    ),
    "export": ("digitcnn export my.digitcnn my.onnx",),
    "info": (
        "digitcnn info my.digitcnn",
        "digitcnn info train.csv",
        "digitcnn info --recipes",
    ),
}


def as_options(given: list[str]) -> list[str]:
    """The arguments, with the words ``help`` and ``version`` as argparse's options."""
    if not given or given == ["help"]:
        return ["--help"]
    if given == ["version"]:
        return ["--version"]
    if given[0] == "help":
        return [*given[1:], "--help"]
    return given


def _examples(name: str) -> str:
    return "\n".join(["examples:", *(f"  {line}" for line in _EXAMPLES[name])])


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Its help needs no library."""
    parser = Parser(
        prog="digitcnn",
        description="Read handwritten digits and numbers, and train and evaluate models that do.",
        epilog=f"{_examples('')}\n\n'digitcnn help COMMAND' shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"digitcnn {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=_examples(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    read = command("read", "Read the numbers in pictures: photos, scans, drawings, PDF files.")
    add_reading_arguments(read, _MODEL_HELP)

    train = command("train", "Train a model, evaluate it on held-out digits, and save it.")
    add_training_arguments(train, _DATA_HELP, _LABEL_HELP)

    evaluate = command("evaluate", "Evaluate a model on labelled digits.")
    evaluate.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    evaluate.add_argument("data", type=_path, metavar="DATA", help=_DATA_HELP)
    evaluate.add_argument("--label", default="label", metavar="NAME", help=_LABEL_HELP)
    evaluate.add_argument(
        "--report",
        type=_path,
        metavar="FILE",
        help="also write a report with figures and the misclassified digits: one HTML file",
    )
    evaluate.add_argument(
        "--errors",
        type=_path,
        metavar="FILE",
        help="also write a CSV of the misclassified digits: row, true label, predicted label and "
        "its probability",
    )

    predict = command("predict", "Classify images of single digits, and write a table of labels.")
    predict.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    predict.add_argument(
        "data",
        type=_path,
        metavar="DATA",
        help=f'{_TABLE_HELP}; or image files: a folder, "scans/*.png", or a CSV that names them',
    )
    predict.add_argument(
        "--out",
        type=_path,
        metavar="FILE",
        help="the CSV to write, in the format of Kaggle's Digit Recognizer; a name that ends in "
        ".gz, .zip, .bz2 or .xz compresses it; default: standard output",
    )
    predict.add_argument(
        "--proba", action="store_true", help="add a column with the probability of each class"
    )
    predict.add_argument(
        "--target-error-rate",
        type=_fraction,
        metavar="RATE",
        help="reject uncertain digits: leave their labels empty, so that about RATE of the other "
        "labels or fewer are wrong, such as 0.01 for 1%%; adds a column of confidences; default: "
        "label every digit",
    )
    predict.add_argument(
        "--label",
        default="label",
        metavar="NAME",
        help="a column of labels to ignore, where the table has one; default: label",
    )

    serve = command("serve", "Start a web page to read pictures and drawings, and an HTTP API.")
    add_serve_arguments(serve, _MODEL_HELP)

    export = command(
        "export", "Write a model as an ONNX file, and check that it predicts the same."
    )
    export.add_argument(
        "model", nargs="?", type=_path, default=PRETRAINED, metavar="MODEL", help=_MODEL_HELP
    )
    export.add_argument("out", type=_path, metavar="FILE", help="the ONNX file to write")

    info = command("info", "Describe a model file, a data set or the training recipes.")
    info.add_argument(
        "source",
        nargs="?",
        type=_path,
        metavar="MODEL_OR_DATA",
        help=f"a model file, 'pretrained' (the default), or data: {_DATA_HELP}",
    )
    info.add_argument(
        "--recipes",
        action="store_true",
        help="list the recipes for 'digitcnn train --recipe', with their accuracy and duration",
    )
    info.add_argument("--label", default="label", metavar="NAME", help=_LABEL_HELP)

    for one in (train, evaluate, predict):
        one.add_argument(
            "--skip-bad",
            action="store_true",
            help="skip image files that cannot be read, and count them; default: stop at the first",
        )
    for one in (train, evaluate, predict, read, serve, export, info):
        one.add_argument("--json", action="store_true", help="print the results as one JSON object")
        one.add_argument(
            "--traceback",
            action="store_true",
            help=f"show where an error was raised; {TRACEBACK_VARIABLE}=1 in the environment does "
            "the same",
        )
        one.set_defaults(option_names=_option_names(one))
    return parser


def _option_names(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The option of each parameter that a command sets."""
    return {one.dest: one.option_strings[-1] for one in parser._actions if one.option_strings}
