"""What a hosting service would read: it is checked as far as it can be without one."""

import configparser
import re
from pathlib import Path

import pytest

import digitcnn

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="not in a clone of the repository")


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


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
        wanted = {"id-token": "write"} if name == "publish" else None
        assert job.get("permissions") == wanted


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
