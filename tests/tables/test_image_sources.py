"""Image files are listed in order, with the labels that folders or tables give them."""

import os
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn.tables.image_sources import find_images, in_natural_order


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names):
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folder_of_folders_gives_labels_and_paths_in_it(place):
    touch("d/1/b10.png", "d/1/b2.JPG", "d/0/x.Tiff", "d/10/deep/er/y.gif", "d/2/z.webp")
    images = find_images("d")
    assert images.names == ["0/x.Tiff", "1/b2.JPG", "1/b10.png", "2/z.webp", "10/deep/er/y.gif"]
    assert images.labels == ["0", "1", "1", "2", "10"]
    assert images.files == [Path("d", name) for name in images.names]


def test_folder_of_images_has_no_labels(place):
    touch("d/9.png", "d/10.png", "d/B.png", "d/a.png")
    images = find_images("d")
    assert images.names == ["9.png", "10.png", "a.png", "B.png"]
    assert images.labels is None


def test_labels_are_left_out_where_they_are_not_asked_for(place):
    touch("d/train/1.png", "d/empty/.keep")
    images = find_images("d", with_labels=False)
    assert images.names == ["train/1.png"]
    assert images.labels is None


def test_what_systems_leave_and_other_files_are_left_out(place):
    touch("d/1.png", "d/Thumbs.db", "d/.DS_Store", "d/._1.png", "d/notes.txt", "d/desktop.ini")
    touch("d/.git/2.png", "d/__MACOSX/3.png", "d/labels.csv", "d/other/readme.md")
    assert find_images("d").names == ["1.png"]


@given(st.lists(st.text("aB1209 -", max_size=6)))
def test_order_is_that_of_numbers_and_the_same_from_any_start(names):
    ordered = in_natural_order(names)
    assert ordered == in_natural_order(reversed(names))
    assert sorted(ordered) == sorted(names)
    numbers = in_natural_order(str(number) for number in range(120))
    assert numbers == [str(number) for number in range(120)]


def test_links_are_followed_and_a_loop_is_refused(place):
    touch("real/1.png", "d/0/2.png")
    os.symlink(place / "real", "d/1")
    assert find_images("d").names == ["0/2.png", "1/1.png"]
    os.symlink(place / "d", "d/1/again")
    with pytest.raises(ValueError, match=r"again: links to .*d, a folder that it lies in"):
        find_images("d")


def test_photos_in_other_formats_are_listed_to_be_refused(place):
    touch("d/1.png", "d/2.HEIC", "d/3.pgm", "d/4.pdf")
    assert find_images("d").names == ["1.png", "2.HEIC", "3.pgm"]


def test_link_that_leads_nowhere_is_listed_to_be_found_missing(place):
    touch("d/1.png")
    os.symlink("nowhere", "d/2.png")
    assert find_images("d").names == ["1.png", "2.png"]


@pytest.mark.parametrize(
    ("names", "labelled", "message"),
    [
        (
            [".x/a.png", "b.txt"],
            None,
            "d: expected image files .* without any. In it: 'b.txt'",
        ),
        (["0/a.txt", "1/b.txt"], True, "d: expected image files .* folder without any"),
        (["0/a.png", "1/b.txt"], True, "d/1: expected image files .* folder without any"),
        (["0/a.png", "b.png"], None, "d: .* got both: b.png and the folder 0"),
        (["a.png", "b.png"], True, "d: expected labelled images, got 2 images in one folder. Put"),
        (["train/0/a.png", "test/0/b.png"], True, "the parts of a data set: .*Give .* d/test"),
        (["digits/0/a.png", "digits/1/a.png"], True, "one folder of folders. Give d/digits"),
        (["0/a.png", "1\x01/b.png"], None, "d: expected printable names of classes"),
    ],
)
def test_folder_that_is_no_data_is_refused(place, names, labelled, message):
    touch(*(f"d/{name}" for name in names))
    with pytest.raises(ValueError, match=message):
        find_images("d", with_labels=labelled)


def test_files_are_taken_in_the_order_given(place):
    touch("b.png", "a.jpeg")
    images = find_images(["b.png", Path("a.jpeg")])
    assert images.names == ["b.png", "a.jpeg"]
    assert images.labels is None
    assert find_images("b.png").names == ["b.png"]


