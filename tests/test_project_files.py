"""What a hosting service would read: it is checked as far as it can be without one."""

import configparser
import csv
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import digitcnn

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="not in a clone of the repository")


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def load_toml(name):
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


def environments():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    found = set(re.split(r",\s*", parser["tox"]["env_list"]))
    for section in parser.sections():
        name = section.removeprefix("testenv:")
        if name != section:
            braces = re.fullmatch(r"\{(.*)\}", name)
            found |= set(braces[1].split(",")) if braces else {name}
    return found


def load_script(name):
    path = ROOT / ".ci" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contents():
    """The script that `tox -e release` checks the wheel and the sdist with."""
    return load_script("check_distributions")


@pytest.fixture(scope="module")
def prose():
    """The script that `tox -e lint` checks the prose with."""
    return load_script("check_prose")


def values_of(job, name):
    """What an expression such as matrix.env may be in a job."""
    matrix = job.get("strategy", {}).get("matrix", {})
    included = [entry[name] for entry in matrix.get("include", []) if name in entry]
    return [*matrix.get(name, []), *included]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_tox_has(path):
    known = environments()
    jobs = load(path)["jobs"]
    commands = 0
    for job in jobs.values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            if "run" not in step:
                assert re.fullmatch(r"[\w./-]+@(v\d+|release/v1)", step["uses"])
                continue
            commands += 1
            if step["run"] == "python -m pip install tox tox-uv":
                continue
            (named,) = re.fullmatch(r"tox -e (.+)", step["run"]).groups()
            expression = re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", named)
            named = values_of(job, expression[1]) if expression else [named]
            assert named
            assert set(named) <= known
    assert commands


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_write_nothing_but_what_they_publish(path):
    flow = load(path)
    assert flow["permissions"] == {"contents": "read"}
    for name, job in flow["jobs"].items():
        expected = {"id-token": "write"} if name == "publish" else None
        assert job.get("permissions") == expected


def test_tests_run_on_the_pythons_that_are_named_as_supported():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pythons = {f"py3{minor}" for minor in re.findall(r"Python :: 3\.(\d+)", text)}
    job = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]
    assert set(job["strategy"]["matrix"]["env"]) == pythons
    assert {os.partition("-")[0] for os in job["strategy"]["matrix"]["os"]} == {
        "ubuntu",
        "macos",
        "windows",
    }


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")),
    ids=lambda path: path.name,
)
def test_issue_forms_have_what_a_form_needs(path):
    form = load(path)
    assert form["name"]
    assert form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len(ids) == len(set(ids))
    for part in form["body"]:
        assert part["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"]["label"]


def test_citation_names_the_version_that_is_released():
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == re.match(r"\d+\.\d+\.\d+", digitcnn.__version__)[0]
    assert citation["license"] == "BSD-3-Clause"
    assert {"cff-version", "title", "message", "authors"} <= set(citation)


def test_documentation_is_built_from_its_extra():
    config = load(ROOT / ".readthedocs.yaml")
    (install,) = config["python"]["install"]
    assert install["extra_requirements"] == ["docs"]
    assert (ROOT / config["sphinx"]["configuration"]).is_file()


def test_each_benchmark_is_on_the_page_of_benchmarks():
    folder = ROOT / "benchmarks"
    pages = [(folder / name).read_text(encoding="utf-8") for name in ("README.md", "ARCHIVE.md")]
    scripts = [path.name for path in folder.glob("[a-z]*.py")]
    assert scripts
    assert [name for name in scripts if name not in "".join(pages)] == []


