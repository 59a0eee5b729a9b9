import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import digitcnn
from digitcnn import inspection


def displays(fitted, digits):
    """Each display's name, and a function of `ax` that makes it."""
    X, y = digits[0][1200:], digits[1][1200:]
    return {
        "ConfusionDisplay": lambda ax: inspection.ConfusionDisplay.from_estimator(
            fitted, X, y, ax=ax
        ),
        "CoverageDisplay": lambda ax: inspection.CoverageDisplay.from_estimator(
            fitted, X, y, ax=ax
        ),
        "DigitGridDisplay": lambda ax: inspection.DigitGridDisplay.from_data(X, y, ax=ax),
        "DistortionDisplay": lambda ax: inspection.DistortionDisplay.from_estimator(
            fitted, X[0], n=3, ax=ax
        ),
        "ErrorGalleryDisplay": lambda ax: inspection.ErrorGalleryDisplay.from_estimator(
            fitted, X, y, ax=ax
        ),
        "OcclusionDisplay": lambda ax: inspection.OcclusionDisplay.from_estimator(
            fitted, X[0], patch_size=2, ax=ax
        ),
        "ReliabilityDisplay": lambda ax: inspection.ReliabilityDisplay.from_estimator(
            fitted, X, y, ax=ax
        ),
        "TrainingCurveDisplay": lambda ax: inspection.TrainingCurveDisplay.from_estimator(
            fitted, ax=ax
        ),
    }


NAMES = [name for name in inspection.__all__ if name.endswith("Display")]


def luminance(color):
    """The relative luminance, as WCAG defines it."""
    parts = np.array(mpl.colors.to_rgb(color))
    parts = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return parts @ [0.2126, 0.7152, 0.0722]


@pytest.fixture
def agg():
    """Figures without a screen, all closed after the test."""
    before = pyplot.get_backend()
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.mark.usefixtures("agg")
@pytest.mark.parametrize("name", NAMES)
def test_display_without_axes_opens_one_figure_and_changes_no_style(fitted, digits, name):
    style, figures = mpl.rcParams.copy(), pyplot.get_fignums()
    display = displays(fitted, digits)[name](None)
    assert type(display).__name__ == name
    assert len(pyplot.get_fignums()) == len(figures) + 1
    assert display.figure_ is pyplot.gcf()
    assert mpl.rcParams == style
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize("name", NAMES)
def test_display_draws_into_the_axes_given_again_and_again(fitted, digits, name):
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    display = displays(fitted, digits)[name](left)
    assert display.figure_ is figure
    assert display.plot(ax=right) is display
    drawn = getattr(display, "ax_", None) or display.axes_[0]
    assert drawn.get_position().x0 >= 0.4
    figure.draw_without_rendering()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*NAMES} - {"ConfusionDisplay"}))
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_text_is_seen_on_light_and_dark_backgrounds(fitted, digits, name, style):
    with mpl.style.context(style):
        figure = Figure()
        displays(fitted, digits)[name](figure.subplots())
        figure.draw_without_rendering()
    ground = luminance(figure.get_facecolor())
    for text in figure.findobj(mpl.text.Text):
        if text.get_text():
            light, dark = sorted([ground, luminance(text.get_color())], reverse=True)
            assert (light + 0.05) / (dark + 0.05) > 4


@pytest.mark.slow
def test_import_of_the_displays_does_not_import_matplotlib():
    code = (
        "import sys, digitcnn; digitcnn.inspection.occlusion_map; "
        "print([name for name in ('matplotlib', 'keras', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_without_matplotlib_a_display_names_the_extra_before_any_work(
    fitted, digits, name, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(type(fitted), "predict_proba", None)
    make = displays(fitted, digits)[name]
    with pytest.raises(
        ImportError, match=rf'{name}\.from_\w+ needs matplotlib, .* "digitcnn\[plots\]"'
    ):
        make(None)


def test_inspection_is_an_attribute_of_the_package():
    assert digitcnn.inspection is inspection
    assert "inspection" in dir(digitcnn)
