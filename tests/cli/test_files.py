"""The commands take image files wherever they take tables, and report the conversion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

import digitcnn
from conftest import make_classifier
from digitcnn import DigitNormalizer
from digitcnn.cli import main
from digitcnn.datasets import read_digit_images
from image_samples import digit, png_claiming
from test_layout import loaded_after

# Where the fixture puts one of the images.
FOLDER = f"photos/{load_digits().target[1203]}"
OWN = f"own/{load_digits().target[1203]}"


@pytest.fixture
def run(capsys):
    """Runs the command; gives exit status, standard output and standard error."""

    def run_command(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


@pytest.fixture
def place(tmp_path, monkeypatch, fitted, digits):
    """The folder that the command runs in: a model, its digits as images, and others as photos."""
    monkeypatch.chdir(tmp_path)
    fitted.save("m.digitcnn")
    X, y = digits
    for i in range(1200, 1230):
        save(X[i].reshape(8, 8), f"own/{y[i]}/{i}.png")
        save(digit(i, 40), f"photos/{y[i]}/{i}.jpg")
        save(X[i].reshape(8, 8), f"flat/{i}.png")
    return tmp_path


def save(picture, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture
def no_model(monkeypatch):
    """Makes every loading and training of a model fail."""

    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr("digitcnn.serialization.schema.read_model_file", fail)
    monkeypatch.setattr("digitcnn.cli.train.import_keras", fail)


def test_predict_writes_the_names_of_files_and_the_labels_of_their_pixels(
    place, run, fitted, digits
):
    status, out, err = run("predict", "m.digitcnn", "flat", "--out", "s.csv")
    assert (status, out) == (0, "30 labels written to s.csv\n")
    assert err == "30 images: used as they are, 8x8 pixels, light on dark\n"
    table = pd.read_csv("s.csv")
    assert list(table.columns) == ["File", "Label"]
    assert table["File"].tolist() == [f"{i}.png" for i in range(1200, 1230)]
    assert table["Label"].tolist() == fitted.predict(digits[0][1200:1230]).tolist()


def test_predict_takes_patterns_tables_of_names_folders_of_classes_and_one_image(place, run):
    _, whole, _ = run("predict", "m.digitcnn", "flat")
    labels = whole.splitlines()[1:]
    _, out, _ = run("predict", "m.digitcnn", "flat/*.png")
    assert out.splitlines()[1:] == [f"flat/{line}" for line in labels]
    _, out, _ = run("predict", "m.digitcnn", "**/12*.png")
    assert len(out.splitlines()) == 61
    with open("flat/names.csv", "w", encoding="utf-8") as file:
        file.write("id\tpath\n" + "".join(f"{i}\t{i}.png\n" for i in range(1229, 1199, -1)))
    _, out, _ = run("predict", "m.digitcnn", "flat/names.csv")
    assert out.splitlines()[1:] == labels[::-1]
    _, out, _ = run("predict", "m.digitcnn", "own")
    assert sorted(line.split("/")[1] for line in out.splitlines()[1:]) == labels
    _, out, err = run("predict", "m.digitcnn", "flat/1203.png")
    assert out.splitlines()[1] == f"flat/{labels[3]}"
    assert err.startswith("1 image: ")


def test_answers_are_read_again_as_a_table_of_names(place, run):
    assert run("predict", "m.digitcnn", "flat", "--out", "flat/answers.csv")[0] == 0
    status, out, _ = run("evaluate", "m.digitcnn", "flat/answers.csv", "--json")
    assert status == 0
    assert json.loads(out)["accuracy"] == 1


@pytest.mark.slow
def test_predict_of_images_as_they_are_loads_no_large_library(place):
    code = "from digitcnn.cli import main; main(['predict', 'm.digitcnn', 'flat', '--json'])"
    large = {"tensorflow", "keras", "sklearn", "pandas"}
    # Its own message comes with the names.
    assert not large & set(loaded_after(code, *large))


def test_json_of_predict_names_the_files(place, run):
    _, out, _ = run("predict", "m.digitcnn", "flat", "--json")
    result = json.loads(out)
    assert result["files"] == [f"{i}.png" for i in range(1200, 1230)]
    assert len(result["labels"]) == 30


def test_evaluate_measures_what_the_model_answers_and_names_files(place, run, fitted):
    status, out, err = run("evaluate", "m.digitcnn", "photos", "--errors", "e.csv", "--json")
    assert status == 0
    assert "30 images: normalised to 8x8 pixels" in err
    X, y, files = read_digit_images("photos", size=8, return_files=True)
    wrong = np.flatnonzero(fitted.predict(X) != y)
    table = pd.read_csv("e.csv")
    assert list(table.columns) == ["Row", "File", "Truth", "Answer", "Confidence"]
    assert table["File"].tolist() == [files[i] for i in wrong]
    listed = json.loads(out)["most_confident_errors"]
    assert all(error["file"] == files[error["row"]] for error in listed)
    _, out, _ = run("evaluate", "m.digitcnn", "photos")
    for error in listed:
        assert f"  {error['file']}: {error['truth']} (" in out


def test_labels_of_folders_are_matched_with_the_classes_of_a_model(place, run, digits):
    X, y = digits
    names = np.array([f"0{label}" for label in y])
    names[:5] = "x"
    make_classifier().fit(X[:300], names[:300]).save("named.digitcnn")
    for folder in os.listdir("own"):
        os.rename(f"own/{folder}", f"own/0{folder}")
    status, out, _ = run("evaluate", "named.digitcnn", "own", "--json")
    assert status == 0
    assert json.loads(out)["digits"] == 30
    os.rename("own/03", "own/3")
    status, _, err = run("evaluate", "named.digitcnn", "own")
    assert status == 2
    assert "expected labels among the classes" in err
    assert "got '3'" in err


def test_images_are_given_to_a_model_on_its_own_scale(place, run):
    X, y = load_digits(return_X_y=True)
    clf = make_classifier(epochs=12, learning_rate=0.005).fit(X[:1200], y[:1200])
    assert clf.pixel_range_ == (0, 16)
    clf.save("m.digitcnn")
    _, out, _ = run("predict", "m.digitcnn", "flat")
    labels = [int(line.split(",")[1]) for line in out.splitlines()[1:]]
    assert labels == clf.predict(X[1200:1230]).tolist()


def test_images_are_given_to_the_columns_of_a_model_by_their_place(place, run, digits):
    X, y = digits
    order = np.random.default_rng(0).permutation(64)
    names = [f"pixel{i}" for i in range(64)]
    frame = pd.DataFrame(X, columns=names)[[names[i] for i in order]]
    clf = make_classifier(epochs=12, learning_rate=0.005).fit(frame[:1200], y[:1200])
    clf.save("m.digitcnn")
    _, out, _ = run("predict", "m.digitcnn", "flat")
    labels = [int(line.split(",")[1]) for line in out.splitlines()[1:]]
    assert labels == clf.predict(frame[1200:1230]).tolist()


def test_model_of_colours_refuses_image_files(place, run, digits):
    X = np.repeat(digits[0][:100].reshape(-1, 8, 8, 1), 3, axis=3)
    make_classifier(epochs=1).fit(X, digits[1][:100]).save("m.digitcnn")
    status, _, err = run("predict", "m.digitcnn", "flat")
    assert status == 2
    assert "flat: expected a model of grey images" in err


@pytest.mark.slow
def test_train_learns_from_folders_as_from_arrays_streaming_or_not(place, run):
    options = ("--architecture", "relu-dropout", "--epochs", "2", "--json")
    for i in range(250):
        save(digit(i, 24), f"many/{load_digits().target[i]}/{i}.png")
    results = []
    for more in ([], ["--stream"]):
        status, out, err = run("train", "many", *options, *more, "--out", "t.digitcnn")
        assert status == 0
        assert "250 images: normalised to 28x28 pixels, in the format of MNIST" in err
        results.append(json.loads(out))
    first, second = ({**result, "seconds": 0} for result in results)
    assert first == second
    assert first["training_digits"] == 200
    assert all(error["file"].endswith(".png") for error in first["most_confident_errors"])
    clf = digitcnn.load("t.digitcnn")[-1]
    assert clf.n_features_in_ == 784
    assert not hasattr(clf, "feature_names_in_")
    X, _ = read_digit_images("many")
    _, out, _ = run("predict", "t.digitcnn", "many", "--json")
    assert json.loads(out)["labels"] == clf.predict(X).tolist()


def test_bad_files_are_refused_before_a_model_is_loaded(place, run, no_model):
    (place / f"{FOLDER}/bomb.png").write_bytes(png_claiming(60_000, 60_000))
    for command in (("train", "photos"), ("evaluate", "m.digitcnn", "photos")):
        status, _, err = run(*command)
        assert status == 2
        assert err.count("\n") == 1
        assert f"{FOLDER}/bomb.png: expected an image of at most" in err
    assert not os.path.exists("digits.digitcnn")


def test_bad_files_are_left_out_and_counted(place, run):
    (place / f"{FOLDER}/text.png").write_text("text")
    whole = (place / f"{FOLDER}/1203.jpg").read_bytes()
    (place / f"{FOLDER}/cut.jpg").write_bytes(whole[: len(whole) // 2])
    status, out, err = run("evaluate", "m.digitcnn", "photos", "--skip-bad", "--json")
    assert status == 0
    assert json.loads(out)["digits"] == 30
    assert "2 of 32 image files cannot be read and are left out: " in err
    assert f"{FOLDER}/text.png" in err
    status, out, err = run("predict", "m.digitcnn", "photos", "--skip-bad")
    assert len(out.splitlines()) == 31
    assert "2 of 32" in err


def test_table_of_answers_is_not_written_where_an_image_fails(place, run):
    whole = (place / f"{FOLDER}/1203.jpg").read_bytes()
    (place / f"{FOLDER}/cut.jpg").write_bytes(whole[: len(whole) - 100])
    (place / "s.csv").write_text("old")
    status, _, err = run("predict", "m.digitcnn", "photos", "--out", "s.csv")
    assert status == 2
    assert f"{FOLDER}/cut.jpg: damaged, or no JPEG file" in err
    assert (place / "s.csv").read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "flat"), "flat: expected labelled images, got 30 images in one folder. Put the"),
        (("evaluate", "m.digitcnn", "flat/*.png"), "expected labelled images, got image files"),
        (("train", OWN), "expected labelled images"),
        (("predict", "m.digitcnn", "empty"), "empty: expected image files (PNG"),
        (("predict", "m.digitcnn", "own/*"), "expected files, got a folder among"),
        (("predict", "m.digitcnn", "both.*"), "or tables, got both: both.png and both.csv"),
        (("predict", "m.digitcnn", "note.txt"), "note.txt: expected a table (.csv"),
        (("predict", "m.digitcnn", "falt"), "falt: there is no such file"),
        (("predict", "m.digitcnn", "t.csv", "--skip-bad"), "expected image files with --skip-bad"),
        (("predict", "m.digitcnn", "sample", "--skip-bad"), "expected image files with --skip-bad"),
        (("train", "gone.csv"), "gone/1.png: there is no such file"),
        (
            ("predict", "m.digitcnn", "flat", "--out", "flat/1200.png"),
            "expected a new name or an old table, got an image",
        ),
        (("predict", "m.digitcnn", "flat", "--out", "new.png"), "expected the name of a CSV"),
        (
            ("train", "own", "--out", f"{OWN}/1203.png"),
            "expected a new name or an old model, got an image",
        ),
    ],
)
def test_mistake_is_refused_before_a_model_is_loaded(place, run, no_model, arguments, message):
    os.mkdir("empty")
    save(digit(3), "./both.png")
    (place / "both.csv").write_text("label,p0,p1\n1,2,3\n")
    (place / "t.csv").write_text("label,p0,p1\n1,2,3\n")
    (place / "note.txt").write_text("text")
    (place / "gone.csv").write_text("file,label\ngone/1.png,1\nflat/1200.png,2\n")
    before = sorted(place.rglob("*"))
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(place.rglob("*")) == before


def test_train_refuses_a_single_class(place, run, no_model):
    for i in range(5):
        save(digit(3), f"one/3/{i}.png")
    status, _, err = run("train", "one")
    assert status == 2
    assert "one: expected digits of at least two classes, got 5 digits of the class '3'" in err


def test_info_describes_images_good_and_bad(place, run):
    (place / f"{FOLDER}/text.png").write_text("text")
    status, out, _ = run("info", "photos", "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["images"], found["image_shape"], found["unreadable"]) == (30, "40 x 40", 1)
    assert "text.png: expected PNG" in found["first_unreadable"]
    assert sum(found["class_counts"].values()) == 30
    assert list(found["class_counts"]) == sorted(found["class_counts"])


def test_tables_with_semicolons_and_tabs_are_read_by_every_command(place, run, digits):
    X, y = digits
    frame = pd.DataFrame(X[1200:1300], columns=[f"pixel{i}" for i in range(64)])
    frame.insert(0, "label", y[1200:1300])
    outputs = set()
    for delimiter, name in ((",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv")):
        frame.to_csv(name, index=False, sep=delimiter)
        answers = [run("predict", "m.digitcnn", name), run("evaluate", "m.digitcnn", name)]
        answers.append(run("info", name, "--json"))
        assert [status for status, _, _ in answers] == [0, 0, 0]
        outputs.add("\n".join(out for _, out, _ in answers).replace("t.tsv", "t.csv"))
    assert len(outputs) == 1


@pytest.mark.slow
def test_headers_of_ten_thousand_files_are_read_in_seconds(tmp_path):
    for i in range(10_000):
        (tmp_path / f"{i}.png").write_bytes(png_claiming(28, 28))
    (tmp_path / "9999.png").write_text("text")
    code = (
        "import time; from digitcnn.tables.image_sources import find_images\n"
        "from digitcnn.tables.image_batches import ImageReader\n"
        f"start = time.process_time(); images = find_images({str(tmp_path)!r})\n"
        "bad = ImageReader(images, skip_bad=True).bad; print(time.process_time() - start, *bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *bad = done.stdout.split()
    assert bad == ["9999"]
    assert float(seconds) < 5


@pytest.mark.slow
def test_model_of_redrawn_photos_brings_what_redraws_them(place, run):
    for i in range(60):
        save(digit(i, 40), f"more/{load_digits().target[i]}/{i}.png")
    arguments = ["--epochs", 1, "--architecture", "relu-dropout"]
    assert run("train", "more", *arguments, "--out", "p.digitcnn")[0] == 0
    model = digitcnn.load("p.digitcnn")
    assert [type(step).__name__ for step in model] == ["DigitNormalizer", "DigitCNNClassifier"]
    pictures = [digit(i, 40) for i in range(1200, 1230)]
    expected = dict(
        zip([f"{i}.jpg" for i in range(1200, 1230)], model.predict(pictures), strict=True)
    )
    status, out, err = run("predict", "p.digitcnn", "photos/*/*.jpg", "--json")
    assert (status, "normalised" in err) == (0, True)
    answers = json.loads(out)
    names = [os.path.basename(name) for name in answers["files"]]
    agree = [label == expected[name] for name, label in zip(names, answers["labels"], strict=True)]
    assert np.mean(agree) > 0.9  # of JPEGs, which differ a little from what they show
    status, out, _ = run("evaluate", "p.digitcnn", "photos", "--json")
    assert status == 0


def test_picture_without_a_digit_has_no_label(place, run):
    rng = np.random.default_rng(0)
    paper = np.clip(rng.normal(200, 3, (60, 60)), 0, 255).astype(np.uint8)
    save(paper, "scans/blank.png")
    save(digit(3, 60), "scans/digit.png")
    status, out, err = run("predict", "m.digitcnn", "scans")
    assert status == 0
    assert "1 image without a digit: label left empty" in err
    rows = dict(line.split(",") for line in out.splitlines())
    assert rows["blank.png"] == ""
    assert rows["digit.png"] != ""
    _, out, _ = run("predict", "m.digitcnn", "scans", "--json")
    assert json.loads(out)["labels"][0] is None


def test_images_are_redrawn_as_the_normalizer_of_the_model_says(place, run, fitted):
    """Even images that are light on dark and of the model's size."""
    for box in (8, 4):
        steps = [DigitNormalizer(size=8, box=box, invert=False), fitted]
        digitcnn.save(make_pipeline(*steps), f"box{box}.digitcnn")
        for folder in ("photos", "own"):
            _, out, err = run("evaluate", f"box{box}.digitcnn", folder, "--json")
            assert "normalised to 8x8 pixels" in err
            model = digitcnn.load(f"box{box}.digitcnn")
            pictures = [np.asarray(Image.open(file)) for file in sorted_files(folder)]
            labels = [int(os.path.basename(os.path.dirname(f))) for f in sorted_files(folder)]
            assert json.loads(out)["accuracy"] == pytest.approx(model.score(pictures, labels))


def sorted_files(folder):
    return sorted(str(path) for path in Path(folder).glob("*/*.*"))