@pytest.mark.parametrize(
    ("paths", "labelled", "message"),
    [
        (["a.png", "t.csv"], None, "or tables, got both: a.png and t.csv"),
        (["a.png", "d"], None, "or tables, got both: a.png and d"),
        (["d", "t.csv"], None, "d: expected files, got a folder among 2"),
        (["a.png"], True, "a.png: expected labelled images"),
        ([], None, "expected at least one file"),
    ],
)
def test_list_that_is_no_data_is_refused(place, paths, labelled, message):
    touch("a.png", "t.csv", "d/a.png")
    with pytest.raises(ValueError, match=message):
        find_images(paths, with_labels=labelled)


@pytest.mark.parametrize("paths", ["t.csv", "none.csv", "t.parquet", ["t.csv", "u.csv"], "x"])
def test_tables_of_pixels_are_none_of_images(place, paths):
    for name in ("t.csv", "u.csv"):
        Path(name).write_text("label,p0,p1\n1,2,3\n", encoding="utf-8")
    touch("t.parquet")
    assert find_images(paths) is None


def test_table_of_pixels_may_name_the_files_that_they_come_from(place):
    names = ",".join(f"p{i}" for i in range(64))
    Path("t.csv").write_text(f"file,label,{names}\na.png,1{',0' * 64}\n", encoding="utf-8")
    assert find_images("t.csv") is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz"])
def test_table_names_files_beside_it_and_their_labels(place, delimiter, ending):
    import gzip

    rows = [["writer", "file", "label"], ["1", "b/2.PNG", "7"], ["", '"a 1.jpg"', "03"]]
    text = "\n\n".join(delimiter.join(row) for row in rows).encode()
    path = place / f"sub/t{ending}"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)
    images = find_images(f"sub/t{ending}")
    assert images.names == ["b/2.PNG", "a 1.jpg"]
    assert images.labels == ["7", "03"]
    assert images.files == [Path("sub/b/2.PNG"), Path("sub/a 1.jpg")]
    assert find_images(path, with_labels=False).labels is None


def test_paths_may_be_absolute_and_may_come_from_windows(place):
    touch("sub/a.png", "sub/b.png")
    Path("t.csv").write_text(f"file\nsub\\a.png\n{place}/sub/b.png\n", encoding="utf-8")
    files = find_images("t.csv").files
    assert all(file.exists() for file in files)


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["é.png", "sub/Å.png", "sub\\é.png"])
def test_accents_in_a_table_of_names_may_be_composed_otherwise(place, name, in_table, on_disk):
    touch(normalize(on_disk, name.replace("\\", "/")))
    Path("t.csv").write_text(f"file\n{normalize(in_table, name)}\n", encoding="utf-8")
    (file,) = find_images("t.csv").files
    assert file.exists()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_class_has_the_same_name_however_the_system_writes_its_folder(place, form):
    touch(normalize(form, "é/1.png"), "a/1.png")
    images = find_images(".")
    assert sorted(images.labels) == ["a", "\u00e9"]
    assert all(file.exists() for file in images.files)


@pytest.mark.parametrize(
    ("header", "label", "found"),
    [
        ("file,label,Label", "label", "1"),
        ("file,Label,other", "label", "1"),
        ("file,digit", "label", "1"),
        ("file,x,y", "y", "2"),
        ("file,x,y", "label", None),
        ("file", "label", None),
    ],
)
def test_label_column_is_found_by_name_or_because_it_is_the_other(place, header, label, found):
    row = ["a.png", "1", "2"][: header.count(",") + 1]
    Path("t.csv").write_text(f"{header}\n{','.join(row)}\n", encoding="utf-8")
    labels = find_images("t.csv", label=label).labels
    assert labels == (None if found is None else [found])
    if found is None:
        with pytest.raises(ValueError, match=r"t\.csv: expected a label column 'label', got"):
            find_images("t.csv", label=label, with_labels=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,3\nb.png,4\n", "expected a header line, as file,label, got 'a.png'"),
        ("file,label\na.png,3\nb,4\n", "line 3: expected the name of an image file .* got 'b'"),
        ("file,label\na.png,3\nb.png\n", "line 3: expected 2 values.*, got 1"),
        ("file,label\na.png,3\nb.png,\n", "line 3: the label is missing"),
        ("file,label\na.png,3\nb.png,\x01\n", "line 3: the label is not text"),
        ("file,mask,label\na.png,b.png,3\n", "expected one column of image files, got 2"),
    ],
)
def test_table_of_names_is_refused_at_its_first_fault(place, text, message):
    Path("t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"t\.csv.*{message}"):
        find_images("t.csv")
