import csv
import io
import json
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from digitcnn.cli import main
from number_sheets import compose, on_paper


@pytest.fixture
def run(capsys):
    def run_command(*arguments):
        try:
            status = main(["read", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run_command


@pytest.fixture(scope="module")
def drawn():
    return {
        name: Image.fromarray(on_paper(compose(rows)))
        for name, rows in {"a10.png": ["2718"], "a9.png": ["314 159", "26"]}.items()
    }


@pytest.fixture
def folder(tmp_path, drawn, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scans = tmp_path / "scans"
    scans.mkdir()
    for name, image in drawn.items():
        image.save(scans / name)
    (scans / "notes.txt").write_text("no picture", encoding="utf-8")
    return scans


def test_lines_of_one_picture_are_printed_alone(folder, run):
    assert run("scans/a9.png") == (0, "314 159\n26\n", "")


@pytest.mark.parametrize("data", ["scans", "scans/*.png", "scans/a9.png scans/a10.png"])
def test_lines_of_many_pictures_have_the_file_in_front(folder, run, data):
    status, out, _ = run(*data.split())
    assert status == 0
    lines = [line.replace("\\", "/") for line in out.splitlines()]
    assert lines == ["scans/a9.png: 314 159", "scans/a9.png: 26", "scans/a10.png: 2718"]


def test_json_describes_every_page_and_digit(folder, run):
    status, out, _ = run("scans", "--json", "--min-confidence", "0.999999999")
    assert status == 0
    found = json.loads(out)
    assert found["failed"] == 0
    first = found["pages"][0]
    assert first["text"] == "314 159\n26"
    assert "?" in first["masked"]
    assert len(first["lines"][0]["numbers"][1]["digits"]) == 3


def test_table_has_a_row_for_each_line(folder, run):
    status, out, _ = run("scans", "--csv", "found.csv")
    assert (status, out) == (0, "3 lines written to found.csv\n")
    with open("found.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["text"]) for row in rows] == [
        ("1", "314 159"),
        ("2", "26"),
        ("1", "2718"),
    ]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_doubtful_digits_are_question_marks(folder, run):
    assert run("scans/a10.png", "--min-confidence", "0.999999999")[1] == "????\n"


def test_overlays_are_pictures_of_the_same_size(folder, run):
    assert run("scans", "--overlay", "seen")[0] == 0
    with Image.open("seen/a9.png.png") as seen, Image.open("scans/a9.png") as original:
        assert seen.size == original.size
        assert seen.mode == "RGB"


def test_region_line_and_single_limit_what_is_read(folder, run):
    assert run("scans/a9.png", "--region", "0,30,900,50")[1] == "314 159\n"
    assert run("scans/a10.png", "--line")[1] == "2718\n"
    assert run("scans/a10.png", "--single", "--region", "30,30,45,50")[1] == "2\n"


def test_standard_input_is_read(folder, run, monkeypatch):
    content = io.BytesIO((folder / "a10.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=content))
    assert run("-")[1] == "2718\n"


def test_broken_file_is_reported_and_the_rest_is_read(folder, run):
    (folder / "a1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    status, out, err = run("scans", "--csv", "found.csv")
    assert status == 2
    assert "a1.png: damaged" in err
    assert "1 of 3 pictures could not be read" in err
    assert out == "3 lines written to found.csv\n"


def test_picture_without_numbers_is_no_error(folder, run):
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    status, out, err = run("scans/blank.png")
    assert (status, out) == (0, "")
    assert "no number found" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "there is no such file"),
        (["empty"], "expected a folder with image files"),
        (["scans/a9.png", "--csv", "scans/a9.png"], "is no table but image"),
        (["scans/a9.png", "--csv", "nowhere/x.csv"], "there is no folder"),
        (["scans/a9.png", "--csv", "link.csv"], "is read by this command"),
        (["scans/a9.png", "scans/a9.png.png", "--overlay", "scans"], "is read by this command"),
        (["scans/a9.png", "--overlay", "scans/notes.txt"], "expected a folder for --overlay"),
        (["scans/a9.png", "empty/../other/a9.png", "--overlay", "new"], "of one name"),
        (["scans/a9.png", "--model", "scans/a10.png"], "a10.png"),
        (["scans/a9.png", "--region", "1,2,3"], "expected four whole numbers"),
        (["scans/a9.png", "--region", "0,0,0,4"], "expected four whole numbers"),
        (["scans/a9.png", "--region", "5000,0,4,4"], "expected a region in the picture"),
        (["scans/a9.png", "--line", "--single"], "not allowed with"),
        ([], "required"),
    ],
)
def test_mistake_is_told_and_destroys_nothing(folder, run, drawn, arguments, message):
    (folder.parent / "empty").mkdir()
    (folder.parent / "other").mkdir()
    for path in ("other/a9.png", "scans/a9.png.png"):
        drawn["a9.png"].save(folder.parent / path)
    (folder.parent / "link.csv").symlink_to(folder / "a9.png")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
