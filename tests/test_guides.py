"""README and the guides show code and commands that run.

All Python blocks of a page run one after the other, in a folder with the files that they name, and
so do the lines that call ``digitcnn``. A block that cannot run here says why in a comment in front
of it, ``.. not run: ...`` (in README ``<!-- not run: ... -->``); it has to compile all the same.
One that needs a package, or a later version, has ``.. needs NAME`` or ``.. needs NAME VERSION``.

Every training takes one epoch and at most 128 images: that the code runs is tested here, not what
it reaches.
"""

import ast
import copy
import json
import re
import shlex
import shutil
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from PIL import Image

import digitcnn
from digitcnn.cli import main
from digitcnn.cli._arguments import as_options, make_parser
from digitcnn.datasets import load_sample_digits
from form_sheets import FORM, VALUES, draw_form
from number_sheets import compose, on_paper

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.rst" for name in ("index", "getting_started", "how_do_i")),
    *sorted((ROOT / "docs" / "guide").glob("*.rst")),
]
LONGEST_LINE = 88  # characters of code that a page of 1,300 pixels shows
MOST_IMAGES = 128
FENCE = re.compile(r"(<!-- .*? -->\n\n?)?```(\w*)\n(.*?)```", re.DOTALL)
DIRECTIVE = re.compile(
    r"^( *)\.\. code-block:: (\w+)\n(?:\1   :.*\n)*((?:\n|\1   .*\n)+)", re.MULTILINE
)
COMMENT = re.compile(r"^ *(?:\.\.|<!--) ((?:not run: |needs ).+?)(?: -->)?\s*\Z", re.M | re.DOTALL)


class Block(NamedTuple):
    """A block of code: its language, its text, its line on the page, the comment in front."""

    language: str
    text: str
    line: int
    comment: str


def blocks_of(path):
    page = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        for found in FENCE.finditer(page):
            comment, language, text = found.groups()
            line = page.count("\n", 0, found.start(3)) + 1
            yield Block(language or "console", text, line, comment_of(comment or ""))
        return
    for found in DIRECTIVE.finditer(page):
        line = page.count("\n", 0, found.start(3)) + 1
        before = page[: found.start()].rpartition("\n\n" + found[1] + "..")
        comment = ".." + before[2] if before[1] else ""
        yield Block(found[2], textwrap.dedent(found[3]), line, comment_of(comment))


def comment_of(text):
    found = COMMENT.match(text)
    return " ".join(found[1].split()) if found else ""


def is_left_out(comment):
    """Whether a comment says that its block cannot run, here at least."""
    if not comment.startswith("needs "):
        return bool(comment)
    name, _, least = comment.removeprefix("needs ").partition(" ")
    try:
        installed = version(name)
    except PackageNotFoundError:
        return True
    return numbers(installed) < numbers(least)


def numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)[:2]]


def commands_in(block):
    """The arguments of each call of ``digitcnn``, in lines with a prompt if there are any."""
    lines = block.text.replace("\\\n", "").splitlines()
    typed = [line[2:] for line in lines if line.startswith("$ ")] or lines
    for line in typed:
        for call in line.split(" && "):
            name, *arguments = shlex.split(call, comments=True) or [""]
            if name == "digitcnn":
                yield arguments


@pytest.fixture(scope="module")
def short_trainings():
    with pytest.MonkeyPatch.context() as patch:
        import digitcnn.training.base as base
        from digitcnn.training.data import TrainingData

        resolve, hold_out = base.resolve_auto, TrainingData.hold_out

        def one_epoch(parameters, **options):
            return {**resolve(parameters, **options), "epochs": 1}

        def few(self, fraction, seed):
            divided = hold_out(self, fraction, seed)
            return divided._replace(rows=divided.rows[:MOST_IMAGES])

        patch.setattr(base, "resolve_auto", one_epoch)
        patch.setattr(TrainingData, "hold_out", few)
        yield


