"""The page, in Chromium: drawing, pictures, corrections, the keyboard, a phone's width."""

import base64
import csv
import io
import itertools
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.wait import WebDriverWait

from browsers import chromium
from conftest import ROOT
from digitcnn.preprocessing.placement import draw_centred
from form_sheets import FORM, VALUES, draw_form
from number_sheets import glyphs
from web_servers import png, running, sheet

pytestmark = pytest.mark.slow

SEVEN = [[(0.10, 0.2), (0.26, 0.2), (0.16, 0.85)]]
CROSSED_SEVEN = [*SEVEN, [(0.12, 0.52), (0.27, 0.52)]]
FOUR = [[(0.45, 0.2), (0.42, 0.55), (0.58, 0.55)], [(0.55, 0.3), (0.53, 0.85)]]
NOTHING = "\N{EN DASH}"
NO_DIGIT = [[(0.5, 0.5), (0.505, 0.5)]]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(tmp_path_factory, downloads):
    """Chromium without a window, driven by Selenium; one for all tests."""
    with chromium(tmp_path_factory.mktemp("chromium"), 1300, 900) as chrome:
        where = {"behavior": "allow", "downloadPath": str(downloads)}
        chrome.execute_cdp_cmd("Browser.setDownloadBehavior", where)
        yield chrome


@pytest.fixture
def page(browser, served):
    """The page without corrections, as wide as a desktop screen; it must log no error."""
    resize(browser, 1300)
    browser.get(served.url)
    browser.execute_script("localStorage.clear()")
    browser.get(served.url)
    browser.get_log("browser")
    yield browser
    # A refused request is told by the browser, too; that is no error of the page.
    said = [one for one in browser.get_log("browser") if one["source"] != "network"]
    assert said == []


def resize(browser, width, scheme="light"):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def find(browser, selector):
    return browser.find_element("css selector", selector)


def wait(browser, condition, seconds=20):
    waiting = WebDriverWait(browser, seconds, 0.02, [StaleElementReferenceException])
    return waiting.until(lambda _: condition())


def draw(browser, strokes, kind="mouse"):
    """Draw with mouse or touch events; positions are fractions of the canvas."""
    frame = browser.execute_script(
        "const pad = document.getElementById('pad'); pad.scrollIntoView({block: 'center'});"
        "const r = pad.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
    )

    def send(name, place):
        x, y = (frame[i] + place[i] * frame[i + 2] for i in (0, 1))
        if kind == "mouse":
            names = {"start": "mousePressed", "move": "mouseMoved", "end": "mouseReleased"}
            event = {"type": names[name], "x": x, "y": y, "button": "left", "clickCount": 1}
            browser.execute_cdp_cmd("Input.dispatchMouseEvent", {**event, "buttons": 1})
            return
        names = {"start": "touchStart", "move": "touchMove", "end": "touchEnd"}
        points = [] if name == "end" else [{"x": x, "y": y}]
        event = {"type": names[name], "touchPoints": points}
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    for stroke in strokes:
        send("start", stroke[0])
        for one, other in itertools.pairwise(stroke):
            for part in np.linspace(0, 1, 6)[1:]:
                send("move", [a + (b - a) * float(part) for a, b in zip(one, other, strict=True)])
        send("end", stroke[-1])


def answer(browser):
    """The shown number, or None while a reading is running."""
    is_busy = find(browser, "#drawn").get_attribute("aria-busy") == "true"
    return None if is_busy else find(browser, "#drawn .number").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawn_digit_is_read_with_its_probabilities(page, scheme):
    resize(page, 1300, scheme)
    assert answer(page) == NOTHING
    draw(page, SEVEN)
    wait(page, lambda: answer(page) == "7")
    draw(page, CROSSED_SEVEN[1:])
    wait(page, lambda: answer(page) == "7")
    assert find(page, "#drawn [role=status]").text.startswith("Read as 7, ")
    bars = page.find_elements("css selector", ".bars tr")
    assert [bar.text.split()[0] for bar in bars] == list("0123456789")
    values = [
        float(bar.find_element("css selector", "meter").get_attribute("value")) for bar in bars
    ]
    assert np.argmax(values) == 7
    assert "best" in bars[7].get_attribute("class")
    shown = "const c = arguments[0]; return [c.width, c.height, Math.max(...c.getContext('2d')"
    shown += ".getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 === 0))]"
    assert page.execute_script(shown, find(page, ".detail canvas")) == [28, 28, 255]


