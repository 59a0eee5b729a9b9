import inspect
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from digitcnn import DigitReader
from digitcnn.reading import Form, FormField, FormPage
from form_sheets import FORM


def tables_of(shown):
    """The tables of an object's HTML: caption to names of rows to cells."""
    return {
        table.find("caption").text: {
            row.find("th").text: [cell.text for cell in row.findall("td")]
            for row in table.findall("tbody/tr")
        }
        for table in ET.fromstring(shown).iter("table")
    }


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, set()),
        ({"pattern": "<#>|##", "reject_below": 0.5}, {"pattern"}),
        ({"model": "a&b.digitcnn", "layout": "line", "lexicon": ["12"] * 99},
         {"model", "layout", "lexicon"}),
    ],
)  # fmt: skip
def test_notebook_shows_all_parameters_of_a_reader_and_which_are_set(given, changed):
    reader = DigitReader(**given)
    rows = tables_of(reader._repr_html_())["Parameters"]
    assert list(rows) == list(inspect.signature(DigitReader).parameters)
    assert {name for name, (_, source) in rows.items() if source == "set"} == changed
    for name, value in given.items():
        assert rows[name][0][:3] == repr(value)[:3]
        assert len(rows[name][0]) <= 60


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, "DigitReader()"),
        ({"layout": "page"}, "DigitReader()"),
        ({"length": "3-5", "layout": "line"}, "DigitReader(layout='line', length='3-5')"),
    ],
)
def test_repr_has_the_parameters_that_are_not_at_their_default(given, shown):
    assert repr(DigitReader(**given)) == shown


def test_repr_follows_an_attribute_that_is_set_later():
    reader = DigitReader()
    reader.layout = "single"
    assert repr(reader) == "DigitReader(layout='single')"
    assert tables_of(reader._repr_html_())["Parameters"]["layout"] == ["'single'", "set"]


def test_notebook_shows_the_fields_of_a_form_and_its_reader():
    shown = Form(FORM, DigitReader(n_alternatives=0))._repr_html_()
    tables = tables_of(shown)
    assert tables["Parameters"]["n_alternatives"] == ["0", "set"]
    fields = tables["Fields of the page of 150 x 200"]
    assert list(fields) == [field["name"] for field in FORM["fields"]]
    assert fields["marks"] == ["grid", "25, 110, 96, 60", "5 x 8"]
    names = [part.find("summary/b").text for part in ET.fromstring(shown).iter("details")]
    assert names == ["Form", "DigitReader"]


def test_notebook_shows_a_form_with_the_texts_of_its_fields():
    corners = (5, 5), (45, 5), (45, 25), (5, 25)
    fields = {
        name: FormField(name, text, 0.9, corners, None) for name, text in [("a", "12"), ("b", "")]
    }
    figure = ET.fromstring(FormPage(fields, 50, 30, np.zeros((30, 50, 1), np.uint8))._repr_html_())
    assert figure.find("figcaption/pre").text == "a: 12\nb: "
    assert figure.find("img").get("alt").startswith("Picture with the fields read: a: 12")
    assert (figure.find("img").get("width"), figure.find("img").get("height")) == ("50", "30")
