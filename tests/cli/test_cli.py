import contextlib
import io
import json
import os
import platform
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import digitcnn
from conftest import make_classifier, posix
from digitcnn.cli import main
from digitcnn.cli._arguments import make_parser
from digitcnn.cli._common import fast_kernels
from digitcnn.recipes import RECIPES, Recipe
from digitcnn.tables import readers as tables


def run(capsys, *arguments):
    """Exit status, standard output and standard error of the command."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as error:  # argparse's own
        status = error.code
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """train.csv with labels and test.csv without, in Kaggle's layout but 8x8."""
    X, y = digits
    folder = tmp_path_factory.mktemp("kaggle")
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    frame[1500:].to_csv(folder / "test.csv", index=False)
    frame.insert(0, "label", y)
    frame[:1500].to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    """A model that the command trained."""
    out = folder / "m.digitcnn"
    assert main(["train", str(folder / "train.csv"), "--epochs", "20", "--out", str(out)]) == 0
    return out


@pytest.mark.slow
def test_train_then_predict_gives_a_submission(capsys, folder, model, digits):
    status, out, _ = run(capsys, "predict", model, folder / "test.csv", "--out", folder / "s.csv")
    assert status == 0
    assert "297 labels written to" in out
    submission = pd.read_csv(folder / "s.csv")
    assert list(submission.columns) == ["ImageId", "Label"]
    assert submission["ImageId"].tolist() == list(range(1, 298))
    assert np.mean(submission["Label"] == digits[1][1500:]) > 0.85


