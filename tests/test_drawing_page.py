"""What the documentation's page to draw on takes from npm."""

import base64
import hashlib
import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from conftest import ROOT

pytest.importorskip("sphinx")
spec = importlib.util.spec_from_file_location("drawing_page", ROOT / "docs" / "drawing_page.py")
drawing_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawing_page)


def packed(*names):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"package/dist/{name}"))
    return file.getvalue()


@pytest.fixture
def registry(monkeypatch):
    """What npm brings: an archive, or the error that it fails with."""
    state = {"brings": packed(*drawing_page.FILES), "calls": 0}

    def run(command, **_):
        state["calls"] += 1
        if isinstance(state["brings"], Exception):
            raise state["brings"]
        Path(command[-1], "package.tgz").write_bytes(state["brings"])

    monkeypatch.setattr(drawing_page.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(drawing_page.subprocess, "run", run)
    return state


@pytest.mark.parametrize(
    "error",
    [
        subprocess.CalledProcessError(1, "npm"),
        subprocess.TimeoutExpired("npm", 1),
        FileNotFoundError("npm"),
    ],
)
def test_registry_that_cannot_be_reached_leaves_the_page_out(registry, tmp_path, error):
    registry["brings"] = error
    assert not drawing_page.fetch_runtime(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_missing_npm_leaves_the_page_out(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing_page.shutil, "which", lambda _: None)
    assert not drawing_page.fetch_runtime(tmp_path)


def test_package_that_is_another_is_refused(registry, tmp_path):
    with pytest.raises(RuntimeError, match="expected onnxruntime-web"):
        drawing_page.fetch_runtime(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_files_are_fetched_once(registry, tmp_path, monkeypatch):
    digest = base64.b64encode(hashlib.sha512(registry["brings"]).digest()).decode()
    monkeypatch.setattr(drawing_page, "DIGEST", digest)
    for _ in range(2):
        assert drawing_page.fetch_runtime(tmp_path / "kept")
    assert registry["calls"] == 1
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(drawing_page.FILES)


def test_what_the_page_loads_is_there():
    folder = ROOT / "docs" / "_drawing"
    own = {path.name for path in folder.iterdir()}
    available = own | set(drawing_page.SHARED) | set(drawing_page.FILES)
    for path in [
        *folder.glob("*.js"),
        *(drawing_page.STATIC / name for name in drawing_page.SHARED),
    ]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import "):
                assert line.split('"./')[1].split('"')[0] in available, line
