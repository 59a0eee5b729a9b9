"""What ``digitcnn info`` prints of a model."""

import json
import subprocess
import sys

import numpy as np
import pytest

from conftest import make_classifier
from digitcnn.cli import main


@pytest.fixture(scope="module")
def model_file(digits, tmp_path_factory):
    clf = make_classifier(epochs=1, dropout=0.25).fit(digits[0][:64], digits[1][:64])
    path = tmp_path_factory.mktemp("info") / "m.digitcnn"
    clf.save(path)
    return clf, path


def test_layers_are_those_of_the_keras_model(model_file, capsys):
    clf, path = model_file
    assert main(["info", str(path), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    kerass = [
        (type(layer).__name__, list(layer.output.shape[1:]), layer.count_params())
        for layer in clf.model_.layers
    ]
    found = [
        (one["layer"].partition("(")[0], one["output_shape"], one["weights"])
        for one in described["layers"]
    ]
    assert found == kerass
    assert described["weights"] == sum(one["weights"] for one in described["layers"])
    assert {one["layer"] for one in described["layers"] if "Dropout" in one["layer"]} == {
        "Dropout(rate=0.25)"
    }


def test_layers_are_printed_as_a_table(model_file, capsys):
    assert main(["info", str(model_file[1])]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(
        i for i, line in enumerate(lines) if line.split() == ["layer", "output", "weights"]
    )
    assert lines[start + 1].startswith("Conv2D(filters=32, kernel_size=3, activation='relu')")
    assert lines[start + 1].endswith("6 x 6 x 32      320")
    assert len({len(line) for line in lines[start:]}) == 1


@pytest.mark.slow
def test_one_class_alone_is_described_with_its_two_outputs(digits, tmp_path, capsys):
    clf = make_classifier(epochs=1).fit(digits[0][:20], np.zeros(20, int))
    clf.save(tmp_path / "m.digitcnn")
    assert main(["info", str(tmp_path / "m.digitcnn"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][-1]["output_shape"] == [2]


@pytest.mark.slow
def test_describing_a_model_loads_no_keras(model_file):
    code = (
        "import sys; from digitcnn.cli import main; assert main(['info', sys.argv[1]]) == 0\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model_file[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
