import base64
import gzip
import io
import json
import os
import re
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, TESTS
from digitcnn import DigitReader
from digitcnn._utils.array_file import read_model_file, write_model_file
from digitcnn.cli import main
from form_sheets import FORM, VALUES, draw_form
from web_servers import png, running, sheet


def problem_of(response):
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    return problem["detail"]


def test_read_answers_what_the_command_prints(client, tmp_path, capsys):
    (tmp_path / "picture").write_bytes(sheet("314 159", "26"))
    assert main(["read", "--json", str(tmp_path / "picture")]) == 0
    printed = json.loads(capsys.readouterr().out)
    printed["pages"][0]["file"] = "picture"
    answer = client.post("/api/read", content=sheet("314 159", "26"))
    assert answer.json() == printed
    assert answer.json()["pages"][0]["text"] == "314 159\n26"


TEMPLATE = {**FORM, "fields": FORM["fields"][:2]}


def test_form_with_a_template_is_read_field_by_field(client, tmp_path, capsys):
    picture = png(draw_form(TEMPLATE, VALUES, zoom=5))
    (tmp_path / "scan.png").write_bytes(picture)
    (tmp_path / "form.json").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("form.json", "scan.png")]
    assert main(["read", "--form", *paths, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    printed["pages"][0]["file"] = "scan.png"
    files = {"picture": ("scan.png", picture), "form": ("any.json", json.dumps(TEMPLATE))}
    answer = client.post("/api/read", files=files).json()
    assert answer == printed
    assert answer["pages"][0]["fields"]["id"]["text"] == VALUES["id"]
    # A field of the form does as well as a file.
    data = {"form": json.dumps(TEMPLATE)}
    assert client.post("/api/read", files={"a": ("scan.png", picture)}, data=data).json() == answer


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{", "template: expected a template in JSON"),
        ('{"size": [10, 10], "fields": [], "colour": 1}', "colour"),
        ("[" * 100_000, "template: expected"),
        ('"/etc/passwd"', "template: expected"),
    ],
)
def test_bad_template_is_told_as_the_command_tells_it(client, template, message):
    files = {"picture": ("a.png", sheet("1")), "form": ("form.json", template)}
    answer = client.post("/api/read", files=files)
    assert answer.status_code == 422
    assert message in problem_of(answer)


def test_template_needs_pictures_and_no_options(client):
    template = ("form.json", json.dumps(TEMPLATE))
    answer = client.post("/api/read", files={"form": template})
    assert "expected a picture" in problem_of(answer)
    both = {"form": template, "picture": ("a.png", sheet("1"))}
    assert "no options with a form" in problem_of(client.post("/api/read?line=1", files=both))
    twice = [("form", template), ("form", template), ("picture", ("a.png", sheet("1")))]
    assert "expected form once" in problem_of(client.post("/api/read", files=twice))
    other = client.post("/api/classify", files=both)
    assert "form.json" in problem_of(other)


@pytest.mark.parametrize("settings", [{"length": "4"}, {"pattern": "##.##|#-#"}])
def test_length_and_pattern_say_what_a_number_may_be(client, settings):
    picture = sheet("2718 31")
    page = DigitReader(**settings).read(picture)
    answer = client.post("/api/read", content=picture, params=settings).json()
    assert answer["pages"] == [{"file": "picture", "page": 1, **page.to_dict()}]
    assert page.text not in ("", "2718 31")


def test_what_is_too_unsure_for_an_error_rate_is_named(client, tmp_path, capsys):
    picture = sheet("2718 31")
    (tmp_path / "picture").write_bytes(picture)
    assert main(["read", "--json", "--max-error", "0.0001", str(tmp_path / "picture")]) == 0
    printed = json.loads(capsys.readouterr().out)
    printed["pages"][0]["file"] = "picture"
    answer = client.post("/api/read?max_error=0.0001", content=picture).json()
    assert answer == printed
    assert "masked" in answer["pages"][0]


@pytest.mark.parametrize(
    "query",
    [
        "max_error=0",
        "max_error=nan",
        "max_error=x",
        "length=0",
        "length=x",
        "pattern=.",
        f"pattern={'%23' * 101}",
    ],
)
def test_bad_length_or_pattern_is_refused(client, query):
    answer = client.post(f"/api/read?{query}", content=sheet("12"))
    assert answer.status_code == 422
    assert problem_of(answer).startswith("expected")


@pytest.mark.parametrize(("option", "layout"), [("line", "line"), ("single=true", "single")])
def test_line_and_single_say_what_the_picture_shows(client, option, layout):
    picture = sheet("4")
    page = DigitReader(layout=layout).read(picture)
    (answer,) = client.post(f"/api/read?{option}", content=picture).json()["pages"]
    assert answer == {"file": "picture", "page": 1, **page.to_dict()}


def test_form_may_hold_several_pictures(client):
    files = [
        ("any", ('first "one".png', sheet("271"))),
        ("any", ("zwei-ü.png", sheet("828"))),
    ]
    pages = client.post("/api/read", files=files).json()["pages"]
    assert [(page["file"], page["text"]) for page in pages] == [
        ('first "one".png', "271"),
        ("zwei-ü.png", "828"),
    ]


def pdf(*pictures):
    """A document with a picture on each page."""
    first, *others = (Image.open(io.BytesIO(one)).convert("L") for one in pictures)
    file = io.BytesIO()
    first.save(file, format="PDF", save_all=True, append_images=others, resolution=150)
    return file.getvalue()


def test_document_has_pages(client):
    content = pdf(sheet("271"), sheet("828", "18"))
    pages = client.post("/api/read", content=content).json()["pages"]
    assert [(page["page"], page["text"]) for page in pages] == [(1, "271"), (2, "828\n18")]


def test_document_of_too_many_pages_is_refused():
    with running(limits={"pictures": 2}) as served:
        answer = served.client.post("/api/read", content=pdf(*[sheet("1")] * 3))
    assert answer.status_code == 413
    assert "at most 2 pages" in problem_of(answer)


def test_document_is_read_no_longer_than_a_request_may_take():
    content = pdf(*[sheet("1")] * 100)
    with running(limits={"seconds": 0.2, "threads": 1}) as served:
        assert served.client.post("/api/read", content=content).status_code == 503
        start = time.monotonic()
        while served.client.get("/healthz").status_code != 200:
            assert time.monotonic() - start < 20


def test_picture_without_numbers_has_no_lines(client):
    answer = client.post("/api/read", content=png(np.full((60, 60), 255, np.uint8)))
    assert answer.json()["pages"][0]["lines"] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty body"),
        (b"no picture", "expected PNG, JPEG"),
        (b"\x89PNG\r\n\x1a\nbroken", "damaged"),
        (sheet("12")[:300], "damaged"),
    ],
)
def test_bad_picture_is_refused_in_the_commands_words(client, content, message):
    answer = client.post("/api/read", content=content)
    assert answer.status_code == 422
    assert message in problem_of(answer)


