import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.reading.lines import link_lines, reading_order, split_numbers

boxes_of_pages = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 60), st.integers(1, 60)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    max_size=25,
).map(lambda boxes: np.array(boxes, float).reshape(-1, 4))


@settings(max_examples=100)
@given(boxes_of_pages, st.floats(1, 60))
def test_each_box_is_in_one_line_and_lines_go_to_the_right(boxes, height):
    lines = link_lines(boxes, height)
    assert sorted(i for line in lines for i in line) == list(range(len(boxes)))
    for line in lines:
        middles = boxes[line][:, [0, 2]].sum(axis=1)
        assert (np.diff(middles) >= 0).all()


@settings(max_examples=100)
@given(
    st.integers(1, 5),
    st.integers(2, 8),
    st.floats(-0.15, 0.15),
    st.floats(0.5, 8),
    st.randoms(use_true_random=False),
)
def test_grid_of_boxes_is_read_row_by_row_whatever_its_scale_slope_and_order(
    n_rows, n_columns, slope, scale, random
):
    places = [(row, column) for row in range(n_rows) for column in range(n_columns)]
    random.shuffle(places)
    boxes = np.array(
        [
            (30 * c, 60 * r + slope * 30 * c, 30 * c + 20, 60 * r + slope * 30 * c + 30)
            for r, c in places
        ]
    )
    lines = link_lines(boxes * scale, 30 * scale)
    assert [[places[i] for i in line] for line in lines] == [
        [(row, column) for column in range(n_columns)] for row in range(n_rows)
    ]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(5, 100))
def test_numbers_end_at_wide_gaps(lengths, height):
    boxes, x = [], 0.0
    for length in lengths:
        for _ in range(length):
            boxes.append((x, 0.0, x + 0.6 * height, float(height)))
            x += 0.75 * height
        x += 1.2 * height
    found = split_numbers(np.array(boxes))
    assert [i for number in found for i in number] == list(range(len(boxes)))
    if min(lengths) > 1 or len(lengths) == 1:
        assert [len(number) for number in found] == lengths


def test_boxes_beside_each_other_are_in_order_from_left_to_right():
    boxes = [np.array(box) for box in [(200, 3, 300, 33), (0, 0, 100, 30), (50, 60, 90, 90)]]
    assert reading_order(boxes) == [1, 0, 2]


def test_no_boxes_make_no_lines():
    assert link_lines(np.zeros((0, 4)), 0.0) == []
