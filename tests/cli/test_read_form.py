import csv
import json

import pytest
from PIL import Image

from digitcnn.cli import main
from form_sheets import FORM, VALUES, draw_form

SMALL = {**FORM, "fields": [FORM["fields"][0], FORM["fields"][2]]}
GRID = {**FORM, "fields": [FORM["fields"][4]]}


@pytest.fixture(scope="module")
def drawn():
    values = [VALUES, {**VALUES, "id": "27182818", "phone": "1234567"}]
    return [Image.fromarray(draw_form(FORM, one, zoom=6)) for one in values]


@pytest.fixture
def folder(tmp_path, drawn, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    for i, image in enumerate(drawn):
        image.save(tmp_path / "scans" / f"{i}.png")
    for name, form in (("form.json", SMALL), ("grid.json", GRID)):
        (tmp_path / name).write_text(json.dumps(form), encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(capsys):
    def run_command(*arguments):
        try:
            status = main(["read", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run_command


def test_fields_of_one_form_are_printed(folder, run):
    assert run("--form", "form.json", "scans/0.png")[:2] == (
        0,
        "id: 31415926\nphone: 271828182\n",
    )


def test_rows_of_a_grid_are_printed_with_dots_for_empty_cells(folder, run):
    _, out, _ = run("--form", "grid.json", "scans/0.png")
    assert out.splitlines()[0] == "marks[1]: 2 0 . 7 4 5 1 9"
    assert len(out.splitlines()) == 5


def test_table_has_a_row_for_each_page_and_a_column_for_each_field(folder, run, drawn):
    first, *others = [image.copy() for image in drawn]
    first.save("scans/2.tiff", save_all=True, append_images=others)
    status, out, _ = run("--form", "form.json", "scans", "--csv", "out.csv")
    assert status == 0
    assert out.startswith("4 forms with")
    with open("out.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "page", "id", "id confidence", "phone", "phone confidence"]
    pages = [(row["file"].replace("\\", "/"), row["page"], row["id"], row["phone"]) for row in rows]
    assert pages == [
        ("scans/0.png", "1", "31415926", "271828182"),
        ("scans/1.png", "1", "27182818", "1234567"),
        ("scans/2.tiff", "1", "31415926", "271828182"),
        ("scans/2.tiff", "2", "27182818", "1234567"),
    ]
    assert all(0 < float(row["id confidence"]) <= 1 for row in rows)


def test_cells_of_a_grid_are_columns(folder, run):
    run("--form", "grid.json", "scans/0.png", "--csv", "out.csv")
    with open("out.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert len(row) == 2 + 2 * 40
    assert (row["marks[2,1]"], row["marks[2,6]"], row["marks[2,8]"]) == ("8", "", "2")


def test_json_review_and_overlay_are_written_together(folder, run):
    status, out, _ = run(
        *("--form", "form.json", "scans", "--json", "--review", "r.html", "--overlay", "seen"),
        *("--min-confidence", "0.999"),
    )
    assert status == 0
    found = json.loads(out)
    assert found["failed"] == 0
    assert [page["fields"]["phone"]["text"] for page in found["pages"]] == ["271828182", "1234567"]
    review = (folder / "r.html").read_text(encoding="utf-8")
    assert review.startswith("<!DOCTYPE html>")
    assert '"column": 2' in review
    with Image.open("seen/1.png.png") as seen:
        assert seen.size == (900, 1200)


def test_picture_that_is_no_such_form_is_reported_and_the_rest_is_read(folder, run):
    Image.new("L", (500, 700), 255).save("scans/1b.png")
    status, out, err = run("--form", "form.json", "scans", "--csv", "out.csv")
    assert status == 2
    assert out.startswith("2 forms with")
    assert "1b.png: expected a page with four corner marks" in err
    assert "1 of 3 files could not be read" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--form", "nowhere.json", "scans"], "nowhere.json"),
        (["--form", "scans/0.png", "scans"], "scans/0.png: expected a template in JSON"),
        (["--review", "r.html", "scans"], "expected --form with --review"),
        (["--form", "form.json", "scans", "--line"], "expected --form without --line"),
        (["--form", "form.json", "scans", "--length", "5"], "expected --form without --length"),
        (["--form", "form.json", "scans", "--csv", "form.json"], "is an input of this command"),
        (["--form", "form.json", "scans", "--review", "form.json"], "is an input of this command"),
        (["--form", "form.json", "scans", "--review", "link.html"], "is an input of this command"),
        (["--form", "form.json", "scans/0.png", "--csv", "scans/0.png"], "0.png"),
        (
            ["--form", "form.json", "scans", "--csv", "x", "--review", "x"],
            "a different file for each output",
        ),
        (["--form", "form.json", "scans", "--csv", "nowhere/x.csv"], "there is no folder"),
        (["--form", "form.json", "scans/0.png", "--overlay", "form.json"], "expected a folder"),
    ],
)
def test_mistake_is_told_and_destroys_nothing(folder, run, arguments, message):
    (folder / "link.html").symlink_to(folder / "form.json")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
