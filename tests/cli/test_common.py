"""The commands find columns by their names, and overwrite none of their inputs."""

import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import digitcnn
from conftest import make_classifier
from digitcnn.cli import main

NAMES = [f"pixel{i}" for i in range(64)]


@pytest.fixture
def run(capsys):
    """Runs the command; gives exit status, standard output and standard error."""

    def run_command(*arguments):
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run_command


@pytest.fixture(scope="module")
def shuffled(digits):
    """A classifier fitted on a DataFrame whose columns are not in the order of a picture."""
    X, y = digits
    order = np.random.default_rng(0).permutation(64)
    frame = pd.DataFrame(X, columns=NAMES)[[NAMES[i] for i in order]]
    return make_classifier(epochs=12, learning_rate=0.005).fit(frame[:1200], y[:1200])


@pytest.fixture
def place(tmp_path, monkeypatch, fitted, digits):
    """The folder that the command runs in, with a model and tables."""
    monkeypatch.chdir(tmp_path)
    X, y = digits
    fitted.save("m.digitcnn")
    frame = pd.DataFrame(X[1200:1500], columns=NAMES)
    frame.insert(0, "label", y[1200:1500])
    frame.to_csv("t.csv", index=False)
    frame.to_csv("part-1.csv", index=False)
    frame.to_csv("part-2.csv", index=False)
    return tmp_path


@pytest.fixture
def no_work(monkeypatch):
    """Makes every reading of data fail."""

    def read(*_, **__):
        raise AssertionError

    for name in ("read_table", "iter_table"):
        monkeypatch.setattr(f"digitcnn.cli._common.{name}", read)
    monkeypatch.setattr("digitcnn.serialization.schema.read_model_file", read)
    monkeypatch.setattr("digitcnn.cli.train._training_data", read)


def relative(path):
    return f"./{path}"


def absolute(path):
    return os.path.abspath(path)


def roundabout(path):
    os.makedirs("sub", exist_ok=True)
    return f"sub/../{path}"


def symlink(path):
    os.symlink(path, f"link-to-{path}")
    return f"link-to-{path}"


def link_of_link(path):
    os.symlink(symlink(path), "second")
    return "second"


def through_linked_folder(path):
    os.symlink(".", "here")
    return f"here/{path}"


def hard_link(path):
    os.link(path, f"hard-{path}")
    return f"hard-{path}"


ALIASES = [str, relative, absolute, roundabout]
if sys.platform != "win32":  # where links need rights
    ALIASES += [symlink, link_of_link, through_linked_folder, hard_link]


@pytest.mark.slow
@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["train", "t.csv", "--out"], "t.csv"),
        (["train", "part-*.csv", "--out"], "part-2.csv"),
        (["train", "t.csv", "--checkpoint"], "t.csv"),
        (["predict", "m.digitcnn", "t.csv", "--out"], "t.csv"),
        (["predict", "m.digitcnn", "part-?.csv", "--out"], "part-1.csv"),
        (["predict", "m.digitcnn", "t.csv", "--out"], "m.digitcnn"),
        (["evaluate", "m.digitcnn", "t.csv", "--report"], "t.csv"),
        (["evaluate", "m.digitcnn", "t.csv", "--report"], "m.digitcnn"),
        (["export", "m.digitcnn"], "m.digitcnn"),
    ],
)
def test_output_that_is_an_input_is_refused_before_any_work(
    place, run, no_work, arguments, target, alias
):
    before = (place / target).read_bytes()
    status, out, err = run(*arguments, alias(target))
    assert (status, out) == (2, "")
    assert "is an input of this command" in err
    assert err.count("\n") == 1
    assert (place / target).read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("out", ["absent.digitcnn", "./absent.digitcnn"])
def test_input_that_is_not_there_is_no_output_either(place, run, out):
    status, _, err = run("export", "absent.digitcnn", out)
    assert status == 2
    assert "is an input of this command" in err


@pytest.mark.parametrize("name", ["mnist.npz", "mnist_train.csv", "t10k-labels-idx1-ubyte.gz"])
def test_copy_of_mnist_is_an_input_too(place, run, no_work, monkeypatch, name):
    monkeypatch.setenv("DIGITCNN_DATA", str(place))
    (place / name).write_bytes(b"")
    status, _, err = run("predict", "m.digitcnn", "mnist", "--out", name)
    assert status == 2
    assert "is an input of this command" in err