def test_bad_picture_among_several_is_named(client):
    files = [("a", ("good.png", sheet("1"))), ("b", ("bad.png", b"\x89PNG\r\n\x1a\n"))]
    assert problem_of(client.post("/api/read", files=files)).startswith("bad.png: ")


def test_picture_of_too_many_pixels_is_refused_by_its_header(client):
    small = sheet("1")
    head = b"IHDR" + struct.pack(">II", 100_000, 100_000) + small[24:29]
    bomb = small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]
    answer = client.post("/api/read", content=bomb)
    assert answer.status_code == 422
    assert "expected an image of at most" in problem_of(answer)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("lines", "expected one of line, single"),
        ("line=maybe", "expected true or false"),
        ("line&single", "got both"),
        ("line&line", "expected line once"),
        (f"length={'1' * 1001}", "expected at most 1,000 characters, got 1,001"),
    ],
)
def test_mistake_in_the_query_is_told(client, query, message):
    answer = client.post(f"/api/read?{query}", content=sheet("1"))
    assert answer.status_code == 422
    assert message in problem_of(answer)


def test_flag_that_is_false_is_none(client):
    answers = [client.post(f"/api/read{q}", content=sheet("12")) for q in ("", "?line=false")]
    assert answers[0].json() == answers[1].json()


def test_digits_are_classified_as_files_and_as_arrays(client, glyph):
    files = [("digit", (f"{i}.png", png(one))) for i, one in enumerate(glyph)]
    nested = [one.tolist() for one in glyph]
    flat = [one.ravel().tolist() for one in glyph]
    answers = [
        client.post("/api/classify", files=files),
        client.post("/api/classify", json={"images": nested}),
        client.post("/api/classify", json={"images": flat}),
    ]
    for answer in answers:
        found = answer.json()["answers"]
        assert [one["label"] for one in found] == list("0123456789")
        for one in found:
            assert one["confidence"] == max(one["probabilities"].values())
            assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert answers[1].json() == answers[2].json()


