"""Messages are wrapped in a terminal, and one line elsewhere."""

import io
import os
import sys

import pytest

from digitcnn.cli import _output, main
from digitcnn.cli._output import printable, say

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
