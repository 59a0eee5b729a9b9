"""The progress of a training is seen in a terminal, in a notebook and in a file of messages."""

import io
import logging
import re
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from conftest import make_classifier
from digitcnn.training import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch, columns=80):
    """A terminal in the place of standard error. In the test itself: pytest has its own before."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def text_of(screen):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def train(digits, n=200, **parameters):
    clf = make_classifier(**{"epochs": 2, "verbose": 1, **parameters})
    return clf.fit(digits[0][:n], digits[1][:n])


def lines_of(screen):
    """All that the bar's line was, one after the other."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", text_of(screen)) if line.strip()]


@pytest.mark.slow
def test_terminal_shows_time_left_epochs_and_figures(digits, monkeypatch):
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    screen = terminal(monkeypatch, 160)
    clf = train(digits, 400, validation_fraction=0.25)
    lines = lines_of(screen)
    last = lines[-1]
    assert re.fullmatch(
        r"━+ in 0:\d\d:\d\d  epoch 2/2  accuracy 0\.\d{4}  validation 0\.\d{4}  loss \S+  "
        r"rate \d\.\de-\d\d",
        last,
    )
    assert f"loss {clf.loss_curve_[-1]:.3f}" in last
    assert f"validation {clf.validation_scores_[-1]:.4f}" in last
    assert any(re.search(r" left  epoch 2/2 .* batch 4/5$", line) for line in lines)
    assert any("0:00:00 left" in line for line in lines)


@pytest.mark.parametrize(
    ("columns", "pieces"),
    [(20, 0), (40, 1), (60, 2), (80, 3), (100, 4), (120, 6), (200, 6)],
)
def test_bar_takes_what_room_there_is_and_no_more(monkeypatch, columns, pieces):
    screen = terminal(monkeypatch, columns)
    clock = progress._Clock(30_000)
    shown = ("epoch 100/100", "accuracy 0.9876", "validation 0.9912", "loss 0.123", "rate 1.0e-03")
    bar = progress._Bar(clock)
    clock.note(15_000)
    bar.show(clock, (*shown, "batch 100/300"))
    bar.close(clock, (*shown, "batch 100/300"))
    for line in lines_of(screen):
        assert len(line) < columns
        assert "left" in line
    assert lines_of(screen)[-1].count("  ") == pieces
    assert (lines_of(screen)[-1].count("━") >= 10) == (columns >= 40)


