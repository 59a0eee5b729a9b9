"""Errors in the words of the command: options, not parameters, and outputs that are full."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from sklearn.datasets import load_digits

from digitcnn.cli import main
from digitcnn.cli._arguments import make_parser
from digitcnn.cli._errors import describe, in_options

OPTIONS = {
    "init": "--from",
    "epochs": "--epochs",
    "learning_rate": "--learning-rate",
    "label": "--label",
    "checkpoint_dir": "--checkpoint",
}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("expected init='a.digitcnn'", "expected --from 'a.digitcnn'"),
        ("got epochs=0. Use learning_rate", "got --epochs 0. Use --learning-rate"),
        ("checkpoint_dir='c' is a file", "--checkpoint 'c' is a file"),
        # Words, names of files and columns, and what names an option already.
        ("two epochs, no label", "two epochs, no label"),
        ("my_learning_rate.csv, learning_rate.csv, a/learning_rate", None),
        ("no column 'learning_rate'", None),
        ("Use label=NAME, or --label NAME in the command", None),
        (
            "pass pixel_range=(low, high)",
            "pass pixel_range=(low, high) (pixel_range: a parameter of DigitCNNClassifier in "
            "Python)",
        ),
        (
            "pass image_shape=(9, 8), or image_shape='pad', or pixel_range='data'",
            "pass image_shape=(9, 8), or image_shape='pad', or pixel_range='data' (image_shape and "
            "pixel_range: parameters of DigitCNNClassifier in Python)",
        ),
    ],
)
def test_message_names_options_instead_of_parameters(message, expected):
    assert in_options(message, OPTIONS) == (message if expected is None else expected)


def test_error_of_the_system_is_in_options_too():
    error = NotADirectoryError("checkpoint_dir='c' is a file, not a folder")
    assert describe(error, OPTIONS) == "--checkpoint 'c' is a file, not a folder"


def test_every_command_names_its_options():
    arguments = {
        "train": ["train"],
        "evaluate": ["evaluate", "d"],
        "predict": ["predict", "d"],
        "read": ["read", "p"],
        "serve": ["serve"],
        "export": ["export", "o"],
        "info": ["info"],
    }
    for given in arguments.values():
        options = make_parser().parse_args(given).option_names
        assert options["traceback"] == "--traceback"
        assert "data" not in options
    options = make_parser().parse_args(["train"]).option_names
    assert options["init"] == "--from"
    assert options["validation_fraction"] == "--validation-fraction"


def test_model_to_fine_tune_is_called_as_it_was_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    X, y = load_digits(return_X_y=True)
    pd.DataFrame(X).astype(int).assign(label=y)[:400].to_csv("small.csv", index=False)
    assert main(["train", "small.csv", "--from", "pretrained"]) == 2
    err = capsys.readouterr().err
    assert "expected images of 28 x 28 x 1 pixels" in err
    assert "for --from 'pretrained', got 8 x 8 x 1" in err
    assert "init" not in err
    arguments = ["train", "sample", "--from", "pretrained", "--architecture", "elu-bn"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "expected --architecture 'compact', that of --from 'pretrained', got 'elu-bn'" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["help", "read"], ["--version"], ["info", "sample", "--json"]]
)
def test_full_output_is_one_line_and_status_2(arguments, unbuffered):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "digitcnn", *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "standard output: No space left on device" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's redirection")
def test_closed_output_is_no_bug():
    done = subprocess.run(
        f"'{sys.executable}' -m digitcnn info sample >&-",
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
