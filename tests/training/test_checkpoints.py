"""A training that was killed goes on from its last epoch and ends as if it never had been."""

import functools
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import digitcnn
from conftest import TESTS, make_classifier
from digitcnn._utils.atomic import remove_left_over
from digitcnn._utils.identity import digest_arrays
from digitcnn.augmentation.batches import DigitBatches
from digitcnn.cli import main
from digitcnn.training import checkpoints
from digitcnn.training.checkpoints import (
    Checkpoint,
    claim_folder,
    hold_folder,
    release_folder,
)
from digitcnn.training.history import History


def own_model(image_shape, n_classes):
    stack = [
        keras.layers.Flatten(),
        keras.layers.BatchNormalization(),
        keras.layers.GaussianNoise(0.2),
        keras.layers.Dense(n_classes, activation="softmax"),
    ]
    return keras.Sequential([keras.Input(image_shape), *stack])


SCHEDULES = {
    "one_cycle": {"epochs": 4, "elastic_alpha": 4.0, "dropout": 0.2},
    "plateau": {
        "epochs": 5,
        "schedule": "plateau",
        "plateau_patience": 1,
        "validation_fraction": 0.2,
        "optimizer": "rmsprop",
    },
    "early_stopping": {
        "epochs": 15,
        "early_stopping": True,
        "n_iter_no_change": 2,
        "validation_fraction": 0.3,
        "architecture": "compact",
        "learning_rate": 0.02,
    },
    "averaged weights": {
        "epochs": 3,
        "schedule": None,
        "optimizer": keras.optimizers.AdamW(0.003, use_ema=True, ema_momentum=0.9),
    },
    "own model": {"epochs": 3, "architecture": own_model},
}


class Killed(BaseException):
    """In the place of a process's end: nobody catches it."""


@pytest.fixture
def kill(monkeypatch):
    """Let a training die after a number of checkpoints, within the next epoch."""
    write, in_order = Checkpoint.write, DigitBatches.in_order

    def after(count):
        left = itertools.count(count, -1)
        is_over = []

        def write_then_count(self, progress):
            write(self, progress)
            if next(left) == 1:
                is_over.append(True)

        def die_in_the_epoch(self):
            for number, batch in enumerate(in_order(self)):
                if is_over and number:
                    raise Killed
                yield batch

        monkeypatch.setattr(Checkpoint, "write", write_then_count)
        monkeypatch.setattr(DigitBatches, "in_order", die_in_the_epoch)

    yield after
    monkeypatch.undo()


def assert_equal(one, other):
    for mine, its in zip(
        one._trainer.network.get_state(),
        other._trainer.network.get_state(),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, its)
    assert one.history_ == other.history_
    assert one.batch_loss_curve_ == other.batch_loss_curve_
    assert one.temperature_ == other.temperature_
    assert one.n_iter_ == other.n_iter_


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_training_killed_in_each_epoch_ends_equal_to_the_bit(digits, tmp_path, kill, name):
    X, y = digits[0][:220], digits[1][:220]
    whole = make_classifier(**SCHEDULES[name]).fit(X, y)
    clf = make_classifier(**SCHEDULES[name], checkpoint_dir=tmp_path)
    deaths = 0
    while not hasattr(clf, "n_iter_"):
        kill(1)
        try:
            clf.fit(X, y)
        except Killed:
            deaths += 1
        assert len(list(tmp_path.iterdir())) == 1
    assert deaths == whole.n_iter_ - 1
    assert_equal(clf, whole)


def test_same_fit_again_takes_the_finished_training(digits, tmp_path, monkeypatch):
    X, y = digits[0][:100], digits[1][:100]
    clf = make_classifier(checkpoint_dir=tmp_path).fit(X, y)
    monkeypatch.setattr(DigitBatches, "in_order", lambda self: pytest.fail("it trains"))
    # What has no part in the training may be another.
    again = make_classifier(checkpoint_dir=tmp_path, verbose=1, test_time_augmentation=2).fit(X, y)
    monkeypatch.undo()
    assert_equal(again, clf)
    assert_equal(again.partial_fit(X, y), clf.partial_fit(X, y))


