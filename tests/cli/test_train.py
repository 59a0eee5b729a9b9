"""A training saves its model however it ends, and only one training writes it at a time."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import digitcnn
from conftest import quiet_tensorflow
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.cli import _interrupts, main
from digitcnn.cli import train as command_train
from digitcnn.cli.train import save
from digitcnn.recipes import RECIPES, Recipe
from digitcnn.training.checkpoints import claim_folder, hold_folder


@pytest.fixture
def place(tmp_path, monkeypatch, digits):
    """The folder that the command runs in, with a table."""
    monkeypatch.chdir(tmp_path)
    X, y = digits
    frame = pd.DataFrame(X[:400], columns=[f"pixel{i}" for i in range(64)])
    frame.insert(0, "label", y[:400])
    frame.to_csv("t.csv", index=False)
    tiny = Recipe("tiny", {"architecture": "relu-dropout", "epochs": 2})
    monkeypatch.setitem(RECIPES, "fast", tiny)
    return tmp_path


@pytest.fixture
def interrupted(monkeypatch):
    """A fit that is interrupted after some epochs: it keeps the weights, and raises."""
    fit = DigitCNNClassifier.fit

    def fit_and_raise(self, *arguments, **named):
        fit(self, *arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(DigitCNNClassifier, "fit", fit_and_raise)


class Dead:
    """A stream that its reader has closed."""

    encoding = "utf-8"

    def write(self, text=""):
        raise BrokenPipeError

    flush = write

    def isatty(self):
        return True


def test_interrupted_training_is_written_and_then_measured_with_status_130(
    place, interrupted, capsys
):
    assert main(["train", "t.csv", "--out", "m.digitcnn", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out)["epochs"] == digitcnn.load("m.digitcnn").n_iter_ == 2
    assert "interrupted in epoch 2; the model has the weights trained so far" in err


def test_interrupted_training_keeps_its_checkpoint(place, interrupted, capsys):
    assert main(["train", "t.csv", "--out", "m.digitcnn", "--checkpoint", "ckpt"]) == 130
    assert "resumes from the checkpoint in ckpt" in capsys.readouterr().err
    assert (place / "ckpt" / "training.json").exists()
    assert not (place / "ckpt" / "training.lock").exists()


@pytest.mark.parametrize("recipe", ["fast", "watching itself"])
@pytest.mark.parametrize("streams", [["stderr"], ["stdout"], ["stdout", "stderr"]])
def test_dead_terminal_loses_no_model(place, interrupted, monkeypatch, streams, recipe):
    own = {"architecture": "relu-dropout", "epochs": 2, "validation_fraction": 0.2}
    monkeypatch.setitem(RECIPES, "watching itself", Recipe("", own))
    for name in streams:
        monkeypatch.setattr(sys, name, Dead())
    status = main(["train", "t.csv", "--recipe", recipe, "--out", "m.digitcnn"])
    monkeypatch.undo()
    assert status == 130
    clf = digitcnn.load(place / "m.digitcnn")
    assert clf.n_iter_ == 2
    assert len(clf.validation_correct_) == 80


def test_dead_terminal_is_no_error_of_a_training_that_is_whole(place, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Dead())
    status = main(["train", "t.csv", "--out", "m.digitcnn"])
    monkeypatch.undo()
    assert status == 0
    assert digitcnn.load(place / "m.digitcnn").n_iter_ == 2


def test_nothing_is_written_where_nothing_was_learned(place, monkeypatch, capsys):
    def fit(self, *_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(DigitCNNClassifier, "fit", fit)
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 130
    assert "stopped before there was a model to save" in capsys.readouterr().err
    assert not (place / "m.digitcnn").exists()


def test_ensemble_that_lacks_networks_is_not_written(place, interrupted, monkeypatch, capsys):
    own = {"architecture": "relu-dropout", "epochs": 1}
    monkeypatch.setitem(RECIPES, "two", Recipe("", own, n_networks=2))
    arguments = ["train", "t.csv", "--recipe", "two", "--out", "m.digitcnn"]
    assert main([*arguments, "--checkpoint", "ckpt"]) == 130
    err = capsys.readouterr().err
    assert "stopped before there was a model to save" in err
    assert "resumes from the checkpoint in ckpt" in err
    assert not (place / "m.digitcnn").exists()


def test_error_in_measuring_loses_no_model(place, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(command_train, "measure", fail)
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 2
    assert digitcnn.load("m.digitcnn").n_iter_ == 2


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as Unix does")
def test_interrupt_while_the_model_is_written_waits(place, interrupted, monkeypatch):
    def impatient(clf, path):
        os.kill(os.getpid(), signal.SIGINT)
        save(clf, path)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(command_train, "save", impatient)
    before = signal.getsignal(signal.SIGINT)
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert digitcnn.load("m.digitcnn").n_iter_ == 2


@pytest.fixture
def press(monkeypatch):
    """Presses Ctrl-C, as in a shell's foreground."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def pressed_again(press):
    """A fit in which Ctrl-C is pressed twice, the second time before the model is saved."""
    fit = DigitCNNClassifier.fit

    def fit_and_press(self, *arguments, **named):
        try:
            press()
            time.sleep(5)
        except KeyboardInterrupt:
            press()
            press()
            fit(self, *arguments, **named)
            raise

    return fit_and_press


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as Unix does")
def test_ctrl_c_that_is_pressed_again_at_once_loses_no_model(place, press, monkeypatch, capsys):
    monkeypatch.setattr(DigitCNNClassifier, "fit", pressed_again(press))
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 130
    assert "interrupted in epoch 2" in capsys.readouterr().err
    assert digitcnn.load("m.digitcnn").n_iter_ == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as Unix does")
