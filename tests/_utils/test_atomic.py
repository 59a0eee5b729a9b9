import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import digitcnn
from conftest import make_classifier, posix
from digitcnn._utils import atomic
from digitcnn._utils.array_file import read_model_file, write_model_file
from digitcnn._utils.atomic import (
    atomic_write,
    folder_beside,
    is_same_file,
    remove_left_over,
    try_to_write,
)
from digitcnn.datasets import load_mnist, read_digits_csv, stream_digits


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def put(text):
    return lambda file: file.write(text.encode())


def test_new_file_is_in_the_place_of_the_old_one(tmp_path):
    for text in ("one", "two"):
        atomic_write(tmp_path / "file", put(text))
        assert (tmp_path / "file").read_text() == text
    assert names_in(tmp_path) == ["file"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(target, fail)
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_trying_to_write_leaves_everything_as_it_is(tmp_path):
    (tmp_path / "old").write_text("old")
    for name in ("old", "new"):
        try_to_write(tmp_path / name)
    assert names_in(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_what_cannot_be_written_is_found_by_trying(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "gone" / "new", tmp_path / "file" / "new", tmp_path / ("n" * 300)):
        with pytest.raises(OSError, match=r"new|nnn") as caught:
            try_to_write(path)
        assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["models/", "models//", "there"])
def test_name_of_a_folder_is_no_files(tmp_path, name):
    (tmp_path / "there").mkdir()
    with pytest.raises(IsADirectoryError, match="expected a file's name, got a folder"):
        atomic_write(f"{tmp_path}/{name}", put("text"))
    assert names_in(tmp_path) == ["there"]


def test_old_file_is_there_until_the_new_one_is_complete(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def write(file):
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"

    atomic_write(target, write)
    assert target.read_text() == "new"


@posix
def test_new_file_has_the_rights_of_any_other_and_a_replaced_one_keeps_its_own(tmp_path):
    (tmp_path / "plain").write_text("")
    atomic_write(tmp_path / "written", put(""))
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "written").chmod(0o600)
    atomic_write(tmp_path / "written", put("secret"))
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o600


def test_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "file")
    atomic_write(tmp_path / "link", put("new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_text() == "new"


def test_name_of_any_length_and_alphabet_can_be_written(tmp_path):
    names = ["a" * 255, "é" * 127, "-", "[a]"]
    if os.name == "posix":
        names += [" ", "*[a]?", "a:b", "con", "a."]
    for name in names:
        atomic_write(tmp_path / name, put(name))
        assert (tmp_path / name).read_text() == name


@pytest.mark.parametrize("make", [pytest.param("mkfifo", marks=posix), "mkdir"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path, make):
    target = tmp_path / "target"
    getattr(os, make)(target)
    kind = target.stat().st_mode
    with pytest.raises(OSError, match=r"target: expected a (regular file|file.s name)"):
        atomic_write(target, put("new"))
    assert target.stat().st_mode == kind
    assert names_in(tmp_path) == ["target"]


def test_device_is_not_replaced():
    message = f"{re.escape(os.devnull)}: expected a regular file or a new name"
    with pytest.raises(OSError, match=message):
        atomic_write(os.devnull, put("new"))


def test_folder_that_is_missing_or_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=r"nowhere.+file'"):
        atomic_write(tmp_path / "nowhere" / "file", put("new"))
    with pytest.raises(NotADirectoryError, match=r"file.+new'"):
        atomic_write(tmp_path / "file" / "new", put("new"))


def in_a_process(code, *arguments, wait=True, **options):
    """Run code in a process of its own, after the imports that it may need."""
    script = (
        "import os, signal, sys\nimport numpy as np\n"
        "from digitcnn._utils.array_file import write_model_file\n"
        "from digitcnn._utils.atomic import is_same_file, atomic_write\n"
    )
    command = [sys.executable, "-c", script + code, *map(str, arguments)]
    if wait:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, **options)


@posix
def test_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    write_model_file(tmp_path / "m", {"number": 0}, [np.arange(1000.0)])
    # Files of this process may have 20,000 bytes: the system's own error of a full disk.
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "write_model_file(sys.argv[1], {'number': 1}, [np.arange(100_000.0)])\n"
    )
    done = in_a_process(code, tmp_path / "m")
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert read_model_file(tmp_path / "m")[0] == {"number": 0}
    assert names_in(tmp_path) == ["m"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB, if this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True).returncode == 0:
            yield folder
            subprocess.run(["umount", str(folder)], check=True)
            return
    pytest.skip("no file system can be mounted here")