@pytest.mark.parametrize(
    ("arguments", "target", "found"),
    [
        (["predict", "m.digitcnn", "t.csv", "--out"], "other", "table, got a model"),
        (["predict", "m.digitcnn", "t.csv", "--out"], "a.onnx", "table, got an ONNX file"),
        (["predict", "m.digitcnn", "t.csv", "--out"], "a.HTML", "table, got a page"),
        (["evaluate", "m.digitcnn", "t.csv", "--report"], "other", "page, got a model"),
        (["evaluate", "m.digitcnn", "t.csv", "--report"], "part-1.csv", "page, got a table"),
        (["export", "m.digitcnn"], "other", "ONNX file, got a model"),
        (["export", "m.digitcnn"], "a.csv.gz", "ONNX file, got a table"),
        (["train", "t.csv", "--out"], "part-1.csv", "model, got a table"),
        (["train", "t.csv", "--out"], "notes", "model, got a file of another kind"),
    ],
)
def test_file_of_another_kind_is_not_written_over(place, run, no_work, arguments, target, found):
    shutil.copy("m.digitcnn", "other")
    for name in ("a.onnx", "a.HTML", "a.csv.gz", "notes"):
        (place / name).write_text("mine")
    before = (place / target).read_bytes()
    status, _, err = run(*arguments, target)
    assert status == 2
    assert f"expected a new name or an old {found}" in err
    assert (place / target).read_bytes() == before


@pytest.mark.slow
def test_file_of_the_same_kind_and_an_empty_one_are_written_over(place, run):
    (place / "old.csv").write_text("ImageId,Label\n1,2\n")
    (place / "empty").write_text("")
    (place / "answers").write_text("of no kind that is known by its name")
    for out in ("old.csv", "empty", "answers"):
        assert run("predict", "m.digitcnn", "t.csv", "--out", out)[0] == 0
        assert len(pd.read_csv(out)) == 300
    shutil.copy("m.digitcnn", "other")
    for out in ("other", "empty-model"):
        (place / "empty-model").write_text("")
        assert run("train", "t.csv", "--epochs", 1, "--out", out)[0] == 0
        assert digitcnn.load(out).n_iter_ == 1


