import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from digitcnn import DigitNormalizer
from digitcnn.datasets import read_digit_images
from image_samples import digit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty digits in folders of their classes, beside a CSV of their names."""
    folder = tmp_path_factory.mktemp("images")
    lines = ["file;label"]
    for i in range(30):
        label = load_digits().target[i]
        file = folder / "d" / str(label) / f"{i}.png"
        file.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(digit(i, 20)).save(file)
        lines.append(f"d/{label}/{i}.png;{label}")
    (folder / "names.csv").write_text("\n".join(lines))
    return folder


def test_folders_give_rows_labels_and_names(folder):
    X, y, files = read_digit_images(folder / "d", return_files=True)
    numbers = [int(file.split("/")[1].removesuffix(".png")) for file in files]
    assert numbers[:3] == [0, 10, 20]
    np.testing.assert_array_equal(y, load_digits().target[numbers])
    assert y.dtype == np.int64
    expected = DigitNormalizer().transform([digit(i, 20) for i in numbers])
    np.testing.assert_array_equal(X, expected)


def test_table_of_names_gives_the_same_rows_in_its_order(folder):
    X, y = read_digit_images(folder / "names.csv")
    np.testing.assert_array_equal(y, load_digits().target[:30])
    np.testing.assert_array_equal(X, DigitNormalizer().transform([digit(i, 20) for i in range(30)]))


def test_images_without_labels_give_none(folder):
    X, y = read_digit_images(folder / "d" / "3")
    assert X.shape == (3, 784)
    assert y is None
    one = folder / "d" / "3" / "3.png"
    X, y, files = read_digit_images(str(one), size=14, return_files=True)
    assert X.shape == (1, 196)
    assert (y, files) == (None, [str(one)])


def test_names_of_classes_stay_text_where_one_is_no_number(tmp_path):
    for name in ("01", "x"):
        (tmp_path / name).mkdir()
        Image.fromarray(digit()).save(tmp_path / name / "a.png")
    assert read_digit_images(tmp_path)[1].tolist() == ["01", "x"]


def test_bad_files_are_refused_or_left_out_with_a_warning(folder, tmp_path):
    for i in range(3):
        (tmp_path / str(i)).mkdir()
        Image.fromarray(digit(i)).save(tmp_path / str(i) / "a.png")
    bad = tmp_path / "1" / "b.png"
    bad.write_text("text")
    with pytest.raises(ValueError, match=rf"{bad}: expected PNG"):
        read_digit_images(tmp_path)
    with pytest.warns(UserWarning, match="1 of 4 image files cannot be read") as caught:
        X, y, files = read_digit_images(tmp_path, skip_bad=True, return_files=True)
    assert caught[0].filename == __file__
    assert y.tolist() == [0, 1, 2]
    assert files == ["0/a.png", "1/a.png", "2/a.png"]
    assert len(X) == 3


def test_whole_files_warn_of_nothing(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_digit_images(folder / "d", skip_bad=True)


def test_pixels_may_go_to_a_file(folder, tmp_path):
    X, y = read_digit_images(folder / "d", memory_map=tmp_path / "x.npy")
    assert isinstance(X, np.memmap)
    np.testing.assert_array_equal(X, read_digit_images(folder / "d")[0])
    assert len(y) == 30


@pytest.mark.parametrize(
    ("path", "options", "error", "message"),
    [
        ("none", {}, FileNotFoundError, "There is no file or folder"),
        ("none.png", {}, FileNotFoundError, r"none\.png"),
        ("pixels.csv", {}, ValueError, "got '.*pixels.csv'. A table of pixels is read by"),
        ("d", {"size": 0}, ValueError, "expected size to be a whole number from 1 up, got 0"),
        ("d", {"normalize": "yes"}, ValueError, "expected normalize to be 'auto', True or False"),
        ("", {}, ValueError, "folder that is no data|got both|without any"),
    ],
)
def test_what_is_no_image_is_refused(folder, path, options, error, message):
    (folder / "pixels.csv").write_text("label,p0,p1\n1,2,3\n")
    if not path:
        (folder / "empty").mkdir()
        path = "empty"
    with pytest.raises(error, match=message):
        read_digit_images(folder / path, **options)
