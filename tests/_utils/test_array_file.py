import io
import json
import os
import socket
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from conftest import posix
from digitcnn._utils.array_file import is_model_file, read_model_file, write_model_file
from hostile_files import ARRAYS, Spy, hostile_model_files, whole_model, zip_of


@pytest.fixture(scope="module")
def whole():
    """A model file's bytes."""
    return whole_model()


def error_of(path, data):
    """The error of reading these bytes as a file, or None."""
    path.write_bytes(data)
    try:
        read_model_file(path)
    except ValueError as error:
        return str(error)
    return None


def test_content_and_arrays_come_back(tmp_path):
    arrays = [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array(3.5),
        np.array([], np.int8),
        np.zeros((0, 3), np.float32),
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.arange(5, dtype=">i4"),
        np.array([True, False]),
    ]
    write_model_file(tmp_path / "m", {"a": [1, "é", None]}, arrays)
    content, found = read_model_file(tmp_path / "m")
    assert content == {"a": [1, "é", None]}
    for one, other in zip(found, arrays, strict=True):
        assert one.dtype == other.dtype.newbyteorder("=")
        assert one.shape == other.shape
        assert one.flags.writeable
        np.testing.assert_array_equal(one, other)


def test_bytes_between_the_members_and_the_directory_are_refused(whole, tmp_path):
    *rest, start, comment = struct.unpack("<4s4H2LH", whole[-22:])
    end = struct.pack("<4s4H2LH", *rest, start + 5, comment)
    more = whole[:start] + b"hello" + whole[start:-22] + end
    assert "contains bytes that belong to no member" in error_of(tmp_path / "m", more)


def test_header_of_very_many_lists_is_refused_before_it_is_read(tmp_path):
    header = b"[" * 100_001 + b"{" * 100_001
    said = error_of(tmp_path / "m", zip_of([("model.json", header)]))
    assert "more than 200000 lists and objects" in said


def test_what_is_not_plain_numbers_is_not_written(tmp_path):
    for array in (np.array([None]), np.array(["a"]), np.array([1j]), np.zeros(2, "i4,i4")):
        with pytest.raises(ValueError, match="expected an array of plain numbers"):
            write_model_file(tmp_path / "m", {}, [array])
    with pytest.raises(ValueError, match=r"a header of at most .* bytes"):
        write_model_file(tmp_path / "m", {"a": "a" * 2**23}, [])
    with pytest.raises(ValueError, match="at most 10000 arrays in a digitcnn model, got 10001"):
        write_model_file(tmp_path / "m", {}, [np.zeros(1)] * 10_001)
    assert not list(tmp_path.iterdir())


def test_file_of_another_form_is_refused(tmp_path):
    write_model_file(tmp_path / "m", {}, ARRAYS, form="digitcnn note")
    assert read_model_file(tmp_path / "m", form="digitcnn note")[0] == {}
    with pytest.raises(ValueError, match="its header is not that of a digitcnn model"):
        read_model_file(tmp_path / "m")


def test_numpy_opens_the_arrays_of_the_file(tmp_path):
    write_model_file(tmp_path / "m.npz", {}, ARRAYS)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["arrays/000"], ARRAYS[0])


@pytest.mark.slow
def test_each_hostile_file_is_refused_and_nothing_in_it_is_run(whole, tmp_path):
    errors = {
        name: error_of(tmp_path / "m.digitcnn", data)
        for name, data in hostile_model_files(whole).items()
    }
    assert [name for name, error in errors.items() if error is None] == []
    versions = {name for name in errors if "version" in name and "array" not in name}
    assert len(versions) == 5
    for name, error in errors.items():
        kind = "version 1 of" if name in versions else "a digitcnn model file, got another, dam"
        assert error.startswith(f"{tmp_path}/m.digitcnn: expected {kind}")
        assert "\n" not in error
        assert len(error) < 500
    assert "expected version 1 of the format, got version 2" in errors["a later version"]
    assert "link" in errors["links"]
    assert "compressed" in errors["a bomb"]
    assert "'../../outside'" in errors["a member outside"]
    assert "checksum" in errors["a wrong checksum"]
    assert "not declared as plain numbers" in errors["an object array"]
    assert Spy.mark == []
    assert [path.name for path in tmp_path.iterdir()] == ["m.digitcnn"]