@pytest.mark.slow
def test_prediction_that_fails_leaves_the_old_submission(capsys, folder, model, tmp_path):
    rows = (folder / "test.csv").read_text().splitlines()
    rows[250] = rows[250].replace("0", "x", 1)
    (tmp_path / "bad.csv").write_text("\n".join(rows))
    (tmp_path / "s.csv").write_text("old")
    status, _, err = run(
        capsys, "predict", model, tmp_path / "bad.csv", "--out", tmp_path / "s.csv"
    )
    assert status == 2
    assert "bad.csv, line 251 (row 249), column 'pixel" in err
    assert (tmp_path / "s.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "s.csv"]


def test_nothing_but_a_regular_file_is_written_to(capsys, folder, model):
    status, _, err = run(capsys, "predict", model, folder / "test.csv", "--out", os.devnull)
    assert status == 2
    assert f"{os.devnull}: expected a regular file or a new name" in err


def test_train_prints_accuracy_and_confusion_matrix_and_writes_the_model(capsys, folder, tmp_path):
    out_file = tmp_path / "m.digitcnn"
    status, out, err = run(capsys, "train", folder / "train.csv", "--epochs", 1, "--out", out_file)
    assert status == 0
    assert "accuracy " in out
    assert "confusion matrix" in out
    assert f"model written to {out_file}" in out
    assert "training on 1,200 digits; 300 are held out" in err
    assert digitcnn.load(out_file).n_iter_ == 1


def test_train_json_is_one_object_and_is_reproducible(capsys, folder, tmp_path):
    results = []
    for name in ("a", "b"):
        status, out, _ = run(
            capsys, "train", folder / "train.csv", "--epochs", 1, "--seed", 4, "--json",
            "--out", tmp_path / name,
        )  # fmt: skip
        assert status == 0
        results.append(json.loads(out))
    assert results[0]["digits"] == 300
    assert np.sum(results[0]["confusion_matrix"]) == 300
    assert np.trace(results[0]["confusion_matrix"]) == 300 - results[0]["errors"]
    for result in results:
        del result["seconds"], result["model"]
    assert results[0] == results[1]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_evaluate_lists_the_most_confident_errors_first(capsys, folder, model, digits):
    status, out, _ = run(capsys, "evaluate", model, folder / "train.csv", "--json")
    assert status == 0
    result = json.loads(out)
    X, y = digits
    clf = digitcnn.load(model)
    assert result["accuracy"] == pytest.approx(clf.score(X[:1500], y[:1500]))
    leads = [
        e["prediction_probability"] - e["truth_probability"]
        for e in result["most_confident_errors"]
    ]
    assert leads == sorted(leads, reverse=True)
    for error in result["most_confident_errors"]:
        assert y[error["row"]] == error["truth"] != error["prediction"]
    status, out, _ = run(capsys, "evaluate", model, folder / "train.csv")
    assert "confusion matrix" in out
    assert "most confident errors, by row (the first is row 0)" in out


@pytest.mark.slow
def test_evaluate_writes_a_report_with_the_figures_that_it_prints(capsys, folder, model):
    page = folder / "report.html"
    arguments = ["evaluate", model, folder / "train.csv"]
    _, expected, _ = run(capsys, *arguments, "--json")
    status, out, _ = run(capsys, *arguments, "--report", page)
    assert status == 0
    assert f"report written to {page}" in out
    text = page.read_text()
    assert f">{json.loads(expected)['accuracy']:.2%}<" in text
    assert "Evaluation of m.digitcnn" in text
    assert "reading the data" in text
    assert str(folder) not in text


def test_report_without_its_libraries_is_refused_before_any_work(capsys, monkeypatch):
    monkeypatch.setattr("digitcnn.report.find_spec", lambda name: None)
    status, out, err = run(capsys, "evaluate", "no.digitcnn", "no.csv", "--report", "a.html")
    assert (status, out) == (2, "")
    assert 'Run: pip install "digitcnn[plots]"' in err
    assert err.count("\n") == 1


def test_predict_without_out_prints_the_csv(capsys, folder, model):
    status, out, _ = run(capsys, "predict", model, folder / "test.csv", "--proba")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "ImageId,Label," + ",".join(f"p_{i}" for i in range(10))
    assert len(lines) == 298
    probabilities = np.array([line.split(",")[2:] for line in lines[1:]], float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_predict_drops_the_label_column(capsys, folder, model):
    status, out, _ = run(capsys, "predict", model, folder / "train.csv", "--json")
    assert status == 0
    assert json.loads(out)["digits"] == 1500


def test_files_of_a_pattern_are_read_as_one_and_streaming_trains_the_same_model(
    capsys, folder, tmp_path
):
    frame = pd.read_csv(folder / "train.csv")
    frame[:600].to_csv(tmp_path / "part-1.csv", index=False)
    frame[600:].to_csv(tmp_path / "part-2.csv", index=False)
    results = []
    for data, flags in [(folder / "train.csv", []), (tmp_path / "part-*.csv", ["--stream"])]:
        out = tmp_path / "m.digitcnn"
        arguments = ["train", data, "--epochs", 1, "--out", out, "--json", *flags]
        status, text, _ = run(capsys, *arguments)
        assert status == 0
        result = json.loads(text)
        results.append((result["training_digits"], result["accuracy"], result["log_loss"]))
    assert results[0] == results[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.digitcnn", "part-1.csv", "part-2.csv"]
    status, text, _ = run(capsys, "predict", out, tmp_path / "part-*.csv")
    assert status == 0
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [
        str(i) for i in range(1, 1501)
    ]
    status, text, _ = run(capsys, "predict", out, tmp_path / "*.tsv")
    assert status == 2
    status, _, err = run(capsys, "train", "sample", "--stream", "--out", tmp_path / "n.digitcnn")
    assert status == 2
    assert "expected a file or a folder with --stream, got 'sample'" in err


def test_predict_numbers_images_across_the_parts_that_it_reads(
    capsys, folder, model, tmp_path, monkeypatch
):
    whole = run(capsys, "predict", model, folder / "test.csv", "--proba")[1]
    monkeypatch.setattr(
        tables.iter_table, "__kwdefaults__", {**tables.iter_table.__kwdefaults__, "n_rows": 100}
    )
    parts = run(capsys, "predict", model, folder / "test.csv", "--proba")[1]
    one, other = (
        np.array([line.split(",") for line in text.splitlines()[1:]], float)
        for text in (whole, parts)
    )
    np.testing.assert_array_equal(one[:, :2], other[:, :2])
    np.testing.assert_allclose(one[:, 2:], other[:, 2:], atol=2e-6)


def test_predict_leaves_empty_what_it_is_not_sure_of(capsys, folder, model, digits):
    # Three digits on top of each other are none that a network could be sure of.
    table = pd.read_csv(folder / "test.csv")
    mixed = sum(table.sample(100, random_state=seed).to_numpy() for seed in range(3)) // 3
    table = pd.concat([table, pd.DataFrame(mixed, columns=table.columns)])
    table.to_csv(folder / "some_unsure.csv", index=False)
    # Of 300 validation images this allows an error or two: whether one of them is the most
    # confident of all answers depends on how a processor rounds.
    arguments = ["predict", model, folder / "some_unsure.csv", "--target-error-rate", "0.01"]
    status, out, err = run(capsys, *arguments, "--out", folder / "sure.csv")
    assert status == 0
    table = pd.read_csv(folder / "sure.csv")
    assert list(table.columns) == ["ImageId", "Label", "Confidence"]
    answered = table["Label"].notna()
    assert 0.5 < answered.mean() < 1.0
    assert f"{answered.sum()} of 397 digits have a confidence of at least" in err
    assert f"{answered.sum()} labels written to" in out
    assert table["Confidence"][answered].min() > table["Confidence"][~answered].max()
    assert (table["Label"][:297] == digits[1][1500:])[answered[:297]].mean() > 0.9
    # The labels are whole numbers, as without rejection.
    first = (folder / "sure.csv").read_text().splitlines()[1 + int(answered.idxmax())]
    assert first.split(",")[1].isdigit()
    status, out, _ = run(capsys, *arguments, "--json")
    result = json.loads(out)
    assert [label is None for label in result["labels"]] == (~answered).tolist()
    assert result["threshold"] == pytest.approx(digitcnn.load(model).confidence_threshold(0.01))


def test_error_rate_that_cannot_be_had_is_refused(capsys, folder, model):
    status, _, err = run(
        capsys, "predict", model, folder / "test.csv", "--target-error-rate", "0.0001"
    )
    assert status == 2
    assert str(model) in err
    assert "validation images for --target-error-rate 0.0001, got 300" in err


@pytest.mark.slow
def test_ensemble_is_trained_saved_and_read(capsys, folder, tmp_path, monkeypatch):
    small = Recipe("two tiny networks", {"architecture": "relu-dropout"}, n_networks=2)
    monkeypatch.setitem(RECIPES, "ensemble", small)
    out = tmp_path / "e.digitcnn"
    arguments = ["train", folder / "train.csv", "--recipe", "ensemble", "--epochs", 12]
    status, text, _ = run(capsys, *arguments, "--out", out, "--json")
    assert status == 0
    trained = json.loads(text)
    assert len(digitcnn.load(out).estimators_) == 2
    page = tmp_path / "e.html"
    status, text, _ = run(capsys, "evaluate", out, folder / "train.csv", "--json", "--report", page)
    assert json.loads(text)["accuracy"] > 0.5 < trained["accuracy"]
    assert "Network 2 of 2." in page.read_text()
    status, text, _ = run(capsys, "info", out, "--json")
    described = json.loads(text)
    assert described["networks"] == 2
    assert described["validation_digits"] == 300
    assert described["validation_accuracy"] == pytest.approx(trained["accuracy"], abs=1e-5)
    status, text, _ = run(
        capsys, "predict", out, folder / "test.csv", "--target-error-rate", "0.2", "--json"
    )
    assert status == 0


@pytest.mark.slow
def test_mnists_test_digits_are_measured_on_and_not_held_out(capsys, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    many = {
        "x_train": rng.integers(0, 256, (400, 28, 28), dtype=np.uint8),
        "y_train": np.arange(400, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (50, 28, 28), dtype=np.uint8),
        "y_test": np.arange(50, dtype=np.uint8) % 10,
    }
    np.savez(tmp_path / "mnist.npz", **many)
    monkeypatch.setenv("DIGITCNN_DATA", str(tmp_path))
    out = tmp_path / "m.digitcnn"
    status, text, err = run(capsys, "train", "mnist", "--epochs", 1, "--json", "--out", out)
    assert status == 0, err
    assert json.loads(text)["digits"] == 50
    assert json.loads(text)["training_digits"] == 320
    assert len(digitcnn.load(out).validation_correct_) == 80


def test_info_lists_the_recipes(capsys):
    status, out, _ = run(capsys, "info", "--recipes")
    assert status == 0
    heads, *lines = out.split("\n\n")[0].splitlines()
    assert heads.split() == ["recipe", "MNIST", "minutes"]
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert f" {RECIPES['fast'].accuracy:.2%} " in lines[0]
    status, out, _ = run(capsys, "info", "--recipes", "--json")
    assert json.loads(out)["ensemble"]["n_networks"] == 5


def test_info_of_data_counts_what_is_wrong_with_it(capsys, tmp_path, digits):
    X, y = digits
    frame = pd.DataFrame(X[:50], columns=[f"pixel{i}" for i in range(64)]).astype(object)
    frame.insert(0, "label", y[:50])
    frame.loc[50] = frame.loc[3]
    frame.loc[4, "pixel5"] = np.nan
    frame.loc[6, "pixel7"] = 300
    frame.loc[8, "pixel9"] = "x"
    frame.to_csv(tmp_path / "odd.csv", index=False)
    status, out, _ = run(capsys, "info", tmp_path / "odd.csv", "--json")
    assert status == 0
    result = json.loads(out)
    assert result["rows"] == 51
    assert result["image_shape"] == "8 x 8"
    assert result["pixel_range"] == "0..300"
    assert (result["missing_values"], result["not_numbers"]) == (1, 1)
    assert result["exact_duplicates"] == 1
    assert sum(result["class_counts"].values()) == 51


def test_info_of_a_model_and_of_the_sample(capsys, model):
    status, out, _ = run(capsys, "info", model)
    assert status == 0
    assert "slim" in out
    assert "8 x 8 x 1" in out
    status, out, _ = run(capsys, "info", "sample", "--json")
    assert status == 0
    assert json.loads(out)["rows"] == 1797


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["hepl"], "Did you mean 'help'?"),
        (["help", "trian"], "Did you mean 'train'?"),
        (["train", "--learning-rate", "0"], "'0': expected a number above 0"),
        (["train", "--learning-rate", "fast"], "'fast': expected a number above 0"),
        (["train", "--batch-size", "0"], "'0': expected a whole number from 1"),
        (["train", "--validation-fraction", "1"], "'1': expected a number between 0 and 1"),
        (["train", "--architecture", "vgg"], "'vgg' (choose from"),
        (["evaluate", "m", "sample", "--errors", "no/such/e.csv"], "there is no folder no/such"),
        (["evaluate", "m", "sample", "--errors", "e.xlsx"], "expected the name of a CSV"),
        (["train", "nowhere.csv"], "nowhere.csv"),
        (["train", "smaple"], "smaple"),
        (["train", "--recipe", "fats"], "expected a recipe of fast, best"),
        (["train", "--epochs", "0"], "'0': expected a whole number from 1 to 4294967295"),
        (["train", "--seed", "-1"], "--seed"),
        (["train", "--out", "no/such/folder/m"], "there is no folder no/such/folder"),
        (["train", "--out", "."], "got a folder"),
        (["predict", "nowhere.digitcnn", "sample"], "nowhere.digitcnn: there is no such"),
        (["evaluate", "nowhere.digitcnn", "sample"], "nowhere.digitcnn: there is no such"),
        (["evaluate", "m", "sample", "--report", "no/such/r.html"], "there is no folder no/such"),
        (["info", "nowhere.digitcnn"], "nowhere.digitcnn: there is no such"),
        (["info", "nowhere.csv"], "nowhere.csv"),
        (
            ["predict", "m", "d", "--target-error-rate", "2"],
            "'2': expected a number between 0 and 1",
        ),
        (
            ["predict", "m", "d", "--target-error-rate", "x"],
            "'x': expected a number between 0 and 1",
        ),
    ],
)
def test_mistake_ends_in_one_line_and_status_2(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ([], ["--help"]),
        (["help"], ["--help"]),
        (["version"], ["--version"]),
        (["help", "train"], ["train", "--help"]),
    ],
)
def test_command_answers_a_question_in_words(capsys, asked, same):
    status, out, err = run(capsys, *asked)
    assert (status, err) == (0, "")
    assert (status, out, err) == run(capsys, *same)


