"""The API's answers, computed from the content of a request: no network and no event loop."""

import io
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from digitcnn._utils.text import first_line, some_of
from digitcnn._version import __version__
from digitcnn.architectures import PRETRAINED
from digitcnn.calibration import choose_threshold
from digitcnn.preprocessing.redraw import redraw
from digitcnn.reading import DigitReader, Form
from digitcnn.reading.description import described
from digitcnn.serialization.description import describe_model
from digitcnn.serialization.initial import model_path
from digitcnn.serialization.stored_model import StoredModel
from digitcnn.tables.image_files import LONGEST_SIDE, ImageFileError, read_sized_image
from digitcnn.web.problems import RequestError, too_slow
from digitcnn.web.settings import Limits

_TARGETS = (0.05, 0.02, 0.01, 0.005, 0.001)
_LEFT_OUT = ("layers", "parameters")

File = tuple[str, bytes]


class Answers:
    """A model and its answers. Any number of threads may use it at the same time.

    Parameters
    ----------
    model : str
        "pretrained" or a model file.

    Raises
    ------
    OSError, ValueError
        If there is no such model, or if it does not classify square grey pictures of single
        characters.
    """

    def __init__(self, model: str) -> None:
        self._reader = DigitReader(model).load()
        with model_path(model) as path:
            self._model = StoredModel(path)
            self._described = describe_model(path)
        self._name = model if model == PRETRAINED else Path(model).name
        self.labels: list[str] = [str(label) for label in self._model.classes_]
        self.side: int = int(self._model.image_shape_[0])
        # A first answer at start: it imports and builds what the next ones need, so it is slower.
        self._classify(np.zeros((1, self.side, self.side), np.uint8))
        self._reader.read(np.kron(np.eye(9) < 1, np.ones((4, 4))))

    def read(
        self, pictures: Sequence[File], settings: Mapping[str, Any], limits: Limits
    ) -> dict[str, Any]:
        """The same as ``digitcnn read --json`` prints.

        Parameters
        ----------
        pictures : sequence of pairs (name, content)
        settings : mapping
            Parameters of `DigitReader`, and ``max_error``.
        limits : Limits
            Reading stops with an error when there are more pages, or it takes longer, than they
            allow.
        """
        known = dict(settings)
        max_error = known.pop("max_error", None)
        reader = DigitReader(self._reader.model, **known)
        reader._loaded = self._reader._loaded  # shared, because loading takes time
        least = 0.0 if max_error is None else reader.confidence_for(max_error)
        return _read_all(pictures, reader.read_pages, lambda page: described(page, least), limits)

    def read_forms(
        self, pictures: Sequence[File], template: bytes, limits: Limits
    ) -> dict[str, Any]:
        """The same as ``digitcnn read --form TEMPLATE --json`` prints.

        Parameters
        ----------
        pictures : sequence of pairs (name, content)
        template : bytes
            JSON.
        limits : Limits
            As for `read`.
        """
        form = Form(template, self._reader)
        return _read_all(pictures, form.read_pages, lambda page: page.to_dict(), limits)

    def classify_files(self, pictures: Sequence[File], with_pixels: bool) -> dict[str, Any]:
        """The label of each picture of a single digit, which is first normalised to MNIST's format.

        Parameters
        ----------
        pictures : sequence of pairs (name, content)
        with_pixels : bool
            Whether to include the network's input.
        """
        drawn = np.zeros((len(pictures), self.side, self.side), np.uint8)
        for i, (name, content) in enumerate(pictures):
            try:
                pixels, _ = read_sized_image(io.BytesIO(content), LONGEST_SIDE)
            except ImageFileError as error:
                raise _named(name, error) from error
            box = round(self.side * 20 / 28)
            drawn[i] = redraw([pixels], self.side, box).reshape(self.side, self.side)
        return {"answers": self._classify(drawn, with_pixels)}

    def classify_arrays(self, body: bytes, most: int, with_pixels: bool) -> dict[str, Any]:
        """The label of each picture of an array, which is used as it is.

        Parameters
        ----------
        body : bytes
            JSON.
        most : int
            The maximum number of pictures.
        with_pixels : bool
            Whether to include the network's input.
        """
        given = parse_json(body)
        if not isinstance(given, Mapping) or set(given) != {"images"}:
            raise ValueError(
                'expected {"images": ARRAY}, got '
                + (some_of(list(given)) if isinstance(given, Mapping) else "no object")
            )
        images = as_images(given["images"], self.side)
        if len(images) > most:
            raise ValueError(f"expected at most {most:,} images, got {len(images):,}")
        answers = self._model.predict_proba(images.reshape(len(images), -1))
        return {"answers": self._describe(answers, images if with_pixels else None)}

    def describe(self) -> dict[str, Any]:
        """The model's description, accuracy and confidence thresholds."""
        model = self._model
        thresholds = []
        if model.validation_correct_ is not None and model.validation_confidences_ is not None:
            confidences = model.validation_confidences_
            for rate in _TARGETS:
                if len(confidences) >= 1 / rate:
                    least = choose_threshold(confidences, model.validation_correct_, rate)
                    if np.isfinite(least):
                        answered = round(float((confidences >= least).mean()), 4)
                        thresholds.append(
                            {
                                "target_error_rate": rate,
                                "confidence": round(least, 4),
                                "answered": answered,
                            }
                        )
        measured = []
        if self._name == PRETRAINED:
            path = files("digitcnn") / "pretrained" / "measured.json"
            measured = json.loads(path.read_text(encoding="utf-8"))
        described = {name: one for name, one in self._described.items() if name not in _LEFT_OUT}
        return {
            "model": self._name,
            "digitcnn": __version__,
            **described,
            "classes": self.labels,
            "measured": measured,
            "thresholds": thresholds,
        }

    def _classify(self, drawn: np.ndarray, with_pixels: bool = False) -> list[dict[str, Any]]:
        """Answers for normalised pictures; a picture without a digit gets the label None."""
        rows = drawn.reshape(len(drawn), -1)
        black, white = self._model.pixel_range_
        if (black, white) != (0, 255):
            rows = (black + rows * ((white - black) / 255)).astype(np.float32)
        answers = self._model.predict_proba(rows, is_normalized=True)
        described = self._describe(answers, drawn if with_pixels else None)
        for one, picture in zip(described, drawn, strict=True):
            if not picture.any():
                one |= {"label": None, "confidence": 0.0, "probabilities": {}}
        return described

    def _describe(
        self, answers: np.ndarray, pictures: np.ndarray | None = None
    ) -> list[dict[str, Any]]:
        described: list[dict[str, Any]] = []
        for i, probabilities in enumerate(answers):
            rounded = [round(float(one), 6) for one in probabilities]
            best = int(probabilities.argmax())
            described.append(
                {
                    "label": self.labels[best],
                    "confidence": rounded[best],
                    "probabilities": dict(zip(self.labels, rounded, strict=True)),
                }
            )
            if pictures is not None:
                described[-1]["pixels"] = pictures[i].ravel().tolist()
        return described