def test_disk_without_room_leaves_the_old_file(small_disk):
    write_model_file(small_disk / "m", {"number": 0}, [np.arange(1000.0)])
    with pytest.raises(OSError, match="No space left"):
        write_model_file(small_disk / "m", {"number": 1}, [np.arange(100_000.0)])
    assert read_model_file(small_disk / "m")[0] == {"number": 0}
    assert names_in(small_disk) == ["m"]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=r"Read-only file system: '.*/m'"):
        write_model_file(small_disk / "m", {"number": 1}, [np.arange(10.0)])
    assert read_model_file(small_disk / "m")[0] == {"number": 0}


@posix
def test_folder_that_may_not_be_written_to_leaves_the_old_file():
    code = (
        # Root may write to folders of any mode.
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "atomic_write(sys.argv[1], lambda file: file.write(b'new'))\n"
    )
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        (folder / "file").write_text("old")
        folder.chmod(0o555)
        done = in_a_process(code, folder / "file")
        folder.chmod(0o755)
        assert f"PermissionError: [Errno 13] Permission denied: '{folder}/file'" in done.stderr
        assert (folder / "file").read_text() == "old"
        assert names_in(folder) == ["file"]


@posix
@pytest.mark.slow
def test_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    code = (
        "print('ready', flush=True)\n"
        "for number in range(10**9):\n"
        "    write_model_file(sys.argv[1], {'number': number}, [np.full(20_000, number, float)])\n"
    )
    target = tmp_path / "m.digitcnn"
    write_model_file(target, {"number": -1}, [np.full(20_000, -1.0)])
    rng = np.random.default_rng(0)
    seen = set()
    for kills in range(1, 9):
        process = in_a_process(code, target, wait=False)
        process.stdout.readline()
        # Each process is killed in the middle of another one of its many writes.
        time.sleep(rng.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        content, (array,) = read_model_file(target)
        assert set(array.tolist()) == {content["number"]}
        seen.add(content["number"])
        assert len(names_in(tmp_path)) <= 1 + kills
    assert len(seen) > 1


@posix
def test_kill_at_each_step_leaves_the_old_file_or_the_new_one(tmp_path):
    # From the first line of atomic_write to the last, one process for each.
    code = (
        "import digitcnn._utils.atomic\n"
        "folder = os.path.dirname(sys.argv[1])\n"
        "def trace(frame, event, argument):\n"
        "    global left\n"
        "    if frame.f_code.co_filename == digitcnn._utils.atomic.__file__ and event == 'line':\n"
        "        left -= 1\n"
        "        if left == 0:\n"
        "            os._exit(137)\n"
        "    return trace\n"
        "for step in range(1, 1000):\n"
        "    left = step\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        sys.settrace(trace)\n"
        "        atomic_write(sys.argv[1], lambda file: file.write(b'new' * 10_000))\n"
        "        os._exit(0)\n"
        "    _, status = os.waitpid(child, 0)\n"
        "    with open(sys.argv[1], 'rb') as file:\n"
        "        found = file.read()\n"
        "    assert found in (b'old' * 10_000, b'new' * 10_000), (step, found[:20])\n"
        "    print(found[:3].decode())\n"
        "    if status == 0:\n"
        "        break\n"
        "    for name in set(os.listdir(folder)) - {'file'}:\n"
        "        os.remove(os.path.join(folder, name))\n"
        "    with open(sys.argv[1], 'wb') as file:\n"
        "        file.write(b'old' * 10_000)\n"
    )
    (tmp_path / "file").write_bytes(b"old" * 10_000)
    # A measurement of the coverage would need the place of the trace function.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = in_a_process(code, tmp_path / "file", env=environment)
    found = done.stdout.split()
    assert done.returncode == 0, done.stderr
    assert len(found) > 20
    assert set(found) == {"old", "new"}
    assert found == sorted(found, reverse=True), "once the new file is there, it stays"


def leave(path):
    """The files that a process leaves when it is killed while writing one."""
    code = (
        "def write(file):\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    os._exit(9)\n"
        "atomic_write(sys.argv[1], write)\n"
    )
    assert in_a_process(code, path).returncode == 9


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path):
    for name in ("file", "another"):
        leave(tmp_path / name)
    assert len(names_in(tmp_path)) == 2
    atomic_write(tmp_path / "file", put("new"))
    mark = hashlib.sha256(b"another").hexdigest()[:16]
    first, second = names_in(tmp_path)
    assert first.startswith(f".digitcnn-{mark}-")
    assert second == "file"