@pytest.mark.parametrize("shape", [(28, 28), (784,)])
def test_one_array_is_one_digit(client, glyph, shape):
    images = glyph[7].reshape(shape).tolist()
    (answer,) = client.post("/api/classify", json={"images": images}).json()["answers"]
    assert answer["label"] == "7"


def test_pixels_are_what_the_network_was_given(client, glyph):
    drawn = 255 - np.kron(glyph[4], np.ones((6, 6), np.uint8))
    (seen,) = client.post("/api/classify?pixels", content=png(drawn)).json()["answers"]
    (again,) = client.post("/api/classify", json={"images": seen["pixels"]}).json()["answers"]
    assert np.reshape(seen.pop("pixels"), (28, 28)).max() == 255
    assert again == seen


def test_picture_without_a_digit_has_no_label(client):
    answer = client.post("/api/classify", content=png(np.full((60, 60), 255, np.uint8)))
    assert answer.json()["answers"] == [{"label": None, "confidence": 0.0, "probabilities": {}}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"images": [[NaN]]}', "got NaN"),
        ('{"images": [-Infinity]}', "got -Infinity"),
        ('{"images": ' + str([[1e300] * 784]).replace("1e+300", "1e999") + "}", "infinite"),
        ("[" * 200_000, "nested too deeply"),
        ('{"images": ' + "[" * 200 + "]" * 200 + "}", "expected images of 28 x 28"),
        ('{"images": [[1, 2], [3]]}', "different lengths"),
        ('{"images": [["7"]]}', "got other values"),
        ('{"images": [[true]]}', "got other values"),
        ('{"images": [[' + "9" * 5000 + "]]}", "expected JSON"),
        ('{"images": [[' + "9" * 400 + "]]}", "got other values"),
        ('{"images": []}', "got none"),
        ('{"images": [[1, 2, 3]]}', "got an array of shape (1, 3)"),
        ('{"images": [], "more": 1}', "got 'images', 'more'"),
        ("[]", "got no object"),
        ("{", "expected JSON"),
        (b"\xff\xfe\xff", "expected JSON"),
        (json.dumps({"images": [[0.5] * 784]}), "0..255"),
    ],
)
def test_bad_array_is_refused(client, body, message):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/classify", content=body, headers=headers)
    assert answer.status_code == 422
    assert message in problem_of(answer)


def test_model_is_described(client, served):
    found = client.get("/api/model").json()
    assert found["model"] == "pretrained"
    assert found["classes"] == list("0123456789")
    assert found["measured"][0]["accuracy"] > 0.99
    assert found["collects"] is True


@pytest.fixture(scope="module")
def own_model(tmp_path_factory):
    """A model of 8 x 8 pixels that was calibrated on digits held out."""
    path = tmp_path_factory.mktemp("model") / "mine.digitcnn"
    path.write_bytes(gzip.decompress((TESTS / "data" / "model_v1.digitcnn.gz").read_bytes()))
    content, arrays = read_model_file(path)
    # Its classes are "d0" to "d9".
    (member,) = content["members"]
    for name, value in member["fitted"].items():
        member["fitted"][name] = json.loads(re.sub(r'"d(\d)"', r'"\1"', json.dumps(value)))
    member["parameters"]["class_weight"] = None
    write_model_file(path, content, arrays)
    return path


def test_model_of_ones_own_is_named_without_its_folder(own_model, digits):
    X, y = digits
    with running(model=str(own_model)) as served:
        found = served.client.get("/api/model").json()
        images = X[:50].astype(int).tolist()
        answers = served.client.post("/api/classify", json={"images": images}).json()["answers"]
    assert str(own_model.parent) not in json.dumps(found)
    assert found["model"] == "mine.digitcnn"
    assert found["image_shape"] == "8 x 8 x 1"
    assert found["thresholds"][0]["target_error_rate"] == 0.05
    assert 0.5 < found["thresholds"][0]["answered"] <= 1
    labels = [one["label"] for one in answers]
    assert np.mean([label == str(truth) for label, truth in zip(labels, y, strict=False)]) > 0.9


