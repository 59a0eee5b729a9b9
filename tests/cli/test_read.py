import csv
import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from digitcnn.cli import main
from digitcnn.cli._progress import FileProgress
from number_sheets import compose, on_paper
from pdf_files import compose_pdf, encrypted_pdf, pdf_of_pictures, tiff_of_pictures


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
    assert [page["page"] for page in found["pages"]] == [1, 1]
    assert first["lines"][0]["numbers"][0]["doubtful"] is True
    assert len(first["lines"][1]["numbers"][0]["digits"][1]["polygon"]) == 4
    assert len(first["lines"][0]["numbers"][1]["digits"]) == 3


def test_table_has_a_row_for_each_line(folder, run):
    status, out, _ = run("scans", "--csv", "found.csv")
    assert (status, out) == (0, "3 lines written to found.csv\n")
    with open("found.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["page"], row["line"], row["text"]) for row in rows] == [
        ("1", "1", "314 159"),
        ("1", "2", "26"),
        ("1", "1", "2718"),
    ]
    assert all(row["doubtful"] == "0" for row in rows)
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_doubtful_digits_are_question_marks(folder, run):
    assert run("scans/a10.png", "--min-confidence", "0.999999999")[1] == "????\n"


def test_numbers_are_doubtful_that_may_be_wrong_more_often_than_is_allowed(folder, run):
    text = run("scans/a10.png", "--max-error", "0.2")[1]
    assert text == "2718\n"
    assert "?" in run("scans/a10.png", "--max-error", "0.000001")[1]
    status, _, err = run("scans/a10.png", "--max-error", "2")
    assert status == 2
    assert "expected a number between 0 and 1" in err


def test_overlays_are_pictures_of_the_same_size(folder, run):
    assert run("scans", "--overlay", "seen")[0] == 0
    with Image.open("seen/a9.png.png") as seen, Image.open("scans/a9.png") as original:
        assert seen.size == original.size
        assert seen.mode == "RGB"


def test_names_that_lead_to_one_file_do_not_overwrite_each_other(folder, run, drawn):
    # As on a file system that does not distinguish A9 from a9.
    drawn["a10.png"].save(folder / "A9.png")
    (folder.parent / "seen").mkdir()
    (folder.parent / "seen" / "A9.png.png").symlink_to("a9.png.png")
    status, _, err = run("scans/a9.png", "scans/A9.png", "--overlay", "seen")
    assert status == 2
    assert "A9.png.png: expected pages with different names" in err
    with Image.open("seen/a9.png.png") as seen:
        assert seen.size == drawn["a9.png"].size


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
    assert "1 of 3 files could not be read" in err
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
        (["scans/a9.png", "--lexicon", "no.txt"], "no.txt: there is no such file"),
        (["scans/a9.png", "--form", "no.json"], "no.json: there is no such file"),
        (["empty"], "expected image or PDF files in the folder"),
        (["scans/a9.png", "--csv", "scans/a9.png"], "an old table, got an image"),
        (["scans/a9.png", "--csv", "nowhere/x.csv"], "there is no folder"),
        (["scans/a9.png", "--csv", "link.csv"], "is an input of this command"),
        (["scans/a9.png", "scans/a9.png.png", "--overlay", "scans"], "is an input of this command"),
        (["scans/a9.png", "--overlay", "scans/notes.txt"], "expected a folder for --overlay"),
        (["scans/a9.png", "empty/../other/a9.png", "--overlay", "new"], "of the same name"),
        (["scans/a9.png", "--model", "scans/a10.png"], "a10.png"),
        (["scans/a9.png", "--region", "1,2,3"], "expected four numbers"),
        (["scans/a9.png", "--region", "0,0,0,4"], "expected four numbers"),
        (["scans/a9.png", "--region", "0.5,0,1.5,4"], "expected four numbers"),
        (["scans/a9.png", "--region", "0.5,0,0.6,1"], "expected region to be"),
        (["scans/a9.png", "--length", "none"], "expected length to be"),
        (["scans/a9.png", "--pattern", "abc"], "expected pattern to have"),
        (["scans/a9.png", "--check", "sum"], "expected check to be one of 'luhn'"),
        (["scans/a9.png", "--check", "iban"], "expected a pattern for check 'iban'"),
        (["scans/a9.png", "--lexicon", "nowhere.txt"], "nowhere.txt"),
        (["scans/a9.png", "--lexicon", "scans/a10.png"], "expected a text file in UTF-8"),
        (["scans/a9.png", "--lexicon", "words.txt"], "expected texts in lexicon with a digit"),
        (["scans/a9.png", "--lexicon", "nothing.txt"], "a number in each line, got an empty file"),
        (["scans/a9.png", "--lexicon", "words.txt", "--csv", "words.txt"], "is an input of this"),
        (["scans/a9.png", "--hocr", "scans/a9.png"], "an old page, got an image"),
        (["scans/a9.png", "--hocr", "out.csv", "--csv", "out.csv"], "one for two"),
        (["two.tif", "scans", "--overlay", "seen", "--csv", "seen/x.csv"], "there is no folder"),
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
    (folder.parent / "words.txt").write_text("twelve", encoding="utf-8")
    (folder.parent / "nothing.txt").write_text(" \n\n", encoding="utf-8")
    (folder.parent / "two.tif").write_bytes(b"")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture(scope="module")