def test_licences_of_all_sources_are_shipped():
    project = load_toml("pyproject.toml")
    assert project["project"]["license-files"] == ["LICENSE", "THIRD_PARTY_LICENSES.txt"]
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"LICENSE", "THIRD_PARTY_LICENSES.txt"} <= set(included)
    text = (ROOT / "THIRD_PARTY_LICENSES.txt").read_text(encoding="utf-8")
    for licence in ("CC BY-SA 3.0", "CC BY 4.0", "SIL Open Font License 1.1"):
        assert licence in text
    fonts = ROOT / "benchmarks" / "pretrained" / "fonts.csv"
    with fonts.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"the {len(rows)} fonts below" in text
    for row in rows:
        assert row["licence"] == "OFL-1.1"
        assert f"\n{row['name']} {row['version']}\n" in text
        # The record repeats the notice of each file of a font.
        for notice in re.split(r"\s+\S+\.(?:ttf|otf): ", row["attribution"]):
            assert f"\n    {notice.strip()}\n" in text


def test_all_files_of_the_package_are_meant_to_be_published(contents):
    package = contents.list_package(ROOT)
    metadata = ["METADATA", "RECORD", "WHEEL", "entry_points.txt"]
    metadata += [f"licenses/{name}" for name in contents.LICENCES]
    wheel = dict.fromkeys([*package, *(f"digitcnn-1.dist-info/{name}" for name in metadata)], 1)
    assert "digitcnn/pretrained/strings.onnx" in wheel
    assert contents.find_faults(wheel, contents.WHEEL, [*package, *contents.WHEEL[:1]]) == []


def test_all_files_of_the_sdist_are_meant_to_be_published(contents):
    project = load_toml("pyproject.toml")
    target = project["tool"]["hatch"]["build"]["targets"]["sdist"]
    built = [*(ROOT / name for name in target["exclude"]), ROOT / "docs" / "_static" / "drawing"]
    files = [
        path
        for name in target["include"]
        for path in [ROOT / name, *(ROOT / name).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
        if not any(path.is_relative_to(folder) for folder in built)
    ]
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in files}
    sizes |= dict.fromkeys([".gitignore", "PKG-INFO", "pyproject.toml"], 1)  # of the builder
    assert contents.find_faults(sizes, contents.SDIST, contents.named(contents.SDIST)) == []


def test_distribution_with_other_files_is_refused(contents):
    stray = {"digitcnn/py.typed": 0, "digitcnn/pretrained/train.npz": 9, "digitcnn/cli/a.py": 0}
    assert contents.find_faults(stray, contents.PACKAGE, ["digitcnn/pretrained/*.onnx"]) == [
        "digitcnn/pretrained/train.npz: not meant to be published",
        "digitcnn/cli/a.py: empty",
        "digitcnn/pretrained/*.onnx: missing",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Wanted is a number.", "'Wanted is': write expected, or needed"),
        ("It costs so many times the time.", "'so many times'"),
        ("The pictures, e.g. scans, are read.", "'e.g.': write for example"),
        ("The the picture is read.", None),
        ("It reads the the picture.", "'the the': write one of the two"),
        ("Rows, array-like like X, are what `wants` is about, and ``so many of``.", None),
        ("One " + "two three " * 20 + ".", "a sentence of 41 words"),
        ("One two " * 15 + "three. " + "One two " * 15, None),
    ],
)
def test_prose_breaks_the_rules_that_it_is_told_of(prose, text, found):
    faults = prose.check(text)
    assert len(faults) == (found is not None)
    assert all(fault.startswith(found) for fault in faults)


PYTHON = '''"""It wants a name."""
x = "wants"  # what the caller wants
# So many
# images
def f():
    """A function.

    Parameters
    ----------
    a : int
        Numbers, etc.

    Examples
    --------
    >>> wants()
    wants

    That is all it wants.
    """
    raise ValueError(f"{x} is wanted")
'''
RST = """It wants
a title
=======

.. code-block:: python

   wants = 1

After the code it wants a line, as::

   wants

- an item that
  wants more
"""


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [("a.py", PYTHON, [1, 2, 3, 11, 18, 20]), ("a.rst", RST, [1, 9, 13])],
)
def test_prose_is_told_from_code(prose, tmp_path, name, text, lines):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = [line for line, part in prose.read_paragraphs(tmp_path / name) if prose.check(part)]
    assert sorted(found) == lines