def test_errors_are_written_as_they_are_counted(capsys, folder, model, digits, tmp_path):
    out = tmp_path / "wrong.csv"
    frame = pd.read_csv(folder / "train.csv").assign(label=digits[1][:1500][::-1])
    frame[:200].to_csv(tmp_path / "odd.csv", index=False)
    status, printed, _ = run(
        capsys, "evaluate", model, tmp_path / "odd.csv", "--errors", out, "--json"
    )
    assert status == 0
    result = json.loads(printed)
    table = pd.read_csv(out)
    assert list(table.columns) == ["Row", "ImageId", "Truth", "Answer", "Confidence"]
    assert {error["row"] for error in result["most_confident_errors"]} <= set(table["Row"])
    assert len(table) == result["errors"] > 100
    assert result["errors_table"] == str(out)
    answers = digitcnn.load(model).predict(digits[0][:200])
    truth = digits[1][:1500][::-1][:200]
    assert table["ImageId"].tolist() == (np.flatnonzero(answers != truth) + 1).tolist()
    assert table["Answer"].tolist() == answers[answers != truth].tolist()
    assert table["Truth"].tolist() == truth[answers != truth].tolist()
    assert table["Confidence"].between(0.1, 1).all()


def test_errors_do_not_take_the_place_of_the_data(capsys, folder, model):
    before = (folder / "train.csv").read_bytes()
    status, _, err = run(
        capsys, "evaluate", model, folder / "train.csv", "--errors", folder / "train.csv"
    )
    assert status == 2
    assert "is an input of this command" in err
    assert (folder / "train.csv").read_bytes() == before