class FoundError(Exception):
    """The name of a fit's checkpoint, known before it trains."""


def name_of(monkeypatch, folder, X, y, data=None, **parameters):
    def find(*arguments):
        raise FoundError(Checkpoint(*arguments).path.name)

    with monkeypatch.context() as patch:
        patch.setattr(digitcnn.training.base, "Checkpoint", find)
        with pytest.raises(FoundError) as found:
            make_classifier(**parameters, checkpoint_dir=folder).fit(X, y, **data or {})
    return str(found.value)


def test_another_training_has_a_file_of_its_own(digits, tmp_path, monkeypatch):
    X, y = digits[0][:100], digits[1][:100]

    def name(X=X, y=y, data=None, **parameters):
        return name_of(monkeypatch, tmp_path, X, y, data, **parameters)

    same = name()
    assert same == name(X=X.copy(), verbose=1, temperature=2.0, warm_start=True)
    assert same == name(X=X.reshape(-1, 8, 8), test_time_augmentation=4)
    other_pixel, other_label = X.copy(), y.copy()
    other_pixel[3, 5] ^= 1
    other_label[3] = (y[3] + 1) % 10
    others = [
        name(X=other_pixel),
        name(X=X[::-1], y=y[::-1]),
        name(X=X[:99], y=y[:99]),
        name(X=X.astype(float)),
        name(y=other_label),
        name(data={"sample_weight": np.linspace(1, 2, 100)}),
        name(data={"X_val": X[:5], "y_val": y[:5]}),
        name(learning_rate=0.002),
        name(epochs=2),
        name(random_state=1),
        name(random_state=None),
        name(random_state=np.random.RandomState(0)),
        name(random_state=np.random.RandomState(1)),
        name(optimizer="sgd"),
        name(optimizer=keras.optimizers.Adam(0.003)),
        name(optimizer=keras.optimizers.Adam(0.002)),
        name(architecture=lambda image_shape, n_classes: None),
        name(architecture=lambda image_shape, n_classes: 1),
        name(architecture=functools.partial(partly, units=8)),
        name(architecture=functools.partial(partly, units=9)),
        name(architecture=Network(8)),
        name(architecture=Network(9)),
        name(class_weight={label: 1.0 + (label == 0) for label in range(10)}),
        name(pixel_range=(0, 300)),
    ]
    assert len({same, *others}) == 1 + len(others)


def partly(image_shape, n_classes, units):
    layers = [keras.layers.Flatten(), keras.layers.Dense(units, activation="relu")]
    last = keras.layers.Dense(n_classes, activation="softmax")
    return keras.Sequential([keras.Input(image_shape), *layers, last])


class Network:
    def __init__(self, units):
        self.units = units

    def __call__(self, image_shape, n_classes):
        return partly(image_shape, n_classes, self.units)


@pytest.mark.slow
def test_each_candidate_of_a_search_over_functions_is_trained(digits, tmp_path, monkeypatch):
    X, y = digits[0][:100], digits[1][:100]
    networks = [functools.partial(partly, units=units) for units in (4, 64)]
    networks += [Network(4), Network(64)]

    def search(**more):
        clf = make_classifier(epochs=2, **more)
        return GridSearchCV(clf, {"architecture": networks}, cv=2, refit=False).fit(X, y)

    scores = search().cv_results_["mean_test_score"]
    assert len(set(scores)) == 2
    np.testing.assert_array_equal(
        search(checkpoint_dir=tmp_path).cv_results_["mean_test_score"], scores
    )
    # In another process, or here, the same search trains nothing.
    monkeypatch.setattr(DigitBatches, "in_order", lambda self: pytest.fail("it trains"))
    again = search(checkpoint_dir=tmp_path)
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], scores)


def test_function_that_nobody_can_tell_apart_is_refused(digits, tmp_path):
    lock = threading.Lock()

    def network(image_shape, n_classes):
        with lock:
            return partly(image_shape, n_classes, 8)

    clf = make_classifier(architecture=network, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match=r"^architecture: .*a _thread\.lock.*leave checkpoint_dir"):
        clf.fit(digits[0][:40], digits[1][:40])


