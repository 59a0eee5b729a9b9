import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digitcnn.report._pictures import arrange_pictures, choose_pictures, to_url


def decode(url):
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_picture_comes_back_from_its_url_with_ink_dark_on_paper(digits):
    picture = digits[0][0].reshape(8, 8, 1)
    np.testing.assert_array_equal(decode(to_url(picture, (0, 255))), 255 - picture[:, :, 0])


def test_limits_say_what_is_paper_and_what_is_ink():
    picture = np.array([[[0.0], [0.5]], [[1.0], [2.0]]])
    np.testing.assert_array_equal(decode(to_url(picture, (0, 1))), [[255, 128], [0, 0]])
    np.testing.assert_array_equal(decode(to_url(np.zeros((2, 2, 1)), (0, 0))), 255)


def test_colours_stay_and_other_channels_are_averaged():
    colours = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode(to_url(colours, (0, 255))), colours)
    two = np.dstack([np.zeros((5, 4)), np.full((5, 4), 200)])
    np.testing.assert_array_equal(decode(to_url(two, (0, 255))), 155)


@pytest.mark.parametrize(
    ("shape", "size"), [((28, 28), (28, 28)), ((300, 150), (64, 32)), ((64, 65), (63, 64))]
)
def test_large_picture_is_made_smaller_and_keeps_its_proportions(shape, size):
    assert decode(to_url(np.zeros((*shape, 1)), (0, 255))).shape == size


@given(
    seed=st.integers(0, 999),
    n=st.integers(1, 80),
    n_each=st.integers(1, 9),
    most=st.integers(1, 60),
)
@settings(max_examples=60)
def test_chosen_pictures_are_the_first_ones_of_all_groups(seed, n, n_each, most):
    rng = np.random.default_rng(seed)
    groups, interest = rng.integers(0, 6, n), rng.random(n)
    chosen = choose_pictures(groups, interest, n_each, most)
    assert len(set(chosen)) == len(chosen) <= most
    counts = np.bincount(groups[chosen], minlength=6)
    sizes = np.minimum(np.bincount(groups, minlength=6), n_each)
    assert counts.sum() == min(most, sizes.sum())
    # No group has two more than one that still has some.
    assert counts.max() <= counts[counts < sizes].min(initial=n) + 1
    for group in range(6):
        mine = interest[chosen][groups[chosen] == group]
        best = np.sort(interest[groups == group])[::-1][: len(mine)]
        np.testing.assert_array_equal(mine, best)


def test_cells_hold_the_digits_that_they_count_and_the_page_is_bounded(digits):
    X, y = digits
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(10, 0.5), len(y))
    rows = np.arange(len(y)) + 5000
    content = arrange_pictures(
        X.reshape(-1, 8, 8, 1), (0, 255), y, probabilities, np.arange(10), rows
    )
    answers = probabilities.argmax(axis=1)
    for i, line in enumerate(content["cells"]):
        for j, cell in enumerate(line):
            members = set(rows[(y == i) & (answers == j)])
            shown = [reading["row"] for reading in cell["readings"]]
            assert cell["count"] == len(members)
            assert len(shown) == min(24, len(members))
            assert set(shown) <= members
            assert cell["is_right"] == (i == j)
            assert 1 <= cell["level"] <= 4
    first = content["errors"][0]
    place = first["row"] - 5000
    np.testing.assert_array_equal(decode(first["url"]), 255 - X[place].reshape(8, 8))
    assert (first["truth"], first["answer"]) == (y[place], answers[place])
    leads = probabilities.max(axis=1) - probabilities[np.arange(len(y)), y]
    assert first["of_answer"] - first["of_truth"] == pytest.approx(leads.max())


def test_large_pictures_are_fewer():
    n = 400
    pictures = np.zeros((n, 80, 80, 3), dtype=np.uint8)
    truth = np.arange(n) % 20
    probabilities = np.eye(20)[truth]
    content = arrange_pictures(pictures, None, truth, probabilities, np.arange(20), np.arange(n))
    shown = [len(cell["readings"]) for line in content["cells"] for cell in line if cell["count"]]
    assert sum(shown) == 2_000_000 // (64 * 64 * 3) < n
    assert min(shown) >= 8