def test_what_another_machine_left_is_removed_an_hour_later(tmp_path):
    leave(tmp_path / "file")
    (left,) = tmp_path.iterdir()
    prefix, mark, _, *rest = left.name.split("-")
    far = left.rename(tmp_path / "-".join([prefix, mark, "0" * 8, *rest]))
    atomic_write(tmp_path / "file", put("new"))
    assert far.exists()
    os.utime(far, (time.time() - 3700,) * 2)
    remove_left_over(tmp_path / "file")
    assert names_in(tmp_path) == ["file"]


def test_folder_beside_a_file_is_gone_in_the_end_and_what_is_in_it(tmp_path):
    with folder_beside(tmp_path / "file") as folder:
        (folder / "one").write_text("1")
        assert folder.parent == tmp_path
    assert names_in(tmp_path) == []


@posix
def test_folder_that_a_killed_process_left_is_removed_by_the_next_writer(tmp_path):
    code = (
        "from digitcnn._utils.atomic import folder_beside\n"
        "with folder_beside(sys.argv[1]) as folder:\n"
        "    (folder / 'one').write_text('1')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert in_a_process(code, tmp_path / "file").returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    prefix, mark, _, *rest = left.name.split("-")
    far = left.parent / "-".join([prefix, mark, "0" * 8, *rest])
    shutil.copytree(left, far)
    # Of another machine, which may still be writing it.
    os.utime(far, (time.time() - 7200,) * 2)
    with folder_beside(tmp_path / "file") as own:
        remove_left_over(tmp_path / "file")
        assert names_in(tmp_path) == sorted([own.name, far.name])
        assert (far / "one").exists()
    # Nothing was written for more than an hour.
    os.utime(far / "one", (time.time() - 7200,) * 2)
    os.utime(far, (time.time() - 7200,) * 2)
    remove_left_over(tmp_path / "file")
    assert names_in(tmp_path) == []


class Busy:
    """`os.replace` on Windows where another program has the target open for a while."""

    def __init__(self, times, monkeypatch):
        self.times, self.replace = times, os.replace
        monkeypatch.setattr(atomic, "_IS_WINDOWS", True)
        monkeypatch.setattr(atomic.os, "replace", self)
        monkeypatch.setattr(atomic.time, "sleep", lambda seconds: None)

    def __call__(self, source, target):
        self.times -= 1
        if self.times >= 0:
            raise PermissionError(13, "Access is denied", source, 5, target)
        self.replace(source, target)


def test_file_that_a_scanner_has_open_for_a_moment_is_replaced_on_windows(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("old")
    Busy(3, monkeypatch)
    atomic_write(tmp_path / "file", put("new"))
    assert (tmp_path / "file").read_text() == "new"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_file_that_is_open_elsewhere_on_windows_stays_and_is_named(tmp_path, monkeypatch, mode):
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(mode)
    Busy(1000, monkeypatch)
    with pytest.raises(PermissionError, match="another program has the file open") as caught:
        atomic_write(target, put("new"))
    assert caught.value.filename == str(target)
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_no_process_is_asked_for_on_windows(tmp_path, monkeypatch):
    # There, os.kill(pid, 0) ends the process.
    monkeypatch.setattr(atomic, "_IS_WINDOWS", True)
    monkeypatch.setattr(atomic.os, "kill", lambda *_: pytest.fail("a process was killed"))
    with folder_beside(tmp_path / "file") as folder:
        shutil.copytree(folder, left := tmp_path / folder.name.replace(str(os.getpid()), "1"))
        atomic_write(tmp_path / "file", put("new"))
        assert left.exists()
        os.utime(left, (time.time() - 7200,) * 2)
        atomic_write(tmp_path / "file", put("newer"))
        assert not left.exists()


def test_what_a_living_process_is_writing_is_left_to_it(tmp_path):
    target = tmp_path / "file"
    code = (
        "def write(file):\n"
        "    file.write(b'new')\n"
        "    print('writing', flush=True)\n"
        "    sys.stdin.readline()\n"
        "atomic_write(sys.argv[1], write)\n"
    )
    with in_a_process(code, target, wait=False, stdin=subprocess.PIPE) as process:
        process.stdout.readline()
        remove_left_over(target)
        atomic_write(target, put("old"))
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(60) == 0
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["file"]


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    code = (
        "for i in range(50):\n"
        "    text = f'{os.getpid()} {i} '.encode() * 1000\n"
        "    atomic_write(sys.argv[1], lambda file: file.write(text))\n"
    )
    writers = [in_a_process(code, tmp_path / "file", wait=False) for _ in range(3)]
    while any(writer.poll() is None for writer in writers):
        with contextlib.suppress(FileNotFoundError):
            words = (tmp_path / "file").read_text().split()
            assert len(words) == 2000
            assert len(set(words)) == 2
    for writer in writers:
        writer.stdout.close()
        assert writer.returncode == 0
    assert names_in(tmp_path) == ["file"]


@pytest.mark.slow
def test_tilde_is_the_home_folder_wherever_a_path_is_taken(
    tmp_path, monkeypatch, fitted, digits, arrays
):
    pytest.importorskip("onnx")
    from digitcnn.report import write_report

    X, y = digits
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home, elsewhere):
        folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(elsewhere)
    pd.DataFrame(X[:20]).assign(label=y[:20]).to_csv(home / "t.csv", index=False)
    np.savez(home / "mnist.npz", **arrays)

    fitted.save("~/m.digitcnn")
    digitcnn.save(fitted, Path("~/n.digitcnn"))
    assert (digitcnn.load("~/m.digitcnn").predict(X[:9]) == fitted.predict(X[:9])).all()
    digitcnn.export_onnx(fitted, "~/m.onnx")
    write_report(fitted, X[:20], y[:20], "~/r.html")
    read_digits_csv(["~/t.csv", Path("~") / "t.csv"], memory_map="~/pixels.npy")
    assert len(list(stream_digits("~/t.csv"))) == 1
    assert digitcnn.DigitCSVTransformer().fit_transform("~/t.csv").shape == (20, 64)
    assert len(load_mnist("~/mnist.npz")) == len(load_mnist("~")) == 4
    monkeypatch.setenv("DIGITCNN_DATA", "~")
    assert len(load_mnist(split="test")[1]) == 20
    make_classifier(epochs=1, checkpoint_dir="~/ckpt").fit(X[:40], y[:40])

    made = {"m.digitcnn", "n.digitcnn", "m.onnx", "r.html", "pixels.npy", "ckpt"}
    assert {path.name for path in home.iterdir()} == made | {"t.csv", "mnist.npz"}
    assert not list(elsewhere.iterdir())


def test_tilde_within_a_name_is_a_letter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a~", "./~", "~nobody-of-this-name"):
        atomic_write(name, lambda file: file.write(b"x"))
    assert {path.name for path in tmp_path.iterdir()} == {"a~", "~", "~nobody-of-this-name"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
def test_paths_are_the_same_through_links_and_before_there_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("", encoding="utf-8")
    Path("b").write_text("", encoding="utf-8")
    os.link("a", "hard")
    os.symlink("a", "soft")
    os.symlink("nowhere", "dangling")
    for one, other in [("a", "./a"), ("a", "hard"), ("soft", "hard"), ("dangling", "nowhere")]:
        assert is_same_file(one, other)
        assert is_same_file(other, tmp_path / one)
    for one, other in [("a", "b"), ("soft", "b"), ("dangling", "a"), ("nowhere", "elsewhere")]:
        assert not is_same_file(one, other)


def test_names_differ_in_more_than_case_where_case_does_not_matter(tmp_path, monkeypatch):
    assert not is_same_file(tmp_path / "A.csv", tmp_path / "a.csv")
    # As on Windows.
    monkeypatch.setattr(os.path, "normcase", str.lower)
    assert is_same_file(tmp_path / "A.csv", tmp_path / "a.csv")
    assert not is_same_file(tmp_path / "A.csv", tmp_path / "b.csv")


def test_refusal_of_other_systems_is_told_as_it_is(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted", str(source), None, str(target))

    monkeypatch.setattr(atomic, "_IS_WINDOWS", False)
    monkeypatch.setattr(atomic.os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"Operation not permitted: '.*file'") as caught:
        atomic_write(tmp_path / "file", put("new"))
    assert "another program" not in str(caught.value)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("error", [PermissionError(1, "another user's"), OverflowError("pid")])
def test_file_of_a_process_that_may_run_is_left_to_it(tmp_path, monkeypatch, error):
    leave(tmp_path / "file")
    (left,) = names_in(tmp_path)

    def refuse(*_):
        raise error

    monkeypatch.setattr(atomic, "_IS_WINDOWS", False)
    monkeypatch.setattr(atomic.os, "kill", refuse)
    remove_left_over(tmp_path / "file")
    assert names_in(tmp_path) == [left]