def test_without_a_random_state_the_drawn_seed_is_kept_until_the_end(
    digits, tmp_path, kill, monkeypatch
):
    X, y = digits[0][:150], digits[1][:150]
    parameters = {"validation_fraction": 0.2, "dropout": 0.3}
    clf = make_classifier(**parameters, random_state=None, checkpoint_dir=tmp_path)
    kill(2)
    with pytest.raises(Killed):
        clf.fit(X, y)
    (path,) = tmp_path.iterdir()
    content, _ = digitcnn._utils.array_file.read_model_file(path, form=checkpoints.FORMAT)
    kill(-1)
    clf.fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(digitcnn.training.base, "draw_seed", lambda random_state: content["seed"])
        assert_equal(clf, make_classifier(**parameters, random_state=None).fit(X, y))
    # The next fit draws again.
    assert list(tmp_path.iterdir()) == []
    other = make_classifier(**parameters, random_state=None, checkpoint_dir=tmp_path).fit(X, y)
    assert other.batch_loss_curve_ != clf.batch_loss_curve_


def test_interrupt_keeps_the_checkpoint_of_the_last_whole_epoch(digits, tmp_path, monkeypatch):
    X, y = digits[0][:150], digits[1][:150]
    whole = make_classifier(epochs=4).fit(X, y)
    in_order, left = DigitBatches.in_order, itertools.count(6, -1)

    def interrupted(self):
        for batch in in_order(self):
            if next(left) == 0:  # the first batch of the third epoch was the last
                raise KeyboardInterrupt
            yield batch

    clf = make_classifier(epochs=4, checkpoint_dir=tmp_path)
    monkeypatch.setattr(DigitBatches, "in_order", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    monkeypatch.undo()
    assert clf.n_iter_ < 4
    assert len(list(tmp_path.iterdir())) == 1
    assert_equal(clf.fit(X, y), whole)


def test_interrupt_in_the_first_batch_after_going_on_loses_no_epoch(
    digits, tmp_path, kill, monkeypatch
):
    X, y = digits[0][:150], digits[1][:150]
    clf = make_classifier(epochs=4, checkpoint_dir=tmp_path)
    kill(2)
    with pytest.raises(Killed):
        clf.fit(X, y)

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(DigitBatches, "in_order", interrupted)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        clf.fit(X, y)
    assert "up to epoch 2" in interrupt.value.__notes__[0]
    assert len(clf.batch_loss_curve_) == 2 * 3


def test_warm_start_goes_on_within_its_second_fit(digits, tmp_path, kill):
    X, y = digits[0][:150], digits[1][:150]

    def train_twice(**parameters):
        clf = make_classifier(warm_start=True, epochs=3, **parameters)
        return clf.fit(X, y).fit(X[:100], y[:100])

    whole = train_twice()
    kill(5)
    with pytest.raises(Killed):
        train_twice(checkpoint_dir=tmp_path)
    kill(-1)
    assert_equal(train_twice(checkpoint_dir=tmp_path), whole)


@pytest.mark.slow
def test_search_goes_on_behind_its_finished_fits(digits, tmp_path, kill, monkeypatch):
    X, y = digits[0][:150], digits[1][:150]
    grid = {"learning_rate": [0.001, 0.003]}

    def search(**parameters):
        clf = make_classifier(epochs=2, **parameters)
        return GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, y)

    whole = search()
    kill(5)  # within the third of five fits
    with pytest.raises(Killed):
        search(checkpoint_dir=tmp_path)
    monkeypatch.undo()
    epochs = []
    on_epoch_end = DigitBatches.on_epoch_end
    monkeypatch.setattr(
        DigitBatches, "on_epoch_end", lambda self: (epochs.append(1), on_epoch_end(self))
    )
    again = search(checkpoint_dir=tmp_path)
    assert len(epochs) == 5 * 2 - 5
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(again.cv_results_[name], whole.cv_results_[name])
    assert_equal(again.best_estimator_, whole.best_estimator_)


