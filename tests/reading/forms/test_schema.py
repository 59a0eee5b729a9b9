import copy
import json
import random
import re

import pytest

from digitcnn.reading.forms.schema import load_template
from form_sheets import FORM


def changed(path, value):
    """The form with something else at a place, as ("fields", 0, "box")."""
    form = copy.deepcopy(FORM)
    *way, last = path
    place = form
    for step in way:
        place = place[step]
    place[last] = value
    return form


def field(**more):
    return {"size": [100, 100], "fields": [{"name": "a", "box": [5, 5, 50, 10], **more}]}


def test_template_is_the_same_from_a_file_and_from_a_dictionary(tmp_path):
    path = tmp_path / "form.json"
    path.write_text(json.dumps(FORM), encoding="utf-8")
    template = load_template(path)
    assert template == load_template(str(path)) == load_template(FORM)
    assert load_template(template) is template
    assert [one.kind for one in template.fields] == ["boxes", "number", "digits", "boxes", "grid"]
    assert template.fields[0].columns == 8
    assert template.fields[4].columns_of_csv[:9:8] == ["marks[1,1]", "marks[2,1]"]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("size",), [100], "size"),
        (("size",), [100, float("inf")], "size"),
        (("size",), [0, 10], "size"),
        (("size",), [1, 1000], "size"),
        (("size",), "A4", "size"),
        (("size",), [10**400, 10**400], "size"),
        (("version",), 2, "version"),
        (("version",), 10**40, "version"),
        (("name",), 5, "name"),
        (("anchors", "marks"), [[8, 8]] * 3, "anchors.marks"),
        (("version",), True, "version"),
        (("colour",), "red", "the template with no other keys"),
        (("anchors",), [], "anchors"),
        (("anchors",), {}, "anchors"),
        (("anchors",), {"frame": [0, 0, 5, 5], "mark_size": 3}, "anchors.mark_size"),
        (("anchors",), {"frame": [0, 0, 500, 5]}, "anchors.frame"),
        (("anchors", "mark_size"), 0, "anchors.mark_size"),
        (("anchors", "mark_size"), 90, "anchors.mark_size"),
        (("anchors", "marks"), [[1, 1]] * 4, "anchors.marks"),
        (("anchors", "marks", 1), [142, 999], "anchors.marks[1]"),
        (("anchors", "marks"), [[8, 8], [8, 192], [142, 192], [142, 8]], "anchors.marks"),
        (("fields",), [], "fields"),
        (("fields",), {"id": {}}, "fields"),
        (("fields", 1), "total", "fields[1]"),
        (("fields", 1, "name"), "", "fields[1].name"),
        (("fields", 1, "name"), "=1+1", "fields[1].name"),
        (("fields", 1, "name"), "a\nb", "fields[1].name"),
        (("fields", 1, "name"), "x" * 65, "fields[1].name"),
        (("fields", 1, "name"), "id", "fields[1].name"),
        (("fields", 1, "name"), "id confidence", "fields[1].name"),
        (("fields", 1, "name"), "file", "fields[1].name"),
        (("fields", 1, "kind"), "text", "fields[1].kind"),
        (("fields", 1, "kind"), ["digits"], "fields[1].kind"),
        (("fields", 1, "box"), [25, 45, 50], "fields[1].box"),
        (("fields", 1, "box"), [25, 45, -50, 11], "fields[1].box"),
        (("fields", 1, "box"), [125, 45, 50, 11], "fields[1].box"),
        (("fields", 1, "box"), [True, 45, 50, 11], "fields[1].box"),
        (("fields", 1, "box"), ["25", 45, 50, 11], "fields[1].box"),
        (("fields", 1, "decimals"), 1.5, "fields[1].decimals"),
        (("fields", 1, "pattern"), "##", "fields[1].pattern"),
        (("fields", 0, "length"), 0, "fields[0].length"),
        (("fields", 0, "length"), None, "fields[0].length"),
        (("fields", 0, "check"), "crc", "fields[0]: expected check"),
        (("fields", 0, "check"), ["luhn"], "fields[0].check"),
        (("fields", 0, "lexicon"), [], "fields[0].lexicon"),
        (("fields", 0, "lexicon"), "words.txt", "fields[0].lexicon"),
        (("fields", 0, "lexicon"), ["12", 5], "fields[0]"),
        (("fields", 0, "lexicon"), ["1"] * 10_001, "fields[0].lexicon"),
        (("fields", 2, "pattern"), "no digit", "fields[2]"),
        (("fields", 2, "pattern"), "#" * 65, "fields[2].pattern"),
        (("fields", 2, "pattern"), None, "fields[2].pattern"),
        (("fields", 2, "rows"), 2, "fields[2].rows"),
        (("fields", 3, "gap"), 20, "fields[3].gap"),
        (("fields", 3, "gap"), None, "fields[3].gap"),
        (("fields", 3, "gap"), False, "fields[3].gap"),
        (("fields", 3, "gap"), [], "fields[3].gap"),
        (("fields", 4, "rows"), 1000, "fields[4].rows"),
        (("fields", 4, "columns"), "8", "fields[4].columns"),
        (("fields", 4, "length"), "one", "fields[4]"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path, value, place):
    with pytest.raises(ValueError, match=re.escape(place)) as caught:
        load_template(changed(path, value))
    assert "expected" in str(caught.value)
    assert "got" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_missing_key_is_named():
    with pytest.raises(ValueError, match=r"fields\[0\] with the key 'box', got"):
        load_template({"size": [9, 9], "fields": [{"name": "a", "kind": "digits"}]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1, column 1"),
        (b'{"size": [1, 2],}', "line 1, column"),
        (b'{"size": [1, NaN]}', "NaN"),
        (b'{"size": 1, "size": 2}', "'size' twice"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[" * 100_000, "too deeply"),
        (b"1" * 10_000, "JSON"),
        (b" " * (2**20 + 1), "at most"),
        (b"[]", "the template"),
    ],
)
def test_file_that_is_no_template_is_refused_by_its_name(tmp_path, content, message):
    path = tmp_path / "form.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_template(path)
    assert "form.json" in str(caught.value)


def test_what_is_no_template_is_refused():
    with pytest.raises(TypeError, match="expected a template"):
        load_template(5)
    with pytest.raises(FileNotFoundError):
        load_template("nowhere.json")


def test_huge_forms_are_refused():
    grid = {"kind": "grid", "box": [0, 0, 5, 5], "rows": 100, "columns": 100}
    form = {"size": [9, 9], "fields": [{"name": name, **grid} for name in "ab"]}
    with pytest.raises(ValueError, match="cells together"):
        load_template(form)
    fields = [{"name": f"a{i}", "kind": "digits", "box": [0, 0, 9, 9]} for i in range(300)]
    with pytest.raises(ValueError, match=r"at most 2 times the page.s area together.*overlap less"):
        load_template({"size": [9, 9], "fields": fields})
    numbers = random.Random(0)
    texts = ["".join(numbers.choices("0123456789", k=40)) for _ in range(2000)]
    one = {"kind": "digits", "box": [0, 0, 4, 4]}
    form = {
        "size": [9, 9],
        "fields": [
            {"name": name, **one, "lexicon": texts[i * 400 :]} for i, name in enumerate("abcd")
        ],
    }
    with pytest.raises(ValueError, match=r"131,072 states together.*Allow fewer"):
        load_template(form)


@pytest.mark.parametrize(
    ("pattern", "valid", "wrong"),
    [
        ("DD.MM.YYYY", ["29.02.2024", "31.12.1999"], ["29.02.2023", "31.11.2020"]),
        ("MM/DD/YYYY", ["02/29/2024"], ["02/30/2024"]),
        ("YYYY-MM-DD", ["2001-09-30"], ["2001-09-00"]),
        ("DDMMYY", ["010203", "290200"], ["310203"]),
    ],
)
def test_dates_are_days_of_the_calendar(pattern, valid, wrong):
    template = load_template(field(kind="date", pattern=pattern)).fields[0]
    for text in [*valid, *wrong]:
        digits = "".join(sign for sign in text if sign.isdigit())
        state = 0
        automaton = template.allowed.automaton("0123456789")
        for sign in digits:
            state = automaton.transitions[state, int(sign)]
        assert automaton.is_final[state]
    assert [template.is_valid(text) for text in [*valid, *wrong]] == [True] * len(valid) + [
        False
    ] * len(wrong)


@pytest.mark.parametrize("pattern", ["DD.MM", "DD.DD.YYYY", "DD.MM.YYYYY", "dd.mm.yyyy", "", 5])
def test_other_dates_are_refused(pattern):
    with pytest.raises(ValueError, match=r"fields\[0\].pattern"):
        load_template(field(kind="date", pattern=pattern))