def test_ctrl_c_that_is_pressed_again_later_stops_all(place, press, monkeypatch, capsys):
    monkeypatch.setattr(_interrupts, "_PATIENCE", 0.0)
    monkeypatch.setattr(DigitCNNClassifier, "fit", pressed_again(press))
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 130
    assert "stopped before there was a model" in capsys.readouterr().err
    assert not (place / "m.digitcnn").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as Unix does")
@pytest.mark.parametrize("is_pressed", [True, False])
def test_error_that_an_interrupt_has_become_in_a_library_is_no_bug(
    place, press, monkeypatch, capsys, is_pressed
):
    def fit(self, *_, **__):
        try:
            if is_pressed:
                press()
                time.sleep(5)
        except KeyboardInterrupt:
            pass
        raise SystemError("bad argument to internal function")

    monkeypatch.setattr(DigitCNNClassifier, "fit", fit)
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == (130 if is_pressed else 1)
    err = capsys.readouterr().err
    assert ("stopped before there was a model to save" in err) == is_pressed
    assert ("This is a bug" in err) != is_pressed


def test_interrupt_after_the_model_is_written_says_where_it_is(place, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_train, "measure", stop)
    arguments = ["train", "t.csv", "--out", "m.digitcnn", "--checkpoint", "ckpt"]
    assert main(arguments) == 130
    assert "stopped; the model is in m.digitcnn" in capsys.readouterr().err
    assert digitcnn.load("m.digitcnn").n_iter_ == 2
    assert not (place / "ckpt").exists()


@pytest.fixture
def gone(monkeypatch):
    """A fit at whose end the model's folder is gone."""
    fit = DigitCNNClassifier.fit

    def fit_and_remove(self, *arguments, **named):
        fit(self, *arguments, **named)
        os.rmdir("gone")
        return self

    monkeypatch.setattr(DigitCNNClassifier, "fit", fit_and_remove)
    os.mkdir("gone")


