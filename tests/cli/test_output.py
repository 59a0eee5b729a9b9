"""Messages are wrapped in a terminal, and one line elsewhere."""

import errno
import io
import os
import sys

import pytest

from digitcnn.cli import _output, main
from digitcnn.cli._output import (
    OutputClosedError,
    columns_of,
    finish_output,
    is_terminal,
    printable,
    say,
    show,
    write_out,
)

MESSAGE = (
    "digitcnn train: /data/a folder/with-many-parts/of-a-name/that-is-long-enough.csv: expected a "
    "label column 'label', got, beside the pixels, none. Name the label's column"
)


class Screen(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        return 2


@pytest.fixture
def screen(monkeypatch):
    """Replaces standard error by a terminal. Call it in the test: pytest replaces it before."""

    def set_columns(columns):
        monkeypatch.setattr(sys, "stderr", Screen())
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(_output.os, "get_terminal_size", lambda _: size)
        return sys.stderr

    return set_columns


@pytest.mark.parametrize("columns", [200, 80, 40])
def test_message_in_a_terminal_is_broken_between_words(screen, columns):
    stream = screen(columns)
    say(MESSAGE)
    lines = stream.getvalue().splitlines()
    assert " ".join(lines) == MESSAGE
    assert all(len(line) <= columns or " " not in line for line in lines)
    # File names stay whole, so that they can be copied.
    assert "folder/with-many-parts/of-a-name/that-is-long-enough.csv:" in stream.getvalue()


def test_traceback_keeps_its_lines(screen):
    stream = screen(40)
    text = f"Traceback\n  File {'x' * 60!r}, line 1, in f\n    g()"
    say(text)
    assert stream.getvalue() == f"{text}\n"


def test_message_into_a_file_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    say(MESSAGE)
    assert sys.stderr.getvalue() == f"{MESSAGE}\n"


def test_mistake_in_the_command_line_is_broken_too(screen):
    stream = screen(40)
    with pytest.raises(SystemExit) as caught:
        main(["train", "d.csv", "--epcohs", "3", "--architecture", "compcat"])
    assert caught.value.code == 2
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 40
    assert "Did you mean 'compact'?" in text.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("два", "utf-8", "два"),
        ("два", "ascii", r"\u0434\u0432\u0430"),
        ("a\nb\tc", "utf-8", r"a\nb\tc"),
        ("\x1b[31mred", "utf-8", r"\x1b[31mred"),
        ("a b", "ascii", "a b"),
    ],
)
def test_name_that_would_move_the_cursor_is_shown_and_not_sent(monkeypatch, text, encoding, shown):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert printable(text) == shown


class Refusing(io.BytesIO):
    """A pipe or a file that takes nothing."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, _):
        raise self.error


def refuse(monkeypatch, error):
    stream = io.TextIOWrapper(Refusing(error), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)


# Windows has no error of its own for a pipe whose reader has ended.
CLOSED = [(False, BrokenPipeError(errno.EPIPE, "x")), (True, OSError(errno.EINVAL, "x"))]


@pytest.mark.parametrize(("is_windows", "error"), CLOSED)
def test_output_closed_by_its_reader_is_no_error_on_any_system(monkeypatch, is_windows, error):
    monkeypatch.setattr(_output, "_IS_WINDOWS", is_windows)
    refuse(monkeypatch, error)
    show("1")
    with pytest.raises(OutputClosedError):
        write_out("1\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("is_windows", [False, True])
def test_output_that_takes_nothing_is_named(monkeypatch, is_windows, number):
    monkeypatch.setattr(_output, "_IS_WINDOWS", is_windows)
    for write in (show, write_out):
        refuse(monkeypatch, OSError(number, "no space"))
        with pytest.raises(OSError, match="standard output") as caught:
            write("1")
        assert caught.value.errno == number


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EINVAL])
def test_last_flush_fails_only_where_output_is_lost(monkeypatch, number):
    def flush():
        raise OSError(number, "x")

    monkeypatch.setattr(_output, "_IS_WINDOWS", False)
    refuse(monkeypatch, None)
    monkeypatch.setattr(sys.stdout, "flush", flush)
    if number == errno.EPIPE:
        finish_output()
    else:
        with pytest.raises(OSError, match="standard output"):
            finish_output()


def test_program_without_a_console_writes_nowhere(monkeypatch):
    # As pythonw on Windows.
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    say("a message")
    assert out.getvalue() == ""
    monkeypatch.setattr(sys, "stdout", None)
    write_out("1\n")
    show("1")
    finish_output()
    assert not is_terminal(sys.stdout)
    assert columns_of(sys.stdout) == 80


def test_table_goes_to_a_stream_in_memory_too(monkeypatch):
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    write_out("é\n")
    assert out.getvalue() == "é\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (OutputClosedError(), 0, ""),
        (KeyboardInterrupt(), 130, "digitcnn info: stopped\n"),
        (
            OSError(errno.ENOENT, "gone", "a.csv"),
            2,
            "digitcnn info: a.csv: there is no such file or folder\n",
        ),
    ],
)
def test_command_ends_with_the_status_of_what_ended_it(monkeypatch, capsys, error, status, said):
    def fail(options):
        raise error

    monkeypatch.setattr("digitcnn.cli.info.info", fail)
    assert main(["info", "sample"]) == status
    assert capsys.readouterr() == ("", said)


def test_output_that_is_lost_at_the_end_is_an_error(monkeypatch, capsys):
    def fail():
        raise OSError(errno.ENOSPC, "No space left on device", "standard output")

    monkeypatch.setattr("digitcnn.cli.info.info", lambda options: 0)
    monkeypatch.setattr("digitcnn.cli.finish_output", fail)
    assert main(["info", "sample"]) == 2
    assert "standard output: No space left on device" in capsys.readouterr().err