def correction(label, pixels):
    return {"label": label, "pixels": base64.b64encode(pixels.tobytes()).decode()}


def test_correction_becomes_an_image_in_the_folder_of_its_class(client, collected, glyph):
    answers = [client.post("/api/corrections", json=correction("7", glyph[7])) for _ in range(2)]
    kept = collected / answers[0].json()["kept"]
    assert kept.parent == collected / "7"
    assert (np.asarray(Image.open(kept)) == glyph[7]).all()
    assert answers[0].json() == answers[1].json()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize(
    "change",
    [
        {"label": "../7"},
        {"label": "/"},
        {"label": ".."},
        {"label": "77"},
        {"label": ""},
        {"label": "é"},
        {"label": "7\n"},
        {"label": 7},
        {"label": None},
        {"pixels": "AAAA"},
        {"pixels": "not base64"},
        {"pixels": 3},
        {"name": "../evil.png"},
    ],
)
def test_correction_that_is_none_leaves_no_file(client, collected, glyph, change):
    before = sorted(collected.rglob("*")), sorted(collected.parent.iterdir())
    answer = client.post("/api/corrections", json={**correction("7", glyph[1]), **change})
    assert answer.status_code == 422
    assert "expected" in problem_of(answer)
    assert (sorted(collected.rglob("*")), sorted(collected.parent.iterdir())) == before


def test_label_whose_folder_is_another_labels_is_refused(tmp_path, glyph, monkeypatch):
    class Folded(type(tmp_path)):
        """A path on a file system that does not distinguish a from A."""

        def __truediv__(self, name):
            return super().__truediv__(name.lower())

    monkeypatch.setattr("digitcnn.web.corrections.Path", Folded)
    with running(collect=str(tmp_path)) as served:
        answers = [
            served.client.post("/api/corrections", json=correction(label, glyph[i]))
            for label, i in (("a", 1), ("A", 1), ("A", 2), ("a", 3))
        ]
    assert [answer.status_code for answer in answers] == [200, 422, 422, 200]
    assert "expected no label 'A' beside 'a'" in problem_of(answers[1])
    assert len(list(tmp_path.rglob("*.png"))) == 2


def test_labels_that_differ_in_case_have_folders_of_their_own(tmp_path, glyph):
    if os.path.exists(str(tmp_path).swapcase()):
        pytest.skip("this file system does not distinguish them")
    with running(collect=str(tmp_path)) as served:
        for label in "aA":
            served.client.post("/api/corrections", json=correction(label, glyph[1]))
    assert sorted(path.parent.name for path in tmp_path.rglob("*.png")) == ["A", "a"]


def test_corrections_are_bounded(tmp_path, glyph):
    with running(collect=str(tmp_path), limits={"collected": 1}) as served:
        first, second = (
            served.client.post("/api/corrections", json=correction(str(i), glyph[i]))
            for i in (1, 2)
        )
    assert first.status_code == 200
    assert second.status_code == 507
    assert "got one more" in problem_of(second)
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_server_without_a_folder_keeps_nothing(glyph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with running() as served:
        answer = served.client.post("/api/corrections", json=correction("7", glyph[7]))
        assert served.client.get("/api/model").json()["collects"] is False
        served.client.post("/api/read", content=sheet("12"))
    assert answer.status_code == 404
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/api/read", 405), ("GET", "/..%2fapp.py", 404)],
)
def test_what_is_not_there_is_a_problem_too(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert problem_of(answer)


def test_bug_is_told_without_what_was_read(client, served, monkeypatch, capfd):
    def fail(*_):
        raise KeyError("secret 4711")

    monkeypatch.setattr("digitcnn.web.answers.DigitReader.read_pages", fail)
    answer = client.post("/api/read", content=sheet("12"))
    assert answer.status_code == 500
    assert "4711" not in answer.text
    said = capfd.readouterr().err
    assert "KeyError in test_api.py" in said
    assert "4711" not in said


def test_figures_of_the_model_are_those_of_its_card(client):
    card = (ROOT / "docs" / "model_card.rst").read_text(encoding="utf-8")
    for row in client.get("/api/model").json()["measured"]:
        accuracy = "-" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        cells = (row["pictures"], f"{row['number']:,}", accuracy, f"{row['confident']:.2%}")
        assert "\n     - ".join(cells) in card