def _read_all(
    pictures: Sequence[File],
    read_pages: Callable[[bytes], Iterable[Any]],
    describe: Callable[[Any], dict[str, Any]],
    limits: Limits,
) -> dict[str, Any]:
    """All pages of files; an error if there are too many, or if reading takes too long."""
    end = time.monotonic() + limits.seconds
    pages: list[dict[str, Any]] = []
    for name, content in pictures:
        try:
            for number, page in enumerate(read_pages(content), 1):
                pages.append({"file": name, "page": number, **describe(page)})
                if len(pages) > limits.pictures:
                    raise RequestError(413, f"expected at most {limits.pictures:,} pages")
                if time.monotonic() > end:
                    raise too_slow(limits.seconds)
        except ImageFileError as error:
            raise _named(name, error) from error
    return {"pages": pages, "failed": 0}


def _named(name: str, error: ImageFileError) -> ValueError:
    """An error with the client's name of the picture."""
    return ValueError(f"{name}: {first_line(error).removeprefix('picture: ')}")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text. NaN and Infinity, which are not JSON, are refused.

    Raises
    ------
    ValueError
        If it is not JSON, or is nested too deeply.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"expected finite numbers, as JSON requires, got {name}")

    try:
        return json.loads(body, parse_constant=refuse)
    except RecursionError:
        raise ValueError("expected an array of images, got one that is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"expected JSON, got another text: {first_line(error)}") from None


def as_images(given: Any, side: int) -> np.ndarray:
    """Images of shape (n, side, side), from nested lists.

    Parameters
    ----------
    given : object
        One or several images, each as a list of rows or as one list of pixels.
    side : int

    Raises
    ------
    ValueError
        If it has another shape, or values that are not finite numbers.
    """
    expected = f"expected images of {side} x {side} numbers"
    try:
        array = np.asarray(given)
    except (ValueError, OverflowError, RecursionError):
        raise ValueError(f"{expected}, got lists of different lengths") from None
    if array.dtype.kind not in "uif" or not array.size:
        raise ValueError(f"{expected}, got {'other values' if array.size else 'none'}")
    if array.shape in ((side, side), (side * side,)):
        array = array[None]
    if array.shape[1:] not in ((side, side), (side * side,)):
        raise ValueError(f"{expected}, got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{expected}, got an infinite number")
    return array.reshape(len(array), side, side)