@pytest.mark.parametrize("out", ["ckpt", "ckpt/training.json", "ckpt/deep/m.digitcnn"])
def test_model_in_the_folder_of_the_checkpoint_is_refused(place, run, no_work, out):
    if out != "ckpt":
        (place / out).parent.mkdir(parents=True)
    status, _, err = run("train", "t.csv", "--checkpoint", "ckpt", "--out", out)
    assert status == 2
    assert "is in the checkpoint's folder" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "t.csv", "m.digitcnn"], "m.digitcnn is one. Swap the two"),
        (["predict", "sample", "m.digitcnn"], "m.digitcnn is one. Swap the two"),
        (["evaluate", "t.csv", "m.digitcnn"], "m.digitcnn is one. Swap the two"),
        (["evaluate", "part-*.csv", "other"], "other is one. Swap the two"),
        (["export", "new.onnx", "m.digitcnn"], "m.digitcnn is one. Swap the two"),
        (["train", "m.digitcnn"], "m.digitcnn: expected data, got a model file"),
        (["predict", "m.digitcnn", "other"], "other: expected data, got a model file"),
        (["evaluate", "m.digitcnn", "oth*"], "other: expected data, got a model file"),
    ],
)
def test_model_and_data_that_are_mixed_up_are_told_apart(place, run, no_work, arguments, message):
    shutil.copy("m.digitcnn", "other")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_columns_are_given_to_a_model_by_the_names_that_it_was_fitted_with(
    place, run, shuffled, digits, order
):
    X, y = digits
    shuffled.save("s.digitcnn")
    frame = pd.DataFrame(X[1200:], columns=NAMES).assign(label=y[1200:], id=7)
    frame[frame.columns[::order]].to_csv("named.csv", index=False)
    shuffled = digitcnn.load("s.digitcnn")
    expected = shuffled.score(frame[shuffled.feature_names_in_], y[1200:])
    assert expected > 0.8
    status, out, err = run("evaluate", "s.digitcnn", "named.csv", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["accuracy"] == expected
    status, out, err = run("predict", "s.digitcnn", "named.csv", "--json")
    assert (status, err) == (0, "")
    answers = shuffled.predict(frame[shuffled.feature_names_in_])
    assert json.loads(out)["labels"] == answers.tolist()
    assert run("evaluate", "s.digitcnn", "named.csv", "--report", "r.html")[0] == 0
    status, _, err = run("export", "s.digitcnn", "s.onnx")
    assert (status, err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_table_that_lacks_columns_of_a_model_is_refused_with_what_is_missing(
    place, run, shuffled, command
):
    shuffled.save("s.digitcnn")
    frame = pd.read_csv("t.csv")
    frame.drop(columns=["pixel3", "pixel9"]).to_csv("few.csv", index=False)
    status, out, err = run(command, "s.digitcnn", "few.csv")
    assert (status, out) == (2, "")
    assert "few.csv: pixel columns are missing: " in err
    assert "'pixel3'" in err
    assert "'pixel9'" in err
    frame.columns = ["label", *(f"{i // 8 + 1}x{i % 8 + 1}" for i in range(64))]
    frame.to_csv("other.csv", index=False)
    status, _, err = run(command, "s.digitcnn", "other.csv")
    assert status == 2
    assert "other.csv: pixel columns are missing: " in err


@pytest.mark.slow
def test_data_without_names_goes_to_the_columns_that_are_numbered_alike(
    place, run, shuffled, digits, monkeypatch
):
    X, y = digits
    shuffled.save("s.digitcnn")
    monkeypatch.setattr("digitcnn.datasets.load_sample_digits", lambda: (X[1200:], y[1200:]))
    status, out, _ = run("evaluate", "s.digitcnn", "sample", "--json")
    assert status == 0
    frame = pd.DataFrame(X[1200:], columns=NAMES)[shuffled.feature_names_in_]
    assert json.loads(out)["accuracy"] == digitcnn.load("s.digitcnn").score(frame, y[1200:])


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--stream"]])
def test_model_of_columns_without_numbers_finds_them_by_name(
    place, run, digits, monkeypatch, flags
):
    X, y = digits
    words = ["".join(sorted(f"{i:06b}".replace("0", "a").replace("1", "b"))) for i in range(64)]
    words = [f"{word}-{chr(97 + i % 26)}{chr(97 + i // 26)}" for i, word in enumerate(words)]
    frame = pd.DataFrame(X[:400], columns=words).assign(label=y[:400])
    frame.to_csv("words.csv", index=False)
    frame[frame.columns[::-1]].to_csv("reversed.csv", index=False)
    arguments = ["--epochs", 8, "--out", "w.digitcnn", *flags]
    assert run("train", "words.csv", *arguments)[0] == 0
    assert digitcnn.load("w.digitcnn").feature_names_in_.tolist() == words
    results = [run("predict", "w.digitcnn", name) for name in ("words.csv", "reversed.csv")]
    assert results[0] == results[1]
    assert results[0][0] == 0
    monkeypatch.setattr("digitcnn.datasets.load_sample_digits", lambda: (X[:9], y[:9]))
    status, _, err = run("predict", "w.digitcnn", "sample")
    assert status == 2
    assert "sample: expected a table with the model's columns" in err


@pytest.mark.slow
def test_model_of_numbered_columns_takes_tables_that_number_theirs_otherwise(place, run):
    assert run("train", "t.csv", "--epochs", 1, "--out", "n.digitcnn")[0] == 0
    assert not hasattr(digitcnn.load("n.digitcnn"), "feature_names_in_")
    frame = pd.read_csv("t.csv")
    frame.columns = ["label", *(f"{i // 8 + 1}x{i % 8 + 1}" for i in range(64))]
    frame.to_csv("other.csv", index=False)
    assert run("predict", "n.digitcnn", "other.csv") == run("predict", "n.digitcnn", "t.csv")


def test_info_describes_the_files_of_a_pattern_as_one_table(place, run):
    frame = pd.read_csv("t.csv").astype({"label": object})
    frame.assign(label="07").to_csv("part-1.csv", index=False)
    frame.assign(label=["x", *["07"] * 299]).to_csv("part-2.csv", index=False)
    status, out, _ = run("info", "part-*.csv", "--json")
    assert status == 0
    result = json.loads(out)
    assert result["rows"] == 600
    assert result["class_counts"] == {"07": 599, "x": 1}
    status, _, err = run("info", "part-*.tsv")
    assert status == 2
    assert "part-*.tsv: there is no such file" in err


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zip", ".GZ"])
def test_answers_are_compressed_as_the_name_of_their_file_says(place, run, ending):
    assert run("predict", "m.digitcnn", "t.csv", "--proba", "--out", "plain.csv")[0] == 0
    out = f"answers.csv{ending}"
    assert run("predict", "m.digitcnn", "t.csv", "--proba", "--out", out)[0] == 0
    assert not (place / out).read_bytes().startswith(b"ImageId")
    found = pd.read_csv(out, compression={".gz": "gzip"}.get(ending.lower(), ending[1:]))
    pd.testing.assert_frame_equal(found, pd.read_csv("plain.csv"))


@pytest.mark.parametrize(
    "out", ["a.parquet", "a.csv.zst", "a.tar", "a.tar.gz", "a.csv.tar.xz", "a.XLSX"]
)
def test_answers_are_not_written_under_a_name_of_what_they_are_not(place, run, no_work, out):
    status, _, err = run("predict", "m.digitcnn", "t.csv", "--out", out)
    assert status == 2
    assert f"{out}: expected the name of a CSV" in err
    assert not (place / out).exists()


@pytest.mark.slow
def test_home_folder_stands_for_a_tilde(place, run, monkeypatch):
    import onnxruntime  # noqa: F401  It makes a folder at home when it is imported.

    home = place / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    shutil.copy("t.csv", home)
    arguments = ["--epochs", 1, "--out=~/m.digitcnn", "--checkpoint=~/ckpt", "--stream"]
    assert run("train", "~/t.csv", *arguments)[0] == 0
    assert run("predict", "~/m.digitcnn", "~/t*.csv", "--out=~/s.csv")[0] == 0
    assert run("evaluate", "~/m.digitcnn", "~/t.csv", "--report=~/r.html")[0] == 0
    assert run("export", "~/m.digitcnn", "~/m.onnx")[0] == 0
    assert run("info", "~/m.digitcnn")[0] == run("info", "~/s.csv", "--label", "x")[0] == 0
    written = {path.name for path in home.iterdir()}
    assert written == {"t.csv", "m.digitcnn", "s.csv", "r.html", "m.onnx"}
    assert not (place / "~").exists()


# Labels


def evaluated(run, clf, labels, X):
    clf.save("e.digitcnn")
    frame = pd.DataFrame(X, columns=NAMES)
    frame.insert(0, "label", labels)
    frame.to_csv("e.csv", index=False)
    return run("evaluate", "e.digitcnn", "e.csv", "--json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write"),
    [
        (lambda y: np.where(y < 8, np.char.zfill(y.astype(str), 2), "x"), str),
        (lambda y: np.where(y < 8, y.astype(str), "x"), "{}.0".format),
        (lambda y: y.astype(str), str),
        (lambda y: y.astype(float), str),
        (lambda y: y > 4, str),
    ],
    ids=["zeros in front", "floats for text", "text", "floats", "booleans"],
)
def test_labels_in_a_file_are_matched_with_the_classes_of_a_model(place, run, digits, name, write):
    X, y = digits
    known = name(y)
    clf = make_classifier(epochs=8, learning_rate=0.005).fit(X[:1200], known[:1200])
    rows = np.flatnonzero(y[1200:] < 8) + 1200  # those with names are not in this file
    status, out, err = evaluated(run, clf, [write(label) for label in known[rows]], X[rows])
    assert (status, err) == (0, "")
    assert json.loads(out)["accuracy"] == clf.score(X[rows], known[rows]) > 0.5
    status, out, _ = run("evaluate", "e.digitcnn", "e.csv", "--json", "--report", "r.html")
    assert json.loads(out)["accuracy"] == clf.score(X[rows], known[rows])


def test_labels_that_a_model_does_not_know_are_named_and_no_others(place, run, fitted, digits):
    X, y = digits
    status, out, err = evaluated(run, fitted, [*y[:97], "x", 77, "eight"], X[:100])
    assert (status, out) == (2, "")
    assert "labels among the classes (0, 1, 2, 3, 4 and 5 more), got 'x', '77', 'eight'." in err


# The command's output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("alias", ALIASES)
def test_file_that_the_command_prints_to_is_no_output(
    place, run, no_work, monkeypatch, stream, alias
):
    (place / "log").write_text("of earlier runs\n")
    out = alias("log")
    with open("log", "a", encoding="utf-8") as log, monkeypatch.context() as patch:
        patch.setattr(sys, stream, log)
        assert main(["predict", "m.digitcnn", "t.csv", "--out", out]) == 2
    assert (place / "log").read_text().startswith("of earlier runs\n")


@pytest.mark.parametrize("arguments", [["predict", "m.digitcnn", "t.csv"], ["train", "t.csv"]])
def test_table_that_the_command_would_print_into_is_not_read(
    place, capsys, no_work, monkeypatch, arguments
):
    before = (place / "t.csv").read_text()
    with open("t.csv", "a", encoding="utf-8") as table, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", table)
        assert main(arguments) == 2
    assert "its output goes there too" in capsys.readouterr().err
    assert (place / "t.csv").read_text() == before


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="a name of Unix's")
def test_name_of_standard_output_destroys_no_file_that_it_leads_to(place):
    (place / "all.csv").write_text("of earlier runs\n")
    command = [sys.executable, "-m", "digitcnn", "predict", "m.digitcnn", "t.csv"]
    with open("all.csv", "a", encoding="utf-8") as log:
        done = subprocess.run(
            [*command, "--out", "/dev/stdout"],
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "Without --out the table goes to standard output" in done.stderr
    assert (place / "all.csv").read_text() == "of earlier runs\n"


@pytest.mark.parametrize(
    "arguments",
    [["train", "t.csv", "--out", "old"], ["predict", "m.digitcnn", "t.csv", "--out", "old"]],
)
def test_file_that_is_protected_against_writing_is_not_replaced(
    place, run, no_work, monkeypatch, arguments
):
    shutil.copy("m.digitcnn" if arguments[0] == "train" else "t.csv", "old")
    # Root may write files of any mode.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and str(path) != "old")
    status, _, err = run(*arguments)
    assert status == 2
    assert "old: exists and is write-protected" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "t.csv", "--out"],
        ["predict", "m.digitcnn", "t.csv", "--out"],
        ["evaluate", "m.digitcnn", "t.csv", "--errors"],
        ["evaluate", "m.digitcnn", "t.csv", "--report"],
        ["export", "m.digitcnn"],
    ],
)
def test_file_system_that_takes_no_files_is_told_of_before_any_work(
    place, run, no_work, monkeypatch, arguments
):
    def refuse(path, *_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr("digitcnn._utils.atomic.os.open", refuse)
    status, out, err = run(*arguments, "new")
    assert (status, out) == (2, "")
    assert err == f"digitcnn {arguments[0]}: new: cannot be written: {os.strerror(errno.EROFS)}\n"


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("smaple", "Did you mean 'sample'?"),
        ("MNIST", "Did you mean 'mnist'?"),
        ("https://example.org/t.csv", "https://example.org/t.csv: there is no such file. Download"),
        ("digits.csv", "digits.csv: there is no such file\n"),
    ],
)
def test_data_that_is_not_there_is_named_with_what_may_be_meant(place, run, no_work, data, hint):
    for arguments in (["train", data], ["predict", "m.digitcnn", data], ["info", data]):
        status, _, err = run(*arguments)
        assert status == 2
        assert hint in err


@pytest.mark.parametrize(
    ("model", "what"), [("folder", "got a folder"), ("absent", "no such file")]
)
def test_model_that_is_a_folder_or_absent_is_said_to_be_that(place, run, model, what):
    (place / "folder").mkdir()
    for command in ("predict", "evaluate"):
        status, _, err = run(command, model, "t.csv")
        assert status == 2
        assert f"digitcnn {command}: {model}: " in err
        assert what in err