def test_several_digits_are_read_as_a_number_and_undone(page):
    draw(page, CROSSED_SEVEN + FOUR)
    wait(page, lambda: answer(page) == "74")
    second = page.find_elements("css selector", ".digits button")[1]
    second.click()
    wait(page, lambda: find(page, ".bars tr.best th").text == "4")
    for _ in FOUR:
        find(page, "#undo").click()
    wait(page, lambda: answer(page) == "7")
    find(page, "#clear").click()
    wait(page, lambda: answer(page) == NOTHING)
    assert not find(page, "#undo").is_enabled()


def test_what_is_no_digit_is_told_so(page):
    draw(page, NO_DIGIT)
    wait(page, lambda: answer(page) == "no digit")


def test_finger_on_a_phone_draws_and_nothing_is_wider_than_the_screen(page, served):
    resize(page, 360)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        draw(page, CROSSED_SEVEN + FOUR, kind="touch")
        wait(page, lambda: answer(page) == "74")
        for name in ("draw", "picture", "correct", "about"):
            find(page, f"#tab-{name}").click()
            wide = "return document.documentElement.scrollWidth"
            assert page.execute_script(wide) <= 360, name
        page.get(f"{served.url}/docs")
        wait(page, lambda: "/api/read" in find(page, "#operations").text)
        assert page.execute_script(wide) <= 360
    finally:
        page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_keyboard_alone_draws_corrects_and_deletes(page):
    def press(*keys):
        ActionChains(page).send_keys(*keys).perform()

    def focused():
        return page.switch_to.active_element.get_attribute("id")

    find(page, "#tab-draw").send_keys(Keys.ARROW_LEFT)
    assert focused() == "tab-about"
    press(Keys.HOME)
    assert focused() == "tab-draw"
    press(Keys.TAB)
    assert focused() == "pad"
    press(" ", Keys.ARROW_RIGHT * 12, Keys.ARROW_DOWN * 2)
    press((Keys.ARROW_DOWN + Keys.ARROW_DOWN + Keys.ARROW_LEFT) * 9, " ")
    wait(page, lambda: answer(page) == "7")
    press(Keys.TAB, Keys.TAB, Keys.TAB)
    assert page.switch_to.active_element.text == "Correct this"
    press(Keys.ENTER)
    wait(page, lambda: focused() == "correction-text")
    wait(page, lambda: page.find_elements("css selector", "#correction-pictures canvas"))
    press("12", Keys.ENTER)
    wait(page, lambda: "Expected 1 character" in find(page, "#correction-problem").text)
    press(Keys.BACKSPACE, Keys.ENTER)
    wait(page, lambda: find(page, "#n-corrections").text == "1")
    assert page.switch_to.active_element.text == "Correct this"
    find(page, "#tab-draw").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert focused() == "tab-correct"
    press(Keys.TAB, Keys.TAB, Keys.TAB)
    assert page.switch_to.active_element.get_attribute("aria-label") == "Delete 1, read as 7"
    press(Keys.ENTER)
    wait(page, lambda: find(page, "#no-corrections").is_displayed())
    assert focused() == "tab-correct"


def drop(browser, *paths):
    """Drop files as the system does."""
    frame = browser.execute_script(
        "const r = document.getElementById('tab-picture').getBoundingClientRect();"
        "return [r.left + 5, r.top + 5]"
    )
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": frame[0], "y": frame[1], "data": data}
        browser.execute_cdp_cmd("Input.dispatchDragEvent", event)


def downloaded(browser, folder, name):
    path = folder / name
    wait(browser, lambda: path.exists() and path.stat().st_size)
    content = path.read_bytes()
    path.unlink()
    return content


def texts(browser):
    return [one.text for one in browser.find_elements("css selector", ".lines button")]


def test_dropped_picture_is_read_corrected_and_downloaded(
    page, tmp_path, downloads, collected, client
):
    path = tmp_path / '=one "sheet", two.png'
    path.write_bytes(sheet("314 159", "26535"))
    drop(page, path)
    wait(page, lambda: texts(page) == ["314", "159", "26535"])
    boxes = page.find_elements("css selector", ".sheet polygon")
    assert len(boxes) == 11
    assert find(page, ".sheet img").size["width"] == round(find(page, ".sheet svg").size["width"])

    find(page, "#download-json").click()
    found = json.loads(downloaded(page, downloads, "numbers.json"))
    sent = client.post("/api/read", files={"picture": (path.name, path.read_bytes())})
    assert found == sent.json()
    find(page, "#download-csv").click()
    table = downloaded(page, downloads, "numbers.csv").decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["line"], row["text"]) for row in rows] == [("1", "314 159"), ("2", "26535")]
    # Not a formula.
    assert {row["file"] for row in rows} == {f"'{path.name}"}

    before = {one.name for one in collected.rglob("*.png")}
    ActionChains(page).move_to_element(boxes[2]).click().perform()
    wait(page, lambda: page.find_elements("css selector", "#correction-pictures canvas"))
    assert find(page, "#correction-read").text == "4"
    find(page, "#correction-text").send_keys("9", Keys.ENTER)
    page.find_elements("css selector", ".lines button")[1].click()
    wait(page, lambda: len(page.find_elements("css selector", "#correction-pictures canvas")) == 3)
    find(page, "#correction-text").send_keys("1x9", Keys.ENTER)
    wait(page, lambda: find(page, "#n-corrections").text == "4")
    # They are in the browser, and in the server's folder.
    wait(page, lambda: len({one.name for one in collected.rglob("*.png")} - before) == 4)
    page.refresh()
    wait(page, lambda: find(page, "#n-corrections").text == "4")
    find(page, "#tab-correct").click()
    find(page, "#save-zip").click()
    archive = zipfile.ZipFile(io.BytesIO(downloaded(page, downloads, "corrections.zip")))
    assert archive.testzip() is None
    assert sorted(name.partition("/")[0] for name in archive.namelist()) == ["1", "9", "9", "x"]
    for name in archive.namelist():
        image = Image.open(io.BytesIO(archive.read(name))).convert("L")
        assert image.size == (28, 28)
        assert image.getextrema()[1] == 255
    find(page, "#delete-all").click()
    assert find(page, "#no-corrections").is_displayed()


def test_saved_corrections_are_images_that_training_takes(page, tmp_path, downloads):
    from digitcnn.datasets import read_digit_images

    draw(page, CROSSED_SEVEN)
    wait(page, lambda: answer(page) == "7")
    find(page, "#drawn > button").click()
    wait(page, lambda: page.find_elements("css selector", "#correction-pictures canvas"))
    seen = page.execute_script(
        "const c = document.querySelector('#correction-pictures canvas').getContext('2d');"
        "return [...c.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"
    )
    find(page, "#correction-text").send_keys("1", Keys.ENTER)
    find(page, "#tab-correct").click()
    find(page, "#save-zip").click()
    content = downloaded(page, downloads, "corrections.zip")
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "mine")
    X, y = read_digit_images(tmp_path / "mine", normalize=False)
    assert y.tolist() == [1]
    assert X.tolist() == [seen]


