import numpy as np
import pytest

from digitcnn.reading.grids import find_grid
from number_sheets import compose, on_paper
from ruled_sheets import bent, grid_sheet, seen_from

SUDOKU = ["53  7    ", "6  195   ", " 98    6 ", "8   6   3", "4  8 3  1"] + [" " * 9] * 4


@pytest.mark.parametrize(
    ("corners", "width", "height"),
    [
        ([[0, 0], [640, 0], [640, 640], [0, 640]], 640, 640),
        ([[120, 60], [700, 130], [640, 730], [40, 640]], 800, 800),
        ([[90, 200], [720, 40], [800, 640], [190, 800]], 850, 850),
        ([[250, 50], [1050, 80], [1250, 900], [120, 860]], 1400, 950),
    ],
    ids=["level", "tilted", "15 degrees", "perspective"],
)
def test_corners_of_all_cells_are_found(corners, width, height):
    picture, matrix = seen_from(grid_sheet(SUDOKU), corners, width, height, 225.0)
    grid = find_grid(picture)
    assert grid.nodes.shape == (10, 10, 2)
    places = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=2).reshape(-1, 2) * 60 + 51
    expected = np.column_stack([places, np.ones(len(places))]) @ matrix.T
    expected = expected[:, :2] / expected[:, 2:]
    np.testing.assert_allclose(grid.nodes.reshape(-1, 2), expected, atol=4)
    np.testing.assert_allclose(grid.corners[0], expected[0], atol=4)


def test_bent_grid_with_faint_lines_is_found():
    picture = bent(grid_sheet(SUDOKU, shades=(185.0, 60.0)), 12)
    grid = find_grid(picture)
    assert grid.nodes.shape == (10, 10, 2)


def test_line_that_is_missing_in_a_regular_grid_is_put_in():
    picture = grid_sheet(SUDOKU)
    picture[222:240, 40:-40] = 225
    picture[225:238] = 225
    picture[230:234] = 225
    grid = find_grid(picture)
    assert grid.nodes.shape == (10, 10, 2)


def test_table_of_uneven_columns_keeps_them():
    picture = np.full((400, 700, 1), 230, np.uint8)
    columns = [40, 240, 300, 420, 470, 640]
    for y in (50, 120, 190, 260, 330):
        picture[y : y + 2, 40:642] = 90
    for x in columns:
        picture[50:332, x : x + 2] = 90
    grid = find_grid(picture)
    assert len(grid.nodes) == 5
    np.testing.assert_allclose(grid.nodes[0, :, 0], np.array(columns) + 0.5, atol=2)


def test_sheet_of_squared_paper_has_cells_up_to_its_edges():
    picture = grid_sheet([" " * 6] * 5, margin=60, every=1)[10:-10, 10:-10]
    assert len(find_grid(picture).nodes) == 6
    grid = find_grid(picture, is_sheet=True)
    assert grid.nodes.shape == (8, 9, 2)
    np.testing.assert_allclose(grid.corners, [[0, 0], [460, 0], [460, 400], [0, 400]], atol=3)


def test_lines_of_squared_paper_go_on_and_those_of_a_table_end():
    squares = np.full((400, 500, 1), 230, np.uint8)
    squares[::40] = squares[:, ::40] = 150
    assert not find_grid(squares).is_closed
    assert find_grid(grid_sheet(SUDOKU)).is_closed


@pytest.mark.parametrize(
    "picture",
    [
        on_paper(compose(["123456", "789012", "345678"])),
        np.full((300, 300), 200, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8),
        np.where(np.arange(300)[:, None] % 40 < 2, 90, 220).repeat(400, axis=1).astype(np.uint8),
    ],
    ids=["numbers", "blank", "noise", "ruled paper"],
)
def test_what_is_no_grid_has_none(picture):
    assert find_grid(picture[..., None]) is None