def test_reading_takes_no_more_memory_than_the_file_is_long(whole, tmp_path):
    path = tmp_path / "m.digitcnn"
    cases = hostile_model_files(whole)
    for name in ("a bomb", "a header that is a bomb", "a header that is too long"):
        cases[f"{name}, as a member too many"] = zip_of(
            [("model.json", cases[name]), ("arrays/000.npy", b"")], zipfile.ZIP_DEFLATED
        )
    for name, data in cases.items():
        tracemalloc.start()
        error_of(path, data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * len(data) + 2**21, name


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"{},", b"999,", b'"ab",'])
def test_longest_header_takes_bounded_memory(tmp_path, unit):
    data = zip_of([("model.json", b"[" + unit * ((2**23 - 3) // len(unit)) + b"1]")])
    tracemalloc.start()
    assert "its header" in error_of(tmp_path / "m", data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150 * 2**20


def test_reading_opens_no_other_file(whole, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for i, data in enumerate([whole, *hostile_model_files(whole).values()]):
        (folder / f"{i}.digitcnn").write_bytes(data)
    script = (
        "import contextlib, os, sys\n"
        "from pathlib import Path\n"
        "from digitcnn._utils.array_file import read_model_file\n"
        "paths = sorted(Path(sys.argv[1]).iterdir())\n"
        "seen = []\n"
        "def hook(event, arguments):\n"
        "    if event in ('open', 'exec', 'compile', 'import', 'socket.connect', 'os.remove',\n"
        "                 'os.rename', 'os.mkdir', 'subprocess.Popen', 'pickle.find_class'):\n"
        "        seen.append((event, str(arguments[0])))\n"
        "def read(path):\n"
        "    with contextlib.suppress(ValueError):\n"
        "        read_model_file(path)\n"
        "for path in paths:\n"
        "    read(path)\n"  # what Python imports at the first time is none of the files' doing
        "sys.addaudithook(hook)\n"
        "for path in paths:\n"
        "    read(path)\n"
        "assert len(seen) >= len(paths)\n"
        "print(sorted({s for s in seen if s not in {('open', str(path)) for path in paths}}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "[]\n", done.stderr


def test_file_cut_anywhere_is_refused(whole, tmp_path):
    for length in range(0, len(whole), 7):
        assert error_of(tmp_path / "m", whole[:length]) is not None, length


@pytest.mark.parametrize("make", [pytest.param("mkfifo", marks=posix), "mkdir"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, make):
    getattr(os, make)(tmp_path / "m.digitcnn")
    with pytest.raises(ValueError, match=r"m\.digitcnn: expected .*, got (a folder|some)"):
        read_model_file(tmp_path / "m.digitcnn")


@posix
def test_device_and_socket_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("m.digitcnn")
        for path in ("m.digitcnn", "/dev/zero"):
            with pytest.raises(ValueError, match="got something other than a regular file"):
                read_model_file(path)


@pytest.mark.parametrize("address", ["https://example.org/m.digitcnn", "s3://bucket/m", "m\0"])
def test_address_of_another_machine_is_a_path_that_is_not_there(address):
    with pytest.raises((FileNotFoundError, ValueError), match=r"no such file|null"):
        read_model_file(address)


def test_model_file_is_told_by_its_name_or_its_beginning(whole, tmp_path):
    (tmp_path / "renamed").write_bytes(whole)
    (tmp_path / "cut").write_bytes(whole[:100])
    (tmp_path / "table.csv.zip").write_bytes(zip_of([("table.csv", b"label,p0\n1,2\n")]))
    (tmp_path / "damaged.zip").write_bytes(zip_of([("a", b"")]).replace(b"PK\1\2", b"PK\1\3"))
    found = [is_model_file(tmp_path / name) for name in ("renamed", "cut", "absent.digitcnn")]
    assert found == [True, True, True]
    for name in ("table.csv.zip", "damaged.zip", "absent", "."):
        assert not is_model_file(tmp_path / name)


def test_file_is_a_zip_that_others_read(whole):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("model.json"))["version"] == 1