def sheets():
    return [on_paper(compose(rows)) for rows in (["2718"], ["314 159", "26"])]


@pytest.mark.parametrize("kind", ["pdf", "tif"])
def test_pages_of_a_document_are_named(folder, run, sheets, kind):
    make = pdf_of_pictures if kind == "pdf" else tiff_of_pictures
    path = folder / f"b.{kind}"
    path.write_bytes(make(sheets))
    assert run(path)[1] == "page 1: 2718\npage 2: 314 159\npage 2: 26\n"
    status, out, _ = run("scans", "--json", "--overlay", "seen")
    assert status == 0
    found = [(page["file"], page["page"]) for page in json.loads(out)["pages"]]
    assert found[-2:] == [(str(path.relative_to(folder.parent)), 1), (found[-1][0], 2)]
    names = sorted(one.name for one in (folder.parent / "seen").iterdir())
    assert names == ["a10.png.png", "a9.png.png", f"b.{kind}-1.png", f"b.{kind}-2.png"]
    assert f"b.{kind}, page 2: 26" in run("scans")[1]


def test_page_never_takes_the_place_of_a_picture(folder, run, sheets, drawn):
    (folder / "b.pdf").write_bytes(pdf_of_pictures(sheets))
    drawn["a9.png"].save(folder / "b.pdf-2.png")
    before = (folder / "b.pdf-2.png").read_bytes()
    status, _, err = run("scans/b.pdf", "scans/b.pdf-2.png", "--overlay", "scans")
    assert status == 2
    assert "is an input of this command" in err
    assert (folder / "b.pdf-2.png").read_bytes() == before


def test_bad_pdfs_are_reported_and_the_rest_is_read(folder, run, monkeypatch):
    (folder / "a1.pdf").write_bytes(encrypted_pdf())
    (folder / "a2.pdf").write_bytes(compose_pdf(1001))
    status, out, err = run("scans")
    assert status == 2
    assert len(out.splitlines()) == 3
    assert "a1.pdf: expected a PDF that opens without a password" in err
    assert "a2.pdf: expected at most 1,000 pages" in err
    assert "2 of 4 files could not be read" in err
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    assert 'pip install "digitcnn[pdf]"' in run("scans/a1.pdf")[2]


def test_limits_of_numbers(folder, run):
    assert run("scans/a9.png", "--length", "2")[1] == "26\n"
    assert run("scans/a9.png", "--pattern", "### ###")[1] == "314 159\n"
    assert run("scans/a10.png", "--pattern", "#.###,-")[1] == "2.718,-\n"
    (folder / "words.txt").write_text("\ufeff159\n\n 26 \n", encoding="utf-8")
    assert run("scans/a9.png", "--lexicon", "scans/words.txt")[1] == "159\n26\n"
    assert run("scans/a10.png", "--check", "ean13") == (
        *(0, ""),
        "digitcnn read: no number found\n",
    )


def test_region_in_parts_of_the_picture(folder, run):
    assert run("scans/a9.png", "--region", "0,0.15,1.0,0.35")[1] == "314 159\n"


