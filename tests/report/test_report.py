import contextlib
import os
import re

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.wait import WebDriverWait
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from browsers import chromium
from digitcnn import AbstainingClassifier, DigitCSVTransformer
from digitcnn.report import check_libraries, write_report

HARMFUL = "<script>document.title = 'harmed'</script>"


@pytest.fixture(scope="module")
def page(fitted, digits, tmp_path_factory):
    """The page about the classifier that other tests share, and the figures that it returned."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    X, y = digits[0][1200:], digits[1][1200:]
    figures = write_report(
        fitted, X, y, path, rows=range(1200, 1797), model="m.digitcnn", data="digits"
    )
    return path, figures


@pytest.fixture(scope="module")
def plain():
    """A classifier that trains fast."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (60, 16), dtype=np.uint8)
    y = np.arange(60) % 3
    return GaussianNB(var_smoothing=0.1).fit(X, y), X, y


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium"), 1000, 800) as chrome:
        yield chrome


def open_page(browser, path):
    browser.get(path.as_uri())
    return browser


def shown_digits(browser):
    """The rows of the digits that a cell shows, after all pictures are loaded."""
    loaded = (
        "const all = [...document.querySelectorAll('#cell-digits img')];"
        "return all.length > 0 && all.every(i => i.complete && i.naturalWidth > 0);"
    )
    WebDriverWait(browser, 10).until(lambda b: b.execute_script(loaded))
    pictures = browser.find_elements("css selector", "#cell-digits img")
    assert all(picture.is_displayed() for picture in pictures)
    return [int(picture.get_attribute("alt").rpartition(" ")[2]) for picture in pictures]


def rows_of_cell(fitted, digits, truth, answer):
    X, y = digits[0][1200:], digits[1][1200:]
    return set(1200 + np.flatnonzero((y == truth) & (fitted.predict(X) == answer)))


def largest_confusion(figures):
    matrix = np.array(figures["confusion_matrix"])
    np.fill_diagonal(matrix, 0)
    return np.unravel_index(matrix.argmax(), matrix.shape)


@pytest.mark.slow
def test_click_on_a_cell_shows_its_digits(browser, page, fitted, digits):
    path, figures = page
    truth, answer = largest_confusion(figures)
    open_page(browser, path)
    button = browser.find_element("css selector", f"[data-cell='cell-{truth}-{answer}']")
    assert not browser.find_elements("css selector", "#cell-digits img")
    button.click()
    expected = rows_of_cell(fitted, digits, truth, answer)
    assert expected
    assert set(shown_digits(browser)) == expected
    status = browser.find_element("id", "cell-status")
    assert status.text.startswith(f"{truth} predicted as {answer}: {len(expected)} digit")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert not browser.find_elements("css selector", "#cell-digits img")
    assert button.get_attribute("aria-pressed") == "false"


@pytest.mark.slow
def test_cell_is_reached_and_opened_with_the_keyboard(browser, page, fitted, digits):
    path, _ = page
    open_page(browser, path)

    def press(key):
        ActionChains(browser).send_keys(key).perform()

    for _ in range(60):
        press(Keys.TAB)
        focused = browser.switch_to.active_element
        if focused.get_attribute("data-cell"):
            break
    # The first number is that of the zeros read rightly.
    assert focused.get_attribute("data-cell") == "cell-0-0"
    press(Keys.ENTER)
    first = set(shown_digits(browser))
    assert len(first) == 24
    assert first < rows_of_cell(fitted, digits, 0, 0)
    press(Keys.TAB)
    press(Keys.SPACE)
    name = browser.switch_to.active_element.get_attribute("data-cell")
    truth, answer = map(int, name.split("-")[1:])
    assert set(shown_digits(browser)) <= rows_of_cell(fitted, digits, truth, answer)
    assert len(browser.find_elements("css selector", "[aria-pressed=true]")) == 1


