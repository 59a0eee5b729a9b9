"""What a training has learned gets into its file, however it ends, and once at a time."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import digitcnn
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.cli import main
from digitcnn.cli import train as command_train
from digitcnn.cli.train import save
from digitcnn.recipes import RECIPES, Recipe
from digitcnn.training.checkpoints import hold_folder


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
    """A fit that is interrupted when it has learned something: it keeps that, and tells."""
    fit = DigitCNNClassifier.fit

    def fit_and_raise(self, *arguments, **named):
        fit(self, *arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(DigitCNNClassifier, "fit", fit_and_raise)


class Dead:
    """A stream that nobody reads any more."""

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
    assert "interrupted in epoch 2; the model is as trained so far" in err


def test_interrupted_training_keeps_its_checkpoint(place, interrupted, capsys):
    assert main(["train", "t.csv", "--out", "m.digitcnn", "--checkpoint", "ckpt"]) == 130
    assert "goes on from the checkpoint in ckpt" in capsys.readouterr().err
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
    assert len(clf.validation_hits_) == 80


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
    assert "stopped before there was a model to write" in capsys.readouterr().err
    assert not (place / "m.digitcnn").exists()


def test_ensemble_that_lacks_networks_is_not_written(place, interrupted, monkeypatch, capsys):
    own = {"architecture": "relu-dropout", "epochs": 1}
    monkeypatch.setitem(RECIPES, "two", Recipe("", own, n_networks=2))
    arguments = ["train", "t.csv", "--recipe", "two", "--out", "m.digitcnn"]
    assert main([*arguments, "--checkpoint", "ckpt"]) == 130
    err = capsys.readouterr().err
    assert "stopped before there was a model to write" in err
    assert "goes on from the checkpoint in ckpt" in err
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