def damaged(folder, tmp_path, change):
    lines = (folder / "train.csv").read_text().splitlines()
    cells = lines[5].split(",")
    change(cells)
    lines[5] = ",".join(cells)
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda cells: cells.__setitem__(3, "256"), "256"),
        (lambda cells: cells.__setitem__(3, "-1"), "-1"),
        (lambda cells: cells.__setitem__(3, "1.5"), "1.5"),
        (lambda cells: cells.__setitem__(3, "x"), "x"),
        (lambda cells: cells.__setitem__(3, ""), ""),
        (lambda cells: cells.pop(), "64"),
    ],
    ids=["256", "-1", "fraction", "text", "missing", "short"],
)
def test_bad_csv_is_refused_with_file_and_line_and_nothing_is_written(
    capsys, folder, tmp_path, change, found
):
    path = damaged(folder, tmp_path, change)
    status, _, err = run(capsys, "train", path, "--out", tmp_path / "m.digitcnn")
    assert status == 2
    assert str(path) in err
    assert "line 6" in err
    assert found in err
    assert err.count("\n") == 1
    assert not (tmp_path / "m.digitcnn").exists()


def test_model_and_data_of_different_sizes_are_refused(capsys, model, tmp_path):
    out = tmp_path / "s.csv"
    status, _, err = run(capsys, "predict", model, "sample", "--out", out)
    assert status == 2
    assert "784" in err
    assert "64" in err
    assert not out.exists()