def test_time_left_is_that_of_the_batches_left_without_the_first_one(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    clock = progress._Clock(21)
    assert str(clock) == "-:--:-- left"
    now[0] += 50.0  # compiling
    clock.note(1)
    assert clock.left() is None
    now[0] += 40.0
    clock.note(5)
    assert clock.left() == pytest.approx(160.0)
    assert str(clock) == "0:02:40 left"
    clock.note(21)
    assert str(clock) == "0:00:00 left"
    clock.stop()
    assert str(clock) == "in 0:01:30"


@pytest.mark.slow
def test_silent_training_writes_nothing_to_a_terminal(digits, monkeypatch):
    screen = terminal(monkeypatch)
    train(digits, 100, epochs=1, verbose=0)
    assert screen.getvalue() == ""


def test_training_without_a_terminal_writes_a_line_for_each_epoch(digits, capsys):
    clf = train(digits, 400, validation_fraction=0.25)
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    pattern = (
        r"epoch (\d)/2  accuracy (\S+)  validation (\S+)  loss (\S+)  rate \S+  0:\d\d:\d\d left"
    )
    for number, line in enumerate((first, second)):
        epoch, accuracy, validation, loss = re.fullmatch(pattern, line).groups()
        assert int(epoch) == number + 1
        assert accuracy == f"{clf.history_['accuracy'][number]:.4f}"
        assert validation == f"{clf.validation_scores_[number]:.4f}"
        assert loss == f"{clf.loss_curve_[number]:.3f}"


@pytest.mark.parametrize("kind", ["thread", "worker", "dumb", "no terminal", "nothing"])
def test_terminal_that_others_write_to_or_that_is_none_has_no_bar(monkeypatch, kind):
    terminal(monkeypatch)
    assert progress._is_watched()
    if kind == "thread":
        with ThreadPoolExecutor(1) as threads:
            assert not threads.submit(progress._is_watched).result()
        return
    if kind == "worker":
        monkeypatch.setattr(progress, "worker_number", lambda: 0)
    elif kind == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(sys, "stderr", io.StringIO() if kind == "no terminal" else None)
    assert not progress._is_watched()


@pytest.mark.slow
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_training_that_fails_leaves_the_terminal_as_it_was(digits, monkeypatch, error):
    screen = terminal(monkeypatch)
    threads = threading.active_count()

    def fail(*_, **__):
        raise error

    with pytest.raises(error):
        train(digits, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_begin=fail)])
    assert sys.stderr is screen
    assert threading.active_count() == threads
    text = screen.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is seen again


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
    train(digits, 100)
    lines, again = zip(*shown, strict=True)
    assert again == (False, *[True] * (len(again) - 1))
    assert len(lines) == 1 + 2 * (2 + 1) + 1
    assert re.fullmatch(
        r"0:\d\d:\d\d left  epoch 2/2  accuracy \S+  loss \S+  rate \S+  batch 2/2", lines[-3]
    )
    assert re.fullmatch(r"in 0:\d\d:\d\d  epoch 2/2  accuracy \S+  loss \S+  rate \S+", lines[-1])


# The hint of a silent training


@pytest.fixture
def hint(monkeypatch, caplog):
    """Trains silently, with so much time gone and left; gives what was said of it."""
    monkeypatch.setattr(progress, "_is_explained", False)

    def train_silently(seconds, left, n=1):
        now = [0.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        done = 10
        total = done + round((done - 1) * left / seconds)
        for _ in range(n):
            callback = progress.ProgressHint(1, total, 0)
            callback.on_train_begin()
            callback.on_epoch_begin(0)
            for batch in range(done):
                callback.on_train_batch_end(batch)
                now[0] += seconds / (done - 1)
        return [record.getMessage() for record in caplog.records]

    return train_silently


def test_long_silent_training_says_once_how_to_see_its_progress(monkeypatch, hint):
    terminal(monkeypatch)
    said = hint(seconds=18.0, left=60.0, n=3)
    assert len(said) == 1
    assert re.fullmatch(
        r"digitcnn: the training takes about 0:01:\d\d more; verbose=1 shows its progress", said[0]
    )


@pytest.mark.parametrize(("seconds", "left"), [(8.0, 1000.0), (10.5, 5.0)])
def test_training_that_is_short_or_nearly_done_explains_nothing(monkeypatch, hint, seconds, left):
    terminal(monkeypatch)
    assert hint(seconds, left) == []


def test_hint_is_not_written_into_a_file_or_by_a_worker(monkeypatch, hint):
    assert hint(18.0, 60.0) == []
    terminal(monkeypatch)
    monkeypatch.setattr(progress, "_is_explained", False)
    monkeypatch.setattr(progress, "worker_number", lambda: 1)
    assert hint(18.0, 60.0) == []


def test_silent_training_is_given_the_hint_and_a_logger_can_be_turned_off(
    digits, monkeypatch, caplog
):
    terminal(monkeypatch)
    monkeypatch.setattr(progress, "_is_explained", False)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    train(digits, 300, verbose=0)
    assert [record.name for record in caplog.records] == ["digitcnn"]
    caplog.clear()
    monkeypatch.setattr(progress, "_is_explained", False)
    monkeypatch.setattr(logging.getLogger("digitcnn"), "disabled", True)
    train(digits, 300, verbose=0)
    assert caplog.records == []


# Kinds of displays


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