def test_lexicon_of_any_length_is_refused_in_bounded_memory(folder, run, monkeypatch):
    monkeypatch.setattr("digitcnn.cli.read._MOST_TEXT", 10)
    Path("long.txt").write_text("12345\n" * 2, encoding="utf-8")
    status, _, err = run("scans/a9.png", "--lexicon", "long.txt")
    assert status == 2
    assert "long.txt: expected a lexicon of at most" in err


def test_bug_in_reading_is_told_as_one_and_ends_the_command(folder, run, monkeypatch):
    def fail(*_):
        raise KeyError("secret")

    monkeypatch.setattr("digitcnn.reading.reader.DigitReader.read_pages", fail)
    status, out, err = run("scans/a9.png", "scans/a10.png")
    assert (status, out) == (1, "")
    assert "This is a bug in digitcnn" in err


def test_number_that_is_doubtful_as_a_whole_is_flagged(folder, run):
    _, out, _ = run("scans/a10.png", "--json")
    (number,) = json.loads(out)["pages"][0]["lines"][0]["numbers"]
    least = min(digit["confidence"] for digit in number["digits"])
    assert number["confidence"] < least  # as rounded, or there is nothing between
    between = str((number["confidence"] + least) / 2)
    assert run("scans/a10.png", "--min-confidence", between)[1] == "2718(?)\n"
    assert run("scans/a10.png", "--min-confidence", between, "--csv", "x.csv")[0] == 0
    with open("x.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["text"], row["doubtful"]) == ("2718", "1")


def test_hocr_is_well_formed_with_places_and_confidences(folder, run, sheets):
    odd = folder / 'b"<&>\\;\x01.tif'
    odd.write_bytes(tiff_of_pictures(sheets))
    status, out, _ = run("scans", "--hocr", "found.hocr")
    assert (status, out) == (0, "6 lines written to found.hocr\n")
    root = ET.parse("found.hocr").getroot()
    space = {"x": "http://www.w3.org/1999/xhtml"}
    pages = root.findall(".//x:div[@class='ocr_page']", space)
    titles = [page.get("title") for page in pages]
    assert len(pages) == 4
    assert titles[0].startswith('image "scans/a9.png"; bbox 0 0 ')
    assert [title.rpartition(" ")[2] for title in titles] == ["0", "0", "0", "1"]
    word = root.find(".//x:span[@class='ocrx_word']", space)
    assert word.text == "314"
    assert re.fullmatch(r"bbox( \d+){4}; poly( \d+){8}; x_wconf \d+", word.get("title"))
    names = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(set(names)) == len(names)
    lines = root.findall(".//x:span[@class='ocr_line']", space)
    assert ["".join(line.itertext()) for line in lines[:2]] == ["314 159", "26"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def watched(run, monkeypatch):
    """What is printed to standard error in a terminal; pytest replaces it before each test."""

    def run_watched(*arguments):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        run(*arguments)
        return terminal.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("digitcnn.cli._progress._INTERVAL", 0.0)
    return run_watched


def test_progress_is_shown_on_a_terminal_and_taken_away(folder, watched):
    (folder / "a0.png").write_bytes(b"no picture")
    shown = watched("scans", "--csv", "found.csv")
    assert re.search(r"2 of 3 files, \d:\d\d:\d\d left", shown)
    assert shown.index("a0.png") < shown.index("1 of 3")
    # The line is taken away without escape sequences, which some consoles of Windows print.
    line = re.search(r"3 of 3 files, [0-9:]+ left", shown)[0]
    assert f"{line}\r{' ' * len(line)}\r" in shown
    assert "\x1b" not in shown


def test_shorter_progress_hides_all_of_a_longer_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("digitcnn.cli._progress._INTERVAL", 0.0)
    times = iter([0.0, 40_000.0, 40_000.1])
    monkeypatch.setattr("digitcnn.cli._progress.time.monotonic", lambda: next(times))
    progress = FileProgress(3)
    progress.step()
    progress.step()
    first, second = sys.stderr.getvalue().split("\r")[1:]
    assert first == "1 of 3 files, 22:13:20 left"
    assert second == "2 of 3 files, 5:33:20 left "


def test_progress_is_not_shown_for_one_file_or_elsewhere(folder, watched, monkeypatch):
    assert watched("scans/a9.png", "--csv", "found.csv") == ""
    monkeypatch.setenv("TERM", "dumb")
    assert watched("scans", "--csv", "found.csv") == ""