def test_damaged_model_is_refused(capsys, model, tmp_path):
    cut = tmp_path / "cut.digitcnn"
    cut.write_bytes(model.read_bytes()[:1000])
    status, _, err = run(capsys, "predict", cut, "sample")
    assert status == 2
    assert "expected a digitcnn model file, got" in err


def test_unlabelled_data_cannot_be_trained_on_or_measured(capsys, folder, model):
    for arguments in (["train", folder / "test.csv"], ["evaluate", model, folder / "test.csv"]):
        status, _, err = run(capsys, *arguments)
        assert status == 2
        assert "label" in err


def command(*arguments, **environment):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "digitcnn", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | environment,
        check=False,
    )


@pytest.mark.slow
def test_backend_start_up_messages_are_kept_back(folder, model):
    done = command("predict", model, folder / "test.csv", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["digits"] == 297
    assert done.stderr == ""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86's kernels")
def test_tensorflow_starts_with_its_faster_kernels_unless_told_otherwise(monkeypatch):
    name = "TF_ENABLE_ONEDNN_OPTS"
    for given, expected in ((None, "1"), ("0", "0"), ("1", "1")):
        if given is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, given)
        with fast_kernels():
            assert os.environ[name] == expected
        assert os.environ.get(name) == given


def test_help_answers_without_tensorflow():
    code = (
        "import sys\n"
        "from digitcnn.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as error:\n    assert not error.code\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


@posix
@pytest.mark.slow
def test_reader_that_stops_early_is_no_error(folder, model):
    done = subprocess.run(
        f"'{sys.executable}' -m digitcnn predict '{model}' '{folder / 'train.csv'}' --proba"
        " | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("ImageId,Label")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["info", "none"], 2)])
def test_exit_status_is_its_own_where_nobody_reads_what_is_said(stream, arguments, status):
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from digitcnn.cli import main; sys.exit(main())"
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: writing}
    # Unbuffered output is not flushed at exit, so it could not fail there.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=buffered, **streams, check=False
    )
    os.close(writing)
    assert done.returncode == status


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is Unix's")
def test_interrupted_training_still_writes_the_model(folder, tmp_path):
    out = tmp_path / "m.digitcnn"
    arguments = ["train", folder / "train.csv", "--epochs", 100_000, "--out", out, "--json"]
    reading, writing = os.openpty()
    # A background process of a shell without job control ignores interrupts, and so do its
    # children.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from digitcnn.cli import main; sys.exit(main())"
    )
    with (
        os.fdopen(reading, "rb", buffering=0) as terminal,
        subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
        ) as process,
    ):
        os.close(writing)
        seen = b""
        # Until the progress bar shows a first accuracy.
        while b"accuracy" not in seen:
            seen += terminal.read(4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # Linux's word for the end of a terminal
            while read := terminal.read(4096):
                seen += read
        result, _ = process.communicate(timeout=120)
    assert b"interrupted in epoch" in seen, seen[-2000:]
    assert process.returncode == 130
    assert json.loads(result)["epochs"] == digitcnn.load(out).n_iter_ < 100_000


@pytest.fixture
def broken_recipes(monkeypatch):
    """Recipes whose accuracy cannot be printed: the bug is found in the package's own code."""
    monkeypatch.setitem(RECIPES, "odd", Recipe("odd", {}, accuracy="high"))


def test_bug_is_called_one_and_says_where_to_report_it(capsys, broken_recipes):
    status, _, err = run(capsys, "info", "--recipes")
    assert status == 1
    assert err.startswith("digitcnn info: ValueError: Unknown format code '%'")
    assert "This is a bug in digitcnn. Please report it on GitHub" in err
    assert "with --traceback" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "variable", "is_shown"),
    [
        (["--traceback"], None, True),
        ([], "1", True),
        ([], "yes", True),
        ([], "0", False),
        ([], "", False),
        ([], None, False),
    ],
)
def test_traceback_is_shown_when_it_is_asked_for(
    capsys, broken_recipes, monkeypatch, flags, variable, is_shown
):
    monkeypatch.delenv("DIGITCNN_TRACEBACK", raising=False)
    if variable is not None:
        monkeypatch.setenv("DIGITCNN_TRACEBACK", variable)
    cases = {("info", "--recipes"): "in _print_recipes", ("info", "nowhere.csv"): "in find_paths"}
    for arguments, place in cases.items():
        _, _, err = run(capsys, *arguments, *flags)
        assert ("Traceback (most recent call last)" in err) == (place in err) == is_shown
        assert err.splitlines()[-1].startswith("digitcnn info: ")


