import numpy as np
import pytest

from digitcnn.model_file import read_model_file, write_model_file, write_whole


def test_content_and_arrays_come_back(tmp_path):
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(3.5), np.array([], np.int8)]
    write_model_file(tmp_path / "m", {"a": [1, "é", None]}, arrays)
    content, weights = read_model_file(tmp_path / "m")
    assert content["a"] == [1, "é", None]
    for one, other in zip(weights, arrays, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fail)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_written_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_whole(tmp_path / "written", lambda file: file.write(b""))
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode
