import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from digitcnn.reading import Digit, FormField, FormPage, Number
from digitcnn.reading.forms.review import crop_field, make_review
from digitcnn.reading.polygons import rectangle


def page_of(picture=None):
    place = rectangle(10, 20, 60, 15)
    number = Number((Digit("7", 0.4, place),))
    fields = {
        "sure": FormField("sure", "1", 0.99, place, number),
        "unsure": FormField("unsure", "7", 0.4, place, number),
        "wrong": FormField("wrong", "", 0.0, place, number, is_allowed=False),
        "empty": FormField("empty", "", 1.0, place, None),
    }
    return FormPage(fields, 100, 80, picture)


def data_of(html):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(found[1])


def test_what_is_unsure_or_not_allowed_is_listed_and_nothing_else():
    page = page_of()
    data = data_of(make_review([("a.png", 1, page), ("b.png", 2, page)], list(page.fields), 0.9))
    assert data["names"][:4] == ["file", "page", "sure", "sure confidence"]
    assert [row[:4] for row in data["rows"]] == [["a.png", 1, "1", 0.99], ["b.png", 2, "1", 0.99]]
    listed = [(item["row"], data["names"][item["column"]], item["read"]) for item in data["items"]]
    assert listed == [(i, name, "7") for i in (0, 1) for name in ("unsure", "wrong")]
    assert [item["allowed"] for item in data["items"]] == [True, False] * 2


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_show_the_field_of_a_picture_that_was_reduced(channels):
    picture = np.full((40, 50, channels), 200, np.uint8)  # half of the page's pixels
    picture[10:17, 5:35] = 50
    page = page_of(picture)
    crop = crop_field(page, page.fields["sure"].polygon)
    middle = crop.reshape(*crop.shape[:2], -1)[crop.shape[0] // 2, crop.shape[1] // 2]
    assert (middle < 80).all()
    assert crop.flat[0] == 200
    item = data_of(make_review([("a", 1, page)], list(page.fields), 0.9))["items"][0]
    content = base64.b64decode(item["image"].partition(",")[2])
    assert Image.open(io.BytesIO(content)).size == crop.shape[1::-1]


def test_names_of_files_cannot_change_the_page():
    name = "</script><script>alert(1)</script>&{{ data }}<!--"
    html = make_review([(name, 1, page_of())], ["unsure"], 0.9)
    assert html.count("<script") == 2
    assert data_of(html)["rows"][0][0] == name


def test_page_loads_nothing_and_runs_its_own_script_alone():
    html = make_review([("a", 1, page_of())], ["unsure"], 0.9)
    assert not re.search(r'(?:src|href)="(?!data:)', html)
    assert "http" not in re.sub(r"http-equiv", "", html)
    script = re.search(r"<script>(.*?)</script>", html, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_review_of_nothing_is_a_page():
    data = data_of(make_review([], ["a"], 0.9))
    assert data == {"names": ["file", "page", "a", "a confidence"], "rows": [], "items": []}