def test_library_that_is_missing_is_no_bug(capsys, folder, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    report = ["--report", folder / "r.html"]
    status, _, err = run(capsys, "evaluate", model, folder / "test.csv", *report)
    assert status == 2
    assert 'Run: pip install "digitcnn[plots]"' in err
    assert "bug" not in err


@pytest.mark.slow
def test_backend_that_is_none_is_named(folder):
    done = command("train", folder / "train.csv", KERAS_BACKEND="tf")
    assert done.returncode == 2
    assert "Keras cannot be imported with KERAS_BACKEND='tf'" in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (OSError(28, "No space left on device", "a.csv"), 2, "a.csv: No space left on device"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (OSError(1, "Not permitted", "temporary", None, "a.csv"), 2, "a.csv: Not permitted"),
        (OSError("said by us"), 2, "said by us"),
        (BrokenPipeError(32, "Broken pipe"), 2, "Broken pipe"),
        (MemoryError(), 2, "there is not enough memory"),
        (MemoryError("3 GiB"), 2, "there is not enough memory: 3 GiB"),
        (AssertionError(), 1, "AssertionError. This is a bug"),
        (KeyError("x"), 1, "KeyError: 'x'. This is a bug"),
    ],
)
def test_error_is_one_plain_line(capsys, monkeypatch, error, status, message):
    def fail(_):
        raise error

    monkeypatch.setattr("digitcnn.cli.info._raw_table", fail)
    found, out, err = run(capsys, "info", "sample")
    assert (found, out) == (status, "")
    assert err.startswith(f"digitcnn info: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["predict", "m", "t.csv", "--lable", "x"],
            "digitcnn predict: unrecognized arguments: --lable x. Did you mean --label?",
        ),
        (["predict", "m", "t.csv", "--outt=x"], "Did you mean --out?"),
        (["train", "a.csv", "b.csv"], "b.csv. Name several files by a pattern in quotes"),
        (["evaluate", "m", "a.csv", "b.csv"], "digitcnn evaluate: unrecognized arguments: b.csv."),
        (["info", "a.csv", "b.csv"], "b.csv. Name several files by a pattern in quotes"),
        (["export", "m", "a.onnx", "b.onnx"], "b.onnx (see digitcnn export --help)"),
        (
            ["--json", "info", "sample"],
            "digitcnn: unrecognized arguments: --json. Put options after the command",
        ),
        (["predict", "m", ""], "argument DATA: '': expected a file's name"),
        (["predict", "m", "t.csv", "--out", "-"], "argument --out: '-': expected a file's name"),
        (["train", "--checkpoint", ""], "argument --checkpoint: '': expected a file's name"),
        (["train", "--seed", "4294967296"], "expected a whole number from 0 to 4294967295"),
    ],
)
def test_arguments_that_are_none_are_answered_with_what_may_be_meant(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.fixture(scope="module")
def accented(folder, digits):
    """A model and a table with labels that are not ASCII, nor all of Windows's western encoding."""
    names = np.array(["zéro", "eins", "два", "3", "quattro", "五", "six", "sept", "huit", "neuf"])
    X, y = digits
    path = folder / "accented.csv"
    frame = pd.DataFrame(X[:300], columns=[f"pixel{i}" for i in range(64)])
    frame.assign(label=names[y[:300]]).to_csv(path, index=False)
    clf = make_classifier(epochs=12, learning_rate=0.005).fit(X[:1200], names[y[:1200]])
    clf.save(folder / "accented.digitcnn")
    return folder / "accented.digitcnn", path, clf.predict(X[:300]).tolist()


class Narrow(io.TextIOWrapper):
    """A standard output of an encoding that has few letters."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict")

    def text(self, encoding="utf-8"):
        self.flush()
        return self.buffer.getvalue().decode(encoding)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_labels_of_any_alphabet_come_through_an_output_that_has_not_its_letters(
    accented, monkeypatch, encoding, tmp_path
):
    model, table, answers = accented

    def output_of(*arguments):
        screen = Narrow(encoding)
        monkeypatch.setattr(sys, "stdout", screen)
        assert main([str(argument) for argument in arguments]) == 0
        return screen

    submission = pd.read_csv(io.StringIO(output_of("predict", model, table).text()))
    assert submission["Label"].tolist() == answers
    found = json.loads(output_of("predict", model, table, "--json", "--proba").text("ascii"))
    assert found["labels"] == answers
    assert "два" in found["classes"]
    out = tmp_path / "é.csv"
    output_of("predict", model, table, "--out", out)
    assert pd.read_csv(out)["Label"].tolist() == answers
    text = output_of("evaluate", model, table).text(encoding)
    assert text.count("confusion matrix") == 1
    shown = "два".encode(encoding, "backslashreplace").decode(encoding)
    assert f"{shown} " in text
    assert json.loads(output_of("evaluate", model, table, "--json").text("ascii"))["digits"] == 300
    assert "zéro" in json.loads(output_of("info", table, "--json").text("ascii"))["class_counts"]
    output_of("info", table)
    output_of("info", model)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_answers_on_standard_output_are_those_of_a_file(accented, encoding, tmp_path):
    model, table, _ = accented
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    arguments = [sys.executable, "-m", "digitcnn", "predict", str(model), str(table)]
    done = subprocess.run(arguments, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert main([*arguments[3:], "--out", str(tmp_path / "s.csv")]) == 0
    assert done.stdout == (tmp_path / "s.csv").read_bytes()


@posix
@pytest.mark.slow
def test_output_that_is_closed_is_no_error(folder, model):
    done = subprocess.run(
        f"'{sys.executable}' -m digitcnn predict '{model}' '{folder / 'test.csv'}' "
        "--target-error-rate 0.03 >&- 2>&-",
        shell=True,
        check=False,
    )
    assert done.returncode == 0


def test_model_in_the_package_answers_where_none_is_named(tmp_path, capsys):
    X, y = digitcnn.datasets.load_sample_digits()
    frame = pd.DataFrame(X[:30], columns=[f"pixel{i}" for i in range(784)])
    frame.assign(label=y[:30]).to_csv(tmp_path / "t.csv", index=False)
    for arguments in (["t.csv"], ["pretrained", "t.csv"], ["pretrained", "--json", "t.csv"]):
        arguments = [tmp_path / one if one == "t.csv" else one for one in arguments]
        status, out, err = run(capsys, "predict", *arguments)
        assert (status, err) == (0, "")
        if "--json" in arguments:
            assert json.loads(out)["labels"] == y[:30].tolist()
        else:
            assert out.splitlines()[:2] == ["ImageId,Label", f"1,{y[0]}"]
    status, out, _ = run(capsys, "evaluate", "--json", tmp_path / "t.csv")
    assert (status, json.loads(out)["model"], json.loads(out)["errors"]) == (0, "pretrained", 0)
    for arguments in ([], ["pretrained"]):
        status, out, _ = run(capsys, "info", *arguments)
        assert status == 0
        assert "compact" in out
    status, *_ = run(capsys, "export", tmp_path / "m.onnx")
    assert status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["m", "--json", "d"],
        ["--json", "m", "d"],
        ["m", "d", "--json"],
        ["m", "--label=x", "d"],
        ["m", "--lab", "x", "d"],
        ["m", "--target-error-rate", "0.1", "--proba", "d"],
        ["--", "m", "d"],
        ["--json", "--", "m", "d"],
    ],
)
def test_options_may_stand_anywhere_around_model_and_data(arguments):
    options = make_parser().parse_args(["predict", *arguments])
    assert (options.model, options.data) == ("m", "d")
    alone = make_parser().parse_args(["predict", *(one for one in arguments if one != "m")])
    assert (alone.model, alone.data) == ("pretrained", "d")


@pytest.mark.slow
def test_training_from_a_model_needs_few_digits(tmp_path, capsys):
    X, y = digitcnn.datasets.load_sample_digits()
    frame = pd.DataFrame(X[:150], columns=[f"pixel{i}" for i in range(784)])
    frame.assign(label=y[:150]).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "m.digitcnn"
    arguments = ["train", tmp_path / "t.csv", "--epochs", 2, "--out", out, "--json"]
    status, said, _ = run(capsys, *arguments, "--from", "pretrained")
    assert status == 0
    assert json.loads(said)["accuracy"] > 0.9
    again = tmp_path / "n.digitcnn"
    status, *_ = run(capsys, *arguments[:4], "--out", again, "--from", out)
    assert status == 0
    before = out.read_bytes()
    status, _, err = run(capsys, *arguments, "--from", out)
    assert status == 2
    assert "is an input of this command" in err
    status, _, err = run(capsys, *arguments[:4], "--out", again, "--from", "nowhere")
    assert (status, "nowhere" in err, "bug" in err) == (2, True, False)
    status, _, err = run(
        capsys, *arguments[:4], "--out", again, "--from", out, "--architecture", "elu-bn"
    )
    assert status == 2
    assert "expected --architecture 'compact'" in err
    assert out.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is Unix's")
@pytest.mark.parametrize("arguments", [["info"], ["info", "--recipes"]])
def test_descriptions_keep_to_the_columns_of_a_terminal_and_are_lines_elsewhere(arguments, capsys):
    import pty

    def read(descriptor):
        with contextlib.suppress(OSError):
            return os.read(descriptor, 1 << 16)
        return b""

    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "digitcnn", *arguments])
    text = b""
    while part := read(terminal):
        text += part
    os.waitpid(child, 0)
    os.close(terminal)
    lines = text.decode().splitlines()
    assert max(map(len, lines)) <= 80
    status, out, _ = run(capsys, *arguments)
    assert status == 0
    assert len(out.splitlines()) < len(lines)
    assert sorted("".join(out.split())) == sorted("".join(text.decode().split()))


@pytest.mark.parametrize("arguments", [["t.csv", "s.csv", "--out"], ["t.csv", "--out", "--proba"]])
def test_option_without_its_value_takes_no_file_for_it(arguments, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["predict", *arguments])
    assert "argument --out: expected one argument" in capsys.readouterr().err


def test_model_alone_is_told_from_data(capsys, model):
    for command_, argument in (("predict", "DATA"), ("evaluate", "DATA"), ("export", "FILE")):
        for alone in (model, "pretrained"):
            status, _, err = run(capsys, command_, alone)
            assert status == 2
            assert f"{alone}: expected {argument}, got a model. Add {argument} after it" in err


def test_error_rate_of_a_model_without_validation_data_says_what_to_do(capsys, folder, model):
    status, _, err = run(capsys, "predict", folder / "test.csv", "--target-error-rate", "0.01")
    assert status == 2
    assert "pretrained: expected a model with validation data for --target-error-rate" in err
    assert "digitcnn train DATA --from pretrained" in err
