import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitcnn.model_file import read_model_file, write_model_file, write_whole


def test_content_and_arrays_come_back(tmp_path):
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(3.5), np.array([], np.int8)]
    write_model_file(tmp_path / "m", {"a": [1, "é", None]}, arrays)
    content, weights = read_model_file(tmp_path / "m")
    assert content["a"] == [1, "é", None]
    for one, other in zip(weights, arrays, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=5),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_damaged_file_is_refused_whatever_its_bytes(tmp_path_factory, changes, in_directory):
    folder = tmp_path_factory.getbasetemp()
    write_model_file(folder / "whole", {}, [np.arange(3)])
    data = bytearray((folder / "whole").read_bytes())
    for where, value in changes:
        # The archive's directory is its last part: a byte there moves the members.
        data[-1 - where % 200 if in_directory else where % len(data)] = value
    (folder / "damaged").write_bytes(data)
    with contextlib.suppress(ValueError):
        _, (array,) = read_model_file(folder / "damaged")
        np.testing.assert_array_equal(array, np.arange(3))


def test_place_before_the_beginning_of_the_file_is_damage(tmp_path):
    write_model_file(tmp_path / "m", {}, [np.arange(3)])
    data = bytearray((tmp_path / "m").read_bytes())
    data[-8:-4] = (2**31 - 1).to_bytes(4, "little")  # the directory's offset, in the last record
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ValueError, match="is not a digitcnn model file"):
        read_model_file(tmp_path / "m")


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