def test_bad_picture_is_told_and_the_next_one_is_read(page, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "good.png").write_bytes(sheet("12345678901234567890"))
    drop(page, tmp_path / "bad.png")
    wait(page, lambda: "bad.png: damaged" in find(page, "#error").text)
    find(page, "#file").send_keys(str(tmp_path / "good.png"))
    wait(page, lambda: "12345678901234567890" in texts(page))
    assert not find(page, "#error").is_displayed()
    find(page, "#forget").click()
    assert texts(page) == []


def test_dropped_template_reads_a_form_field_by_field(page, tmp_path, downloads):
    template = {**FORM, "fields": FORM["fields"][:2]}
    (tmp_path / "form.json").write_text(json.dumps(template), encoding="utf-8")
    (tmp_path / "scan.png").write_bytes(png(draw_form(template, VALUES, zoom=5)))
    drop(page, tmp_path / "scan.png", tmp_path / "form.json")
    wait(page, lambda: texts(page) == [VALUES["id"], "123.45"])
    assert find(page, "#template-name").text == "form.json"
    assert not find(page, "#layouts").is_displayed()
    assert [one.text for one in page.find_elements("css selector", ".lines span")] == [
        "id",
        "total",
    ]
    find(page, "#download-csv").click()
    rows = list(csv.DictReader(io.StringIO(downloaded(page, downloads, "numbers.csv").decode())))
    assert [(row["line"], row["text"]) for row in rows] == [
        ("id", VALUES["id"]),
        ("total", "123.45"),
    ]

    (tmp_path / "wrong.json").write_text('{"fields": 1}', encoding="utf-8")
    drop(page, tmp_path / "wrong.json", tmp_path / "scan.png")
    wait(page, lambda: "template" in find(page, "#error").text)
    find(page, "#no-template").click()
    assert find(page, "#layouts").is_displayed()


def test_grid_of_a_form_is_a_table(page, tmp_path, downloads):
    (tmp_path / "form.json").write_text(json.dumps(FORM), encoding="utf-8")
    (tmp_path / "scan.png").write_bytes(png(draw_form(FORM, VALUES, zoom=6)))
    drop(page, tmp_path / "scan.png", tmp_path / "form.json")
    wait(page, lambda: VALUES["id"] in texts(page), seconds=60)
    assert [one.text for one in page.find_elements("css selector", ".grid caption")] == ["marks"]
    rows = page.find_elements("css selector", ".grid tbody tr")
    cells = [[td.text for td in row.find_elements("css selector", "td")] for row in rows]
    assert cells == [[sign.strip() for sign in row] for row in VALUES["marks"]]
    heads = page.find_elements("css selector", ".grid th")
    assert [one.text for one in heads] == [*"12345678", *"12345"]
    # The cells of a row stand beside each other.
    places = [td.location for td in rows[0].find_elements("css selector", "td")]
    assert len({place["y"] for place in places}) == 1
    assert [place["x"] for place in places] == sorted(place["x"] for place in places)
    # Elsewhere each cell has its own name.
    find(page, "#download-csv").click()
    table = list(csv.DictReader(io.StringIO(downloaded(page, downloads, "numbers.csv").decode())))
    assert {row["line"]: row["text"] for row in table}["marks[2,1]"] == "8"
    filled = sum(sign != " " for row in VALUES["marks"] for sign in row)
    assert sum(row["line"].startswith("marks[") for row in table) == filled
    resize(page, 360)
    width = page.execute_script("return document.documentElement.scrollWidth")
    assert width <= 360


def test_page_asks_for_the_token_and_takes_it_from_its_address(browser):
    token = "a token of the tests"
    with running(token=token) as served:
        browser.get(served.url)
        wait(browser, lambda: find(browser, "#token").is_displayed())
        find(browser, "#token").send_keys(token, Keys.ENTER)
        wait(browser, lambda: not find(browser, "#token-form").is_displayed())
        draw(browser, SEVEN)
        wait(browser, lambda: answer(browser) == "7")
        browser.execute_script("sessionStorage.clear()")
        browser.get("about:blank")
        browser.get(f"{served.url}/#token={token.replace(' ', '%20')}")
        wait(browser, lambda: find(browser, "#model").get_attribute("textContent"))
        assert browser.current_url == f"{served.url}/"
        assert not find(browser, "#token-form").is_displayed()


