"""Pixel columns are told by their names, or refused where they cannot be."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.tables.columns import find_pixel_columns, is_order_named

few = settings(max_examples=25)


@given(data=st.data(), style=st.sampled_from(["pixel{}", "{}", "px_{}_grey", "x{:03}"]))
@few
def test_pixels_are_ordered_by_number(data, style):
    first, n = data.draw(st.integers(0, 1)), data.draw(st.integers(4, 40))
    expected = [style.format(i) for i in range(first, first + n)]
    names = data.draw(
        st.permutations([*expected, "label", "ImageId", "Unnamed: 0", "row1", "row2"])
    )
    assert find_pixel_columns(names) == expected


@given(data=st.data(), first=st.integers(0, 1))
@few
def test_pixels_are_ordered_by_row_and_column(data, first):
    expected = [f"{row}x{column}" for row in range(first, 12) for column in range(first, 13)]
    assert find_pixel_columns(data.draw(st.permutations([*expected, "label"]))) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([f"p{i}" for i in range(20) if i % 2 == 0], "'p1', 'p3', 'p5', 'p7', 'p9'"),
        ([f"p{i}" for i in range(40) if i % 2 == 0], "'p9' and 14 more"),
        (["2x1", "1x1", "1x2"], "missing: '2x2'"),
        (["p3", "p4", "p5"], "missing: 'p1', 'p2'"),
        (["p0", "p1", "q0", "q1"], "equally many"),
        (["p0", "p1", "p01"], "the same number"),
        (["p#1", "p#3"], "missing: 'p#2'"),
        (["p{1", "p{3"], "missing: 'p{2'"),
        (["5", "0", "9"], "Is there a header line"),
        (["p0", "p999999999999"], "missing: 'p1', 'p2', 'p3', 'p4', 'p5' and 999999999993 more"),
        (["1x1x1", "1x1x9999999"], "missing: '1x1x2'"),
        (["", "label"], "expected pixel columns, got only"),
        (["p0", "label", "p2"], "missing: 'p1'"),
    ],
)
def test_pixels_that_cannot_be_told_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        find_pixel_columns(names)


@pytest.mark.parametrize("label", ["p1", "p2", "1x2"])
def test_label_that_is_named_like_a_pixel_is_said_to_be_one(label):
    names = ["1x1", "1x2", "2x1", "2x2"] if "x" in label else ["p0", "p1", "p2", "p3"]
    with pytest.raises(ValueError, match=f"{label!r} is taken for the label; give the name of"):
        find_pixel_columns([*names, "digit"], label)
    assert find_pixel_columns([*names, "digit"], "digit") == names


def test_names_without_numbers_keep_the_order_of_the_file():
    assert find_pixel_columns(["b", "label", "a", "z9"]) == ["b", "a", "z9"]
    assert find_pixel_columns(["b", "label"], label=None) == ["b", "label"]


def test_columns_without_a_name_number_the_rows_and_are_no_pixels():
    for index in ("", "Unnamed: 0"):
        assert find_pixel_columns([index, "b", "label", "a"]) == ["b", "a"]
        assert find_pixel_columns([index, "p1", "label", "p0"]) == ["p0", "p1"]


@given(st.lists(st.text("p0129#{}_.x \u0663", max_size=12), max_size=6))
@settings(max_examples=300)
def test_any_names_give_columns_or_an_error(names):
    found = []
    with contextlib.suppress(ValueError):
        found = find_pixel_columns(names)
        assert found
    assert set(found) <= set(names)


@pytest.mark.parametrize(
    ("names", "is_named"),
    [
        (["pixel0", "pixel1"], True),
        (["1x1", "1x2", "2x1", "2x2"], True),
        (["0", "1", "2"], True),
        (["b", "a"], False),
        (["a1", "b2", "c3"], False),
        (["a", "a1"], False),
    ],
)
def test_order_of_columns_is_told_by_numbers_alone(names, is_named):
    assert is_order_named(find_pixel_columns(names)) == is_named