@pytest.mark.slow
def test_page_asks_for_nothing_and_complains_of_nothing(browser, page):
    path, _ = page
    open_page(browser, path)
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert [name for name in asked if not name.startswith("data:")] == []
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_page_lets_no_script_ask_for_anything(browser, page):
    path, _ = page
    open_page(browser, path)
    answer = browser.execute_async_script(
        "const done = arguments[0];"
        "fetch('http://127.0.0.1:9/').then(() => done('sent'), () => done('refused'));"
    )
    assert answer == "refused"
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert any("Content Security Policy" in message for message in messages)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_page_is_no_wider_than_the_window(browser, page, width):
    path, _ = page
    open_page(browser, path)
    with window(browser, width):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@contextlib.contextmanager
def window(browser, width):
    size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module", params=["numbers", "words"])
def page_of_many(request, tmp_path_factory):
    """A page about 15,000 digits of ten classes: counts of four digits, in one bin of five."""
    names = np.arange(10)
    if request.param == "words":
        words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        names = np.array(words)
    rng = np.random.default_rng(0)
    y = np.arange(15_000) % 10
    X = rng.normal(size=(15_000, 16))
    X[np.arange(15_000), y] += 20
    wrong = rng.random(15_000) < 0.05
    clf = GaussianNB().fit(X, names[y])
    path = tmp_path_factory.mktemp("many") / "report.html"
    write_report(clf, X, names[np.where(wrong, (y + 1) % 10, y)], path, model="many")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 400, 1300])
def test_ten_classes_fit_into_the_window(browser, page_of_many, width):
    open_page(browser, page_of_many)
    with window(browser, width):
        scroll = (
            "const box = document.getElementById('confusion-matrix').parentElement;"
            "return box.scrollWidth - box.clientWidth"
        )
        assert browser.execute_script(scroll) <= 0
        overlaps = """
            const heads = [...document.querySelectorAll('#confusion-matrix thead .label')];
            const boxes = heads.map(head => head.getBoundingClientRect());
            return boxes.slice(1).filter((box, i) => box.left < boxes[i].right).length"""
        assert browser.execute_script(overlaps) == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1300])
def test_no_word_is_cut_or_broken(browser, page, page_of_many, width):
    for path in (page[0], page_of_many):
        open_page(browser, path)
        with window(browser, width):
            cut = """
                return [...document.querySelectorAll('svg')].flatMap(svg => {
                  const all = svg.getBoundingClientRect();
                  return [...svg.querySelectorAll('text')].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < all.left || box.right > all.right
                      || box.top < all.top || box.bottom > all.bottom;
                  }).map(text => text.textContent);
                })"""
            assert browser.execute_script(cut) == []
            broken = """
                return [...document.querySelectorAll('.facts dd')].filter(fact => {
                  const range = document.createRange();
                  range.selectNodeContents(fact);
                  return !/[\\s-]/.test(fact.textContent) && range.getClientRects().length > 1;
                }).map(fact => fact.textContent)"""
            assert browser.execute_script(broken) == []


@pytest.mark.slow
def test_label_that_looks_like_a_script_is_text(browser, plain, tmp_path):
    clf, X, y = plain
    names = np.array([HARMFUL, "\"'><img src=x onerror=alert(1)>", "c"])
    labels = names[y]
    clf = GaussianNB(var_smoothing=0.1).fit(X, labels)
    path = tmp_path / "report.html"
    write_report(clf, X, labels, path, model=HARMFUL, data=HARMFUL)
    text = path.read_text()
    assert HARMFUL not in text
    assert "<img src=x" not in text
    open_page(browser, path)
    assert browser.title == f"Evaluation of {HARMFUL}"
    assert len(browser.find_elements("tag name", "script")) == 1
    cells = browser.find_elements("css selector", "button[data-cell]")
    for cell in cells:
        cell.click()
        assert shown_digits(browser)
    assert browser.title == f"Evaluation of {HARMFUL}"