def test_model_that_cannot_be_written_to_its_place_is_written_elsewhere(place, gone, capsys):
    assert main(["train", "t.csv", "--out", "gone/m.digitcnn"]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    message, _, spare = err.partition(". The model was saved to ")
    assert message == "digitcnn train: gone/m.digitcnn: there is no such file or folder"
    assert digitcnn.load(spare).n_iter_ == 2
    shutil.rmtree(os.path.dirname(spare))


def test_model_that_cannot_be_written_anywhere_says_so_and_leaves_nothing(
    place, gone, monkeypatch, capsys
):
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(command_train.tempfile, "tempdir", str(elsewhere))

    def full(clf, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(command_train, "save", full)
    assert main(["train", "t.csv", "--out", "m.digitcnn"]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err == f"digitcnn train: m.digitcnn: {os.strerror(errno.ENOSPC)}"
    assert not list(elsewhere.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_pixels_that_a_killed_training_left_are_removed_by_the_next(place):
    code = (
        "import os, signal\nfrom digitcnn.cli import main, train\n"
        "train.make_classifier = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['train', 't.csv', '--stream', '--out', 'm.digitcnn'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = place.glob(".digitcnn-*")
    assert (left / "pixels.npy").exists()
    assert main(["train", "t.csv", "--stream", "--out", "m.digitcnn"]) == 0
    assert not list(place.glob(".digitcnn-*"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as Unix does")
def test_ctrl_c_with_a_reader_that_dies_of_it_too_still_writes_the_model(place):
    arguments = ["train", "t.csv", "--epochs", 100_000, "--out", "m.digitcnn"]
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from digitcnn.cli import main; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments), "--checkpoint", "ckpt"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        while not list(place.glob("ckpt/*.checkpoint")):
            time.sleep(0.05)
            assert process.poll() is None, process.stdout.read()
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    assert 0 < digitcnn.load("m.digitcnn").n_iter_ < 100_000


def test_second_training_with_a_checkpoint_is_refused_at_once(place, monkeypatch, capsys):
    def read(*_):
        raise AssertionError

    monkeypatch.setattr(command_train, "_training_data", read)
    with hold_folder("ckpt"):
        assert main(["train", "t.csv", "--out", "m.digitcnn", "--checkpoint", "ckpt"]) == 2
    assert "ckpt: is in use by a training that is running" in capsys.readouterr().err


def test_parameters_of_the_training_are_those_of_the_options(place, capsys):
    chosen = ["--learning-rate", "0.004", "--batch-size", "16", "--architecture", "relu-dropout"]
    chosen += ["--class-weight", "balanced", "--validation-fraction", "0.5", "--epochs", "1"]
    assert main(["train", "t.csv", "--out", "m.digitcnn", *chosen, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    n_rows = len(pd.read_csv("t.csv"))
    assert result["training_digits"] == n_rows - result["digits"] == n_rows // 2
    clf = digitcnn.load("m.digitcnn")
    assert (clf.learning_rate, clf.batch_size) == (0.004, 16)
    assert (clf.architecture, clf.class_weight) == ("relu-dropout", "balanced")


def test_checkpoint_of_other_options_is_refused(place, capsys):
    (place / "ckpt").mkdir()
    claim_folder("ckpt", {"--learning-rate": 0.004})
    assert main(["train", "t.csv", "--learning-rate", "0.005", "--checkpoint", "ckpt"]) == 2
    assert "--learning-rate was 0.004 and is 0.005" in capsys.readouterr().err


# Mistakes

RUN = """
import contextlib, io, json, sys
from digitcnn.cli import main

for arguments in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            status = main(arguments)
        except SystemExit as error:
            status = error.code
    imported = sorted({"tensorflow", "keras", "scikeras"} & set(sys.modules))
    print(json.dumps([status, said.getvalue(), imported]))
"""


def test_mistakes_are_found_before_keras_is_imported(place):
    table = pd.read_csv("t.csv")
    (place / "empty.csv").write_text("")
    table[:0].to_csv("heads.csv", index=False)
    table.drop(columns="label").to_csv("unlabelled.csv", index=False)
    table.assign(label=7).to_csv("sevens.csv", index=False)
    table.drop(columns="pixel63").to_csv("odd.csv", index=False)
    table.replace(255, 999).to_csv("bright.csv", index=False)
    table.assign(label=[10, *table["label"][1:]]).to_csv("rare.csv", index=False)
    table.assign(label=range(400)).to_csv("numbers.csv", index=False)
    mistakes = {
        ("nowhere.csv",): "nowhere.csv: there is no such file",
        ("empty.csv",): "empty.csv: expected a header and a row for each image, got an empty file",
        ("heads.csv",): "heads.csv: there are no rows below the header",
        ("unlabelled.csv",): "expected a label column 'label'",
        ("t.csv", "--label", "digit"): "expected a label column 'digit'",
        (
            "sevens.csv",
        ): "sevens.csv: expected digits of at least two classes, got 400 digits of the class '7'",
        ("sevens.csv", "--recipe", "ensemble"): "expected digits of at least two classes",
        ("odd.csv",): "expected X with a square number of pixels, got 63 features",
        ("odd.csv", "--checkpoint", "ckpt"): "got 63 features",
        ("bright.csv",): "999 is outside 0..255",
        ("rare.csv",): "rare.csv: expected at least two digits of each class, one to train on and "
        "one to hold out, got one digit of '10'",
        ("numbers.csv",): "got one digit of '0', '1', '2', '3', '4' and 395 more",
        ("t.csv", "--validation-fraction", "0.01"): "got 0.01 of 400 digits",
        ("t.csv", "--validation-fraction", "0.99"): "got 0.99 of 400 digits",
        ("t.csv", "--recipe", "fats"): "got 'fats'",
        ("t.csv", "--architecture", "compcat"): "Did you mean 'compact'?",
        ("t.csv", "--out", "models/"): "models/: expected a file's name, got a folder",
        ("t.csv", "--out", "t.csv/m.digitcnn"): "there is no folder t.csv",
        ("t.csv", "--out", "m" * 300): "File name too long",
    }
    mistakes = {("train", *given): message for given, message in mistakes.items()}
    mistakes |= {
        ("evaluate", "nowhere.csv"): "nowhere.csv: there is no such file",
        ("evaluate", "nowhere.digitcnn", "t.csv"): "nowhere.digitcnn: there is no such file",
        ("evaluate", "unlabelled.csv"): "expected a label column 'label'",
        ("evaluate", "t.csv"): "t.csv has 64 features, but DigitCNNClassifier is expecting 784",
        ("evaluate", "t.csv", "--errors", "t.csv"): "t.csv: is an input of this command",
        ("predict", "bright.csv"): "999 is outside 0..255",
        ("export", "t.csv/m.onnx"): "there is no folder t.csv",
    }
    arguments = json.dumps([*mistakes])
    done = subprocess.run(
        [sys.executable, "-c", RUN, arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for (given, message), (status, said, imported) in zip(mistakes.items(), found, strict=True):
        assert status == 2, given
        assert message in said
        assert said.count("\n") == 1
        assert imported == [], given
    assert not (place / "ckpt" / "training.json").exists()
    assert not (place / "digits.digitcnn").exists()


def test_two_digits_of_each_class_are_enough(place):
    table = pd.read_csv("t.csv").groupby("label").head(2)
    table.to_csv("few.csv", index=False)
    assert main(["train", "few.csv", "--out", "m.digitcnn"]) == 0
    assert len(digitcnn.load("m.digitcnn").validation_correct_) == 10


def test_training_without_data_says_what_it_is_trained_on(place, capsys, monkeypatch, digits):
    X, y = digits
    monkeypatch.setattr("digitcnn.datasets.load_sample_digits", lambda: (X[:200], y[:200]))
    assert main(["train", "--out", "m.digitcnn", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["data"] == "sample"
    assert "no DATA given: training on 'sample'" in err
    assert main(["train", "sample", "--out", "m.digitcnn"]) == 0
    assert "no DATA" not in capsys.readouterr().err


@pytest.mark.slow
@quiet_tensorflow
@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is Unix's")
@pytest.mark.parametrize("columns", [80, 60])
def test_training_keeps_to_the_columns_of_its_terminal(place, columns):
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-m", "digitcnn", "train", "t.csv", "--epochs", "2"]
    with (
        os.fdopen(ours, "rb", buffering=0) as terminal,
        subprocess.Popen(
            command, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"}
        ) as process,
    ):
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # Linux's word for the end of a terminal
            while read := terminal.read(4096):
                seen += read
    assert process.returncode == 0, seen
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    lines = re.split(r"[\r\n]+", text)
    assert max(map(len, lines)) <= columns
    bar = next(line for line in reversed(lines) if "━" in line)
    assert re.match(r"━+ in 0:\d\d:\d\d  epoch 2/2  accuracy ", bar)
    assert ("confusion matrix (rows" in text) == (columns == 80)
    assert "model written to digits.digitcnn" in lines