def test_server_that_has_gone_is_told(browser):
    with running() as served:
        browser.get(served.url)
        wait(browser, lambda: find(browser, "#model").get_attribute("textContent"))
    draw(browser, SEVEN)
    wait(browser, lambda: "cannot be reached" in find(browser, "#error").text)


def test_browser_redraws_strokes_as_the_normalizer_does(browser):
    """What the documentation's page does without a server."""
    source = (ROOT / "docs" / "_drawing" / "redraw.js").read_bytes()
    address = f"data:text/javascript;base64,{base64.b64encode(source).decode()}"
    strokes = np.array([np.kron(glyph, np.ones((5, 5), np.uint8)) for glyph in glyphs()])
    strokes = np.pad(strokes, ((0, 0), (9, 30), (17, 4)))
    code = """
        const [address, pictures, width, done] = arguments;
        import(address).then(({ redraw }) => done(pictures.map((picture) => {
          const canvas = document.createElement("canvas");
          canvas.width = width;
          canvas.height = picture.length / width;
          const image = new ImageData(width, canvas.height);
          picture.forEach((ink, i) => image.data.fill(255 - ink, 4 * i, 4 * i + 3));
          picture.forEach((_, i) => (image.data[4 * i + 3] = 255));
          canvas.getContext("2d").putImageData(image, 0, 0);
          return [...redraw(canvas, 28)];
        })));
    """
    browser.get("about:blank")
    pictures = [one.ravel().tolist() for one in strokes]
    found = browser.execute_async_script(code, address, pictures, strokes.shape[2])
    expected = np.array([draw_centred(one, 28, 20).ravel() for one in strokes]).astype(int)
    assert np.abs(np.array(found) - expected).max() <= 2


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, which finds violations of the rules of accessibility."""
    path = os.environ.get("DIGITCNN_AXE")
    if path is None:
        pytest.skip("needs axe-core: name its axe.min.js, from npm, in DIGITCNN_AXE")
    return Path(path).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [360, 1300])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_screen(page, served, axe, tmp_path, width, scheme):
    def violations():
        page.execute_script(axe)
        found = page.execute_async_script("axe.run(document).then(arguments[0])")
        return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]

    resize(page, width, scheme)
    assert violations() == []
    draw(page, CROSSED_SEVEN + FOUR)
    wait(page, lambda: answer(page) == "74")
    assert violations() == []
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "good.png").write_bytes(sheet("314 159", "26535"))
    drop(page, tmp_path / "good.png", tmp_path / "bad.png")
    wait(page, lambda: find(page, "#error").is_displayed())
    assert violations() == []
    page.find_elements("css selector", ".lines button")[0].click()
    wait(page, lambda: page.find_elements("css selector", "#correction-pictures canvas"))
    assert violations() == []
    find(page, "#correction-text").send_keys("314", Keys.ENTER)
    (tmp_path / "form.json").write_text(json.dumps(FORM), encoding="utf-8")
    (tmp_path / "scan.png").write_bytes(png(draw_form(FORM, VALUES, zoom=6)))
    drop(page, tmp_path / "scan.png", tmp_path / "form.json")
    wait(page, lambda: "123.45" in texts(page), seconds=60)
    assert page.find_elements("css selector", ".grid td")
    assert violations() == []
    for name in ("correct", "about"):
        find(page, f"#tab-{name}").click()
        assert violations() == []
    page.get(f"{served.url}/docs")
    wait(page, lambda: "/api/read" in find(page, "#operations").text)
    assert violations() == []