def test_folder_holds_a_bounded_number_of_files(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_MOST", 3)
    others = tmp_path / "notes.txt"
    others.write_text("mine")
    X, y = digits[0][:40], digits[1][:40]
    names = []
    for seed in range(5):
        make_classifier(epochs=1, random_state=seed, checkpoint_dir=tmp_path).fit(X, y)
        names.append({path.name for path in tmp_path.iterdir()} - {"notes.txt"})
    assert [len(found) for found in names] == [1, 2, 3, 3, 3]
    assert not names[0] & names[-1]
    assert others.read_text() == "mine"


@pytest.mark.slow
def test_half_written_file_of_a_killed_process_is_cleared_away(digits, tmp_path):
    X, y = digits[0][:40], digits[1][:40]
    make_classifier(epochs=1, checkpoint_dir=tmp_path).fit(X, y)
    (path,) = tmp_path.iterdir()
    path.unlink()
    code = (
        "import os, sys; from digitcnn._utils.atomic import atomic_write; "
        "atomic_write(sys.argv[1], lambda file: (file.write(b'half'), file.flush(), os._exit(9)))"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    make_classifier(epochs=1, checkpoint_dir=tmp_path).fit(X, y)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def damage_middle(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def pretend_other_version(path):
    content, arrays = digitcnn._utils.array_file.read_model_file(path, form=checkpoints.FORMAT)
    content["digitcnn"] = "0.0.9"
    digitcnn._utils.array_file.write_model_file(path, content, arrays, form=checkpoints.FORMAT)


def pretend_other_training(path):
    content, arrays = digitcnn._utils.array_file.read_model_file(path, form=checkpoints.FORMAT)
    content["training"]["learning_rate"] = 7.0
    digitcnn._utils.array_file.write_model_file(path, content, arrays, form=checkpoints.FORMAT)


def put_model_in_its_place(path):
    digitcnn._utils.array_file.write_model_file(path, {}, [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (damage_middle, "damaged or truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged or truncated"),
        (lambda path: path.write_bytes(b""), "damaged or truncated"),
        (put_model_in_its_place, "its header is not that of a digitcnn checkpoint"),
        (pretend_other_version, "written by digitcnn 0.0.9, and this is"),
        (pretend_other_training, "of another training than its name says"),
    ],
)
def test_file_that_cannot_be_trusted_is_refused_and_left(digits, tmp_path, change, says):
    X, y = digits[0][:40], digits[1][:40]
    clf = make_classifier(epochs=1, checkpoint_dir=tmp_path).fit(X, y)
    (path,) = tmp_path.iterdir()
    change(path)
    before, data = clf.predict_proba(X), path.read_bytes()
    with pytest.raises(ValueError, match=says) as error:
        clf.fit(X, y)
    assert path.name in str(error.value)
    assert path.read_bytes() == data
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_function_that_now_makes_another_network_is_refused(digits, tmp_path, kill, monkeypatch):
    X, y = digits[0][:150], digits[1][:150]

    def network(image_shape, n_classes):
        units = int(os.environ["UNITS"])  # which nothing in the function tells
        layers = [keras.layers.Flatten(), keras.layers.Dense(units), keras.layers.Dense(n_classes)]
        return keras.Sequential([keras.Input(image_shape), *layers, keras.layers.Softmax()])

    clf = make_classifier(architecture=network, checkpoint_dir=tmp_path)
    kill(1)
    monkeypatch.setenv("UNITS", "8")
    with pytest.raises(Killed):
        clf.fit(X, y)
    kill(-1)
    monkeypatch.setenv("UNITS", "9")
    with pytest.raises(ValueError, match=r"of another network: .*\(64, 8\).*\(64, 9\)"):
        clf.fit(X, y)
    monkeypatch.setenv("UNITS", "8")
    assert clf.fit(X, y).n_iter_ == 3


def test_callbacks_whose_memory_cannot_be_kept_are_refused(digits, tmp_path):
    clf = make_classifier(callbacks=[keras.callbacks.TerminateOnNaN()], checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="checkpoint_dir and callbacks do not go together"):
        clf.fit(digits[0][:40], digits[1][:40])


def test_folder_is_made_and_a_file_in_its_place_is_named(digits, tmp_path):
    X, y = digits[0][:40], digits[1][:40]
    make_classifier(epochs=1, checkpoint_dir=tmp_path / "a" / "b").fit(X, y)
    (tmp_path / "c").write_text("")
    with pytest.raises(NotADirectoryError, match=r"checkpoint_dir=.*c.* is a file, not a folder"):
        make_classifier(epochs=1, checkpoint_dir=tmp_path / "c").fit(X, y)


def test_model_file_does_not_keep_the_folder(digits, tmp_path):
    clf = make_classifier(epochs=1, checkpoint_dir=str(tmp_path / "c"))
    clf.fit(digits[0][:40], digits[1][:40]).save(tmp_path / "m.digitcnn")
    assert digitcnn.load(tmp_path / "m.digitcnn").checkpoint_dir is None


def test_digest_tells_type_shape_and_numbers_apart():
    arrays = [
        [np.zeros(4, np.uint8)],
        [np.zeros((2, 2), np.uint8)],
        [np.zeros(1, np.int32)],
        [np.array([0, 0, 0, 1], np.uint8)],
        [np.zeros(4, np.uint8), None],
        [np.array(["a", "b"])],
        [],
    ]
    assert len({digest_arrays(one) for one in arrays}) == len(arrays)
    picture = np.arange(12).reshape(3, 4)
    assert digest_arrays([picture.T]) == digest_arrays([picture.T.copy()])


def test_file_that_another_machine_took_for_a_left_over_is_no_error(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path, {"a": 1}, 0)
    progress = checkpoints.Progress(History({"loss": [1.0]}, [1.0]), [np.ones(2)], [], False)
    replace = os.replace

    def lose(own, target):
        os.unlink(own)
        return replace(own, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lose)
        with pytest.raises(FileNotFoundError):
            checkpoint.write(progress)  # nobody has written one
    checkpoint.write(progress)
    monkeypatch.setattr(os, "replace", lose)
    checkpoint.write(progress)
    assert Checkpoint(tmp_path, {"a": 1}, 0).progress.history == History({"loss": [1.0]}, [1.0])


# With processes that are really killed

TRAINING = """
import sys
import numpy as np
sys.path[:0] = [{tests!r}, {tests!r} + "/training"]
from conftest import make_classifier
from sklearn.datasets import load_digits
from test_checkpoints import SCHEDULES

X, y = load_digits(return_X_y=True)
X = np.round(X * (255 / 16)).astype(np.uint8)[:220]
state = []
for parameters in SCHEDULES.values():
    parameters = {{**parameters, **{common!r}}}
    clf = make_classifier(**parameters, checkpoint_dir={folder!r}).fit(X, y[:220])
    state += clf._trainer.network.get_state()
np.savez({out!r}, *state)
"""


def kill_again_and_again(arguments, folder, rng, kills):
    """Run a process to its end, killing it `kills` times while its folder changes."""
    for left in range(kills, -1, -1):
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if left:
            for _ in range(rng.randint(1, 4)):
                wait_for_change(folder, process)
            time.sleep(rng.uniform(0, 0.03))
            process.kill()
        out, err = process.communicate(timeout=600)
        assert process.returncode == (-signal.SIGKILL if left else 0), err
    return out, err


def wait_for_change(folder, process):
    def look():
        found = {}
        for path in Path(folder).glob("*.checkpoint"):
            found[path] = path.stat().st_mtime_ns
        return found

    before = look()
    while look() == before and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is Unix's")
def test_processes_killed_at_random_moments_end_with_the_weights_of_one_that_was_not(
    digits, tmp_path
):
    out, folder = str(tmp_path / "state.npz"), str(tmp_path / "c")
    # One network for all, so that a process compiles no more than that.
    common = {"architecture": "relu-dropout", "optimizer": "adamw", "elastic_alpha": 0.0}
    code = TRAINING.format(tests=str(TESTS), common=common, folder=folder, out=out)
    kill_again_and_again([sys.executable, "-c", code], folder, random.Random(1), kills=2)
    whole = []
    for parameters in SCHEDULES.values():
        parameters = {**parameters, **common}
        whole += (
            make_classifier(**parameters)
            .fit(digits[0][:220], digits[1][:220])
            ._trainer.network.get_state()
        )
    with np.load(out) as killed:
        assert len(killed) == len(whole)
        for mine, its in zip(whole, killed.values(), strict=True):
            np.testing.assert_array_equal(mine, its)


@pytest.mark.slow
def test_two_processes_of_one_fit_do_not_disturb_each_other(digits, tmp_path):
    folder, outs = tmp_path / "c", [tmp_path / f"{i}.npz" for i in range(2)]
    processes = []
    for out in outs:
        common = {"architecture": "relu-dropout", "optimizer": "sgd", "epochs": 8}
        arguments = {"common": common, "folder": str(folder), "out": str(out)}
        code = TRAINING.format(tests=str(TESTS), **arguments)
        with open(f"{out}.err", "w", encoding="utf-8") as errors:
            processes.append(subprocess.Popen([sys.executable, "-c", code], stderr=errors))
    while any(process.poll() is None for process in processes):
        # What a third one does that starts in the meantime.
        for path in folder.glob("*.checkpoint"):
            remove_left_over(path)
        time.sleep(0.002)
    for process, out in zip(processes, outs, strict=True):
        assert process.returncode == 0, Path(f"{out}.err").read_text(encoding="utf-8")
    with np.load(outs[0]) as one, np.load(outs[1]) as other:
        for mine, its in zip(one.values(), other.values(), strict=True):
            np.testing.assert_array_equal(mine, its)


# The command


@pytest.fixture(scope="module")
def table(digits, tmp_path_factory):
    """300 labelled digits of 8x8, as a CSV."""
    path = tmp_path_factory.mktemp("data") / "train.csv"
    header = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    rows = np.column_stack([digits[1][:300], digits[0][:300]])
    np.savetxt(path, rows, fmt="%d", delimiter=",", header=header, comments="")
    return path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is Unix's")
def test_killed_command_goes_on_and_clears_up_when_the_model_is_written(table, tmp_path):
    folder = tmp_path / "c"
    command = [sys.executable, "-m", "digitcnn", "train", str(table), "--epochs", "12", "--out"]
    # In a process of its own, where it has the same kernels.
    whole = [*command, str(tmp_path / "whole.digitcnn")]
    subprocess.run(whole, check=True, capture_output=True)
    command += [str(tmp_path / "killed.digitcnn"), "--checkpoint", str(folder)]
    _, err = kill_again_and_again(command, folder, random.Random(2), kills=1)
    assert "resuming from the checkpoint in" in err
    assert not folder.exists()
    whole, killed = (digitcnn.load(tmp_path / f"{name}.digitcnn") for name in ("whole", "killed"))
    for mine, its in zip(
        whole._trainer.network.get_weights(),
        killed._trainer.network.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, its)
    assert whole.history_ == killed.history_


def test_command_refuses_the_folder_of_another_training_and_says_what_differs(
    table, tmp_path, capsys, monkeypatch
):
    folder = tmp_path / "c"
    training = ["train", str(table), "--out", str(tmp_path / "m"), "--checkpoint", str(folder)]

    def stop(*arguments, **data):
        raise KeyboardInterrupt

    monkeypatch.setattr(digitcnn.DigitCNNClassifier, "fit", stop)
    assert main([*training, "--epochs", "3"]) == 130
    capsys.readouterr()
    assert main([*training, "--epochs", "4"]) == 2
    assert "of another training: --epochs was 3 and is 4. Give another" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["training.json"]
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    assert main(["train", str(shorter), *training[2:], "--epochs", "3"]) == 2
    assert "of another training: the data is another. Give another" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("")
    assert main([*training[:-1], str(other)]) == 2
    assert "expected an empty folder for the checkpoint" in capsys.readouterr().err


def test_folder_is_claimed_by_one_training_until_it_is_released(tmp_path):
    folder = tmp_path / "new"
    training = {"--epochs": None, "--seed": 1}
    assert claim_folder(folder, training) == 0
    assert claim_folder(folder, training) == 0
    with pytest.raises(ValueError, match=r"--seed was 1 and is 2\. Give another folder"):
        claim_folder(folder, {**training, "--seed": 2})
    with pytest.raises(NotADirectoryError, match="is a file; expected a folder"):
        claim_folder(folder / "training.json", training)
    progress = checkpoints.Progress(
        History({"loss": [1.0, 0.5]}, [1.0, 0.5]), [np.ones(2)], [], False
    )
    Checkpoint(folder, {"a": 1}, 0).write(progress)
    assert claim_folder(folder, training) == 2
    (folder / "training.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        claim_folder(folder, training)
    release_folder(folder)
    assert not folder.exists()


def test_folder_is_held_by_one_at_a_time_and_is_gone_when_nothing_is_in_it(tmp_path):
    folder = tmp_path / "deep" / "ckpt"
    for _ in range(2):
        with hold_folder(folder):
            with pytest.raises(ValueError, match="is in use by a training that is running"):
                hold_folder(folder).__enter__()
            claim_folder(folder, {"a": 1})
        assert [path.name for path in folder.iterdir()] == ["training.json"]
    with hold_folder(folder):
        release_folder(folder)
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("stops", ["killed", "left by an error"])
def test_folder_whose_holder_is_gone_is_free_again(tmp_path, stops):
    code = (
        "import sys\n"
        "from digitcnn.training.checkpoints import claim_folder, hold_folder\n"
        "with hold_folder(sys.argv[1]):\n"
        "    claim_folder(sys.argv[1], {})\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
        "    raise ValueError\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="is in use"):
            hold_folder(tmp_path).__enter__()
        if stops == "killed":
            process.kill()
        else:
            process.stdin.close()
        process.wait(timeout=60)
    assert (tmp_path / "training.lock").exists() == (stops == "killed")
    with hold_folder(tmp_path):
        assert claim_folder(tmp_path, {}) == 0


def test_folder_that_is_no_checkpoints_is_refused_and_nothing_is_put_into_it(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ValueError, match="holds 'mine'"):
        hold_folder(tmp_path).__enter__()
    with pytest.raises(NotADirectoryError, match="is a file"):
        hold_folder(tmp_path / "mine").__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.skipif(sys.platform == "win32", reason="Unix's locks")
def test_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    import errno
    import fcntl

    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    with hold_folder(tmp_path / "ckpt"), hold_folder(tmp_path / "ckpt"):
        assert (tmp_path / "ckpt").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="simulates Windows with the locks of Unix")
def test_folder_is_held_and_released_with_the_locks_of_windows(tmp_path, monkeypatch):
    import fcntl

    files, unlink = [], Path.unlink

    def lock(descriptor, mode, n_bytes):
        assert (mode, n_bytes) == (2, 1)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files.append(descriptor)

    def unlink_closed(path, missing_ok=False):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(files[-1])
        unlink(path, missing_ok=missing_ok)

    msvcrt = types.SimpleNamespace(locking=lock, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    monkeypatch.setattr(checkpoints, "_IS_WINDOWS", True)
    folder = tmp_path / "ckpt"
    with hold_folder(folder):
        with pytest.raises(ValueError, match="is in use by a training that is running"):
            hold_folder(folder).__enter__()
        monkeypatch.setattr(Path, "unlink", unlink_closed)
    assert not folder.exists()


def test_old_file_that_another_process_reads_on_windows_is_kept_for_now(tmp_path, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "The process cannot access the file", str(path))

    monkeypatch.setattr(checkpoints, "_MOST", 1)
    for number in range(3):
        (tmp_path / f"{number:032x}.checkpoint").touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        checkpoints._drop_oldest(tmp_path)
        assert len(list(tmp_path.iterdir())) == 3
    checkpoints._drop_oldest(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