def test_page_holds_what_it_is_to_hold(page, fitted, digits):
    path, figures = page
    text = path.read_text()
    for heading in (
        "Summary", "Classes", "Confusion matrix", "The most confident errors",
        "Labels that may be wrong", "Calibration", "Training", "Settings", "Data and run",
    ):  # fmt: skip
        assert f">{heading}</h2>" in text
    accuracy = np.mean(fitted.predict(digits[0][1200:]) == digits[1][1200:])
    assert figures["accuracy"] == accuracy
    assert f'<strong id="accuracy">{accuracy:.2%}</strong>' in text
    assert text.count("<svg") == 3
    assert text.count('role="img"') == 3
    assert "relu-dropout" in text
    assert not re.findall(r"https?://", text)
    assert len(text) < 2_000_000


def test_rows_are_counted_from_0_where_they_have_no_names(plain, tmp_path):
    clf, X, y = plain
    figures = write_report(clf, X, y, tmp_path / "a.html")
    rows = set(np.flatnonzero(clf.predict(X) != y))
    assert {error["row"] for error in figures["most_confident_errors"]} <= rows
    text = (tmp_path / "a.html").read_text()
    assert "This model has no record of its training." in text
    assert text.count("Rows are counted from 0.") == 2 + ("threshold 0." in text)
    write_report(clf, X, y, tmp_path / "named.html", rows=range(7, 67))
    assert "Rows are counted" not in (tmp_path / "named.html").read_text()


def test_pipeline_from_a_table_shows_what_its_last_step_is_given(plain, tmp_path):
    _, X, y = plain
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(16)])
    frame.insert(0, "label", y)
    pipeline = make_pipeline(DigitCSVTransformer(), GaussianNB(var_smoothing=0.1)).fit(frame, y)
    figures = write_report(pipeline, frame, y, tmp_path / "a.html")
    assert figures["accuracy"] == pipeline.score(frame, y)
    text = (tmp_path / "a.html").read_text()
    assert "steps before the classifier" in text
    assert "4 x 4 x 1" in text


def test_classifier_without_an_error_has_a_page(plain, tmp_path):
    clf, X, _ = plain
    figures = write_report(clf, X, clf.predict(X), tmp_path / "a.html")
    assert figures["errors"] == 0
    assert "every prediction is the digit's label" in (tmp_path / "a.html").read_text()


def test_threshold_of_an_abstaining_classifier_is_marked(plain, tmp_path):
    clf, X, y = plain
    abstaining = AbstainingClassifier(
        clf, target_error_rate=0.2, validation_fraction=0.5, random_state=0
    )
    write_report(abstaining.fit(X, y), X, y, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert "20% target" in text
    assert "Parameters of AbstainingClassifier" in text


@pytest.mark.slow
def test_one_image_is_enough(plain, tmp_path):
    clf, X, y = plain
    assert write_report(clf, X[:1], y[:1], tmp_path / "a.html")["digits"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [0, 1]}, "60 images in X, 2 labels in y"),
        ({"rows": [1, 2, 3]}, "3 numbers in rows"),
        ({"y": np.full(60, 7)}, r"labels among the classes \(0, 1, 2\), got 7"),
        ({"image_shape": (5, 5)}, r"25 features for image_shape=\(5, 5\), got 16"),
        ({"X": np.zeros((60, 15))}, "with a square number of pixels"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(plain, tmp_path, change, message):
    clf, X, y = plain
    with pytest.raises(ValueError, match=message):
        write_report(**{"estimator": clf, "X": X, "y": y, "path": tmp_path / "a.html", **change})
    assert list(tmp_path.iterdir()) == []


def test_page_that_cannot_be_written_leaves_the_old_one(plain, tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("old")

    def fail(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_report(*plain, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_library_is_named_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "digitcnn.report.find_spec", lambda name: None if name == "jinja2" else object()
    )
    with pytest.raises(
        ImportError, match=r'--report .* Jinja2, .* pip install "digitcnn\[plots\]"'
    ):
        check_libraries("--report")
    with pytest.raises(ImportError, match="write_report needs Jinja2"):
        write_report(None, None, None, tmp_path / "a.html")