@pytest.fixture(scope="module")
def trained(short_trainings):
    X, y = load_sample_digits()
    return digitcnn.DigitCNNClassifier(validation_fraction=0.5, random_state=0).fit(
        X[:256], y[:256]
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory, trained):
    """A folder with the files that the pages name."""
    folder = tmp_path_factory.mktemp("files")
    X, y = load_sample_digits()
    table = pd.DataFrame(X[:1100], columns=[f"pixel{i}" for i in range(X.shape[1])])
    table[:100].to_csv(folder / "test.csv", index=False)
    table.insert(0, "label", y[:1100])
    table.to_csv(folder / "train.csv", index=False)
    for name in ("labelled", "other", "today", "part-1", "part-2", "digits-1"):
        table[:100].to_csv(folder / f"{name}.csv", index=False)
    digits = [Image.fromarray(255 - picture) for picture in X[:30].reshape(-1, 28, 28)]
    for i, digit in enumerate(digits):
        for place in ("digits", "mine", "others"):
            path = folder / place / str(y[i]) / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            digit.save(path)
    (folder / "crops").mkdir()
    for name in ("photo.jpg", "new.jpg", "crops/1.png", "crops/2.png"):
        digits[7].resize((84, 84)).save(folder / name)
    page = Image.fromarray(on_paper(compose(["12345 678", "90210"], zoom=2)))
    page.save(folder / "page.jpg")
    page.save(folder / "scans.pdf", save_all=True, append_images=[page])
    sheet = Image.fromarray(draw_form(FORM, VALUES))
    (folder / "scans").mkdir()
    for name in ("scan.jpg", "scans/1.jpg", "scans/2.jpg"):
        sheet.save(folder / name)
    for name in ("form.json", "template.json"):
        (folder / name).write_text(json.dumps(FORM), encoding="utf-8")
    for name in ("m", "mine"):
        trained.save(folder / f"{name}.digitcnn")
    return folder


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """The current folder, with files of its own for a page."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def names(trained):
    """What a page does not have to repeat: images and labels, and a fitted classifier."""
    X, y = load_sample_digits()
    return {
        "np": np,
        "pd": pd,
        "digitcnn": digitcnn,
        "DigitCNNClassifier": digitcnn.DigitCNNClassifier,
        "clf": copy.deepcopy(trained),
        "X": X[:256],
        "y": y[:256],
        "X_train": X[:256],
        "y_train": y[:256],
        "X_val": X[256:356],
        "y_val": y[256:356],
        "X_test": X[400:500],
        "y_test": y[400:500],
    }


@pytest.fixture
def surroundings():
    """No windows of matplotlib, workers in this process, and scikit-learn configured as before."""
    from matplotlib import pyplot

    before = pyplot.get_backend()
    pyplot.switch_backend("Agg")
    with sklearn.config_context(), joblib.parallel_config(backend="threading"):
        yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the network has not learned")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_code_and_commands_of_a_page_run(path, folder, names, surroundings):
    for block in blocks_of(path):
        where = f"{path}:{block.line}"
        if block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, path, "exec")
            if not is_left_out(block.comment):
                exec(code, names)
        elif block.language in ("console", "bash"):
            for arguments in commands_in(block):
                if is_left_out(block.comment) or arguments[0] == "serve":
                    make_parser().parse_args(as_options(arguments))
                else:
                    assert run(arguments) == 0, f"{where}: digitcnn {shlex.join(arguments)}"


def run(arguments):
    try:
        return main(arguments)
    except SystemExit as end:  # --version and --help
        return end.code


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_code_of_a_page_fits_its_width(path):
    long = [
        f"{path}:{block.line + i}"
        for block in blocks_of(path)
        for i, line in enumerate(block.text.splitlines())
        if len(line) > LONGEST_LINE
    ]
    assert not long


def test_each_guide_is_reached_from_the_page_that_lists_them():
    text = (ROOT / "docs" / "how_do_i.rst").read_text(encoding="utf-8")
    guides = {path.stem for path in PAGES if path.parent.name == "guide"} - {"index"}
    assert guides <= set(re.findall(r"guide/(\w+)", text))


def test_the_table_of_extras_has_all_of_them():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs" / "getting_started.rst").read_text(encoding="utf-8")
    rows = re.findall(r"^   \* - (``.+``)$", page, re.MULTILINE)
    named = re.findall(r"\w+", " ".join(rows))
    assert sorted(named) == sorted(project["optional-dependencies"])


def messages_quoted(page):
    """The messages that the page of errors explains, without what differs from case to case."""
    for line in page.splitlines():
        if re.match(r'"|\*.*\*, or "', line):
            for quote in re.findall(r'"([^"]+)"', line):
                parts = re.split(r"\.\.\.+", quote.replace("\\", ""))
                yield quote, [part for part in (p.strip(" ,;:") for p in parts) if part]


def test_the_messages_that_the_guide_explains_are_those_of_the_package():
    texts = [
        node.value
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    package = "\n".join(texts)
    page = (ROOT / "docs" / "guide" / "errors.rst").read_text(encoding="utf-8")
    quoted = dict(messages_quoted(page))
    assert len(quoted) > 30
    unknown = [quote for quote, parts in quoted.items() if not all(p in package for p in parts)]
    assert not unknown
