"""Printed measures fit into 80 columns, whatever the names of the classes."""

import io
import re
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.cli import _measures
from digitcnn.cli._measures import count, print_measures
from digitcnn.evaluation import measure_answers

LETTERS = [chr(ord("A") + i) for i in range(26)]


def measures(names, n=1000, seed=0):
    """Measures of random answers, most of which are right."""
    classes = np.unique(np.array(names))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(classes), n)
    probabilities = rng.dirichlet(np.full(len(classes), 0.3), n)
    probabilities[np.arange(n), y] += rng.uniform(0, 2, n)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return measure_answers(classes[y], probabilities, classes, range(n))


def printed(monkeypatch, result, encoding="utf-8"):
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", screen)
    print_measures(result)
    monkeypatch.undo()
    screen.flush()
    return screen.buffer.getvalue().decode(encoding).splitlines()


def columns(line):
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line)


@pytest.mark.parametrize("n", [100, 10_000, 90_000])
def test_matrix_of_ten_digits_fits_with_recall_and_precision(monkeypatch, n):
    result = measures(list(range(10)), n)
    lines = printed(monkeypatch, result)
    assert max(map(len, lines)) <= 80
    start = lines.index("confusion matrix (rows: true class, columns: predicted class)") + 1
    head, *rows, precisions = lines[start : start + 12]
    assert head.split() == [*map(str, range(10)), "recall"]
    for number, row in enumerate(rows):
        name, *cells, recall = row.split()
        assert name == str(number)
        assert [0 if cell == "." else int(cell) for cell in cells] == result["confusion_matrix"][
            number
        ]
        assert recall == f"{result['class_recall'][number]:.3f}"
    assert precisions.split() == ["precision", *(f"{p:.3f}" for p in result["class_precision"])]
    # Each number is below the name of its class.
    ends = [found.end() for found in re.finditer(r"\d+", head)]
    assert [found.end() for found in re.finditer(r"[01]\.\d{3}", precisions)] == ends


def test_classes_that_are_too_many_for_a_matrix_have_a_line_each(monkeypatch):
    result = measures(LETTERS)
    lines = printed(monkeypatch, result)
    assert max(map(len, lines)) <= 80
    start = next(i for i, line in enumerate(lines) if line.startswith("by class"))
    assert "--json has the whole confusion matrix" in lines[start]
    for number, line in enumerate(lines[start + 2 : start + 28]):
        row = result["confusion_matrix"][number]
        name, digits, recall, precision, *wrong = line.split(maxsplit=4)
        assert (name, int(digits)) == (LETTERS[number], sum(row))
        assert recall == f"{result['class_recall'][number]:.3f}"
        assert precision == f"{result['class_precision'][number]:.3f}"
        listed = [(other, int(n)) for other, n in re.findall(r"(\w) \((\d+)\)", "".join(wrong))]
        assert listed
        errors = {LETTERS[i]: n for i, n in enumerate(row) if n and i != number}
        assert all(errors[other] == n for other, n in listed)
        assert [n for _, n in listed] == sorted(errors.values(), reverse=True)[: len(listed)]
        assert line.endswith("...") == (len(listed) < len(errors))


@settings(max_examples=40)
@given(
    names=st.lists(
        st.text(
            st.characters(exclude_categories=["Cs", "Mn", "Me"]), min_size=1, max_size=40
        ).filter(lambda text: "\0" not in text),
        min_size=2,
        max_size=30,
        unique=True,
    ),
    encoding=st.sampled_from(["utf-8", "ascii", "cp1252"]),
)
def test_no_name_breaks_the_lines_or_makes_them_longer(names, encoding):
    with pytest.MonkeyPatch.context() as monkeypatch:
        lines = printed(monkeypatch, result := measures(names, 200), encoding)
    assert max(map(columns, lines)) <= 80
    assert all(line.isprintable() for line in lines)
    # A class is one line, whatever is in its name, in a matrix or in the list.
    rest = len(lines) - len(names) - len(result["most_confident_errors"])
    assert rest == 2 + (3 if lines[2].startswith("confusion") else 2) + 2 + 1


def test_long_names_keep_their_ends_by_which_they_differ(monkeypatch):
    names = [f"a letter of the hand-written kind {letter}" for letter in LETTERS[:4]]
    lines = printed(monkeypatch, measures(names))
    for letter in LETTERS[:4]:
        assert any(re.match(rf"a letter.*\.\.\..*kind {letter} ", line) for line in lines)


@pytest.mark.parametrize(("width", "is_matrix"), [(200, True), (80, True), (60, False)])
def test_narrower_terminal_has_narrower_lines(monkeypatch, width, is_matrix):
    monkeypatch.setattr(_measures, "columns_of", lambda _: width)
    lines = printed(monkeypatch, {**measures(list(range(10))), "most_confident_errors": []})
    assert ("confusion matrix (rows: true class, columns: predicted class)" in lines) == is_matrix
    assert max(map(len, lines[4:])) <= width


def test_what_is_one_is_said_to_be_one(monkeypatch):
    assert [count(n, "digit") for n in (0, 1, 2, 1000)] == [
        "0 digits", "1 digit", "2 digits", "1,000 digits",
    ]  # fmt: skip
    perfect = measure_answers(np.array([0]), np.eye(2)[:1], np.array([0, 1]), range(1))
    assert printed(monkeypatch, perfect)[0] == (
        "accuracy 100.00%: 0 errors in 1 digit; log loss 0.0000"
    )
