"""The progress of a training is seen in a terminal and in a notebook, and nowhere else."""

import io
import re
import sys
import types

import pytest

from conftest import make_classifier
from digitcnn.training import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """A terminal in the place of standard error. In the test itself: pytest has its own before."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def text_of(screen):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


@pytest.mark.slow
def test_terminal_shows_epochs_batches_figures_and_time_left(digits, monkeypatch):
    screen = terminal(monkeypatch)
    X, y = digits
    clf = make_classifier(epochs=2, validation_fraction=0.25, verbose=1).fit(X[:400], y[:400])
    text = text_of(screen)
    assert "epoch 2/2 batch 5/5" in text
    assert f"loss {clf.loss_curve_[-1]:.3f}" in text
    assert f"validation {clf.validation_scores_[0]:.4f}" in text
    assert re.search(r"rate \d\.\de-\d\d", text)
    assert "left 0:00:00" in " ".join(text.split())


@pytest.mark.slow
def test_silent_training_writes_nothing_to_a_terminal(digits, monkeypatch):
    screen = terminal(monkeypatch)
    make_classifier(epochs=1).fit(digits[0][:100], digits[1][:100])
    assert screen.getvalue() == ""


def test_training_without_a_terminal_writes_nothing(digits, capsys):
    make_classifier(epochs=1, verbose=1).fit(digits[0][:100], digits[1][:100])
    assert capsys.readouterr() == ("", "")


def test_training_that_goes_on_begins_a_new_bar(digits, monkeypatch):
    screen = terminal(monkeypatch)
    clf = make_classifier(epochs=2, verbose=1, warm_start=True)
    clf.fit(digits[0][:100], digits[1][:100]).fit(digits[0][:100], digits[1][:100])
    assert clf.n_iter_ == 4
    assert "epoch 2/2" in text_of(screen)
    assert "epoch 4" not in text_of(screen)


def test_notebook_shows_a_line_that_changes(digits, monkeypatch):
    shown = []
    monkeypatch.setattr(
        progress, "_notebook_display", lambda: lambda line, again: shown.append((line, again))
    )
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    make_classifier(epochs=2, verbose=1).fit(digits[0][:100], digits[1][:100])
    lines, again = zip(*shown, strict=True)
    assert again == (False, *[True] * (len(again) - 1))
    assert len(lines) == 1 + 2 * 2 + 1
    assert re.fullmatch(
        r"epoch 2/2 batch 2/2 loss \d\.\d{3} accuracy \d\.\d{4} rate \S+ 0:\d\d:\d\d left 0:00:00",
        lines[-1],
    )


@pytest.mark.parametrize(("has_kernel", "is_notebook"), [(True, True), (False, False)])
def test_notebook_is_told_from_a_terminal_by_its_kernel(monkeypatch, has_kernel, is_notebook):
    shell = types.SimpleNamespace(kernel=1) if has_kernel else types.SimpleNamespace()
    shown = []
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    display = types.ModuleType("IPython.display")
    display.display = lambda *args, **kwargs: shown.append((args, kwargs))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    show = progress._notebook_display()
    assert (show is not None) == is_notebook
    if show is not None:
        show("a", False)
        show("b", True)
        assert [kwargs["update"] for _, kwargs in shown] == [False, True]
        assert len({kwargs["display_id"] for _, kwargs in shown}) == 1


class Gone(Terminal):
    """A terminal that was closed."""

    error = BrokenPipeError

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError, OSError(5, "Input/output error")])
def test_terminal_that_is_closed_ends_no_training(digits, monkeypatch, error):
    terminal(monkeypatch)
    screen = Gone()
    screen.error = error
    monkeypatch.setattr(sys, "stderr", screen)
    clf = make_classifier(epochs=2, verbose=1).fit(digits[0][:100], digits[1][:100])
    monkeypatch.undo()
    assert clf.n_iter_ == 2
