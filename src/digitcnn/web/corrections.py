"""Corrected digits, kept as a folder of images for each class."""

import base64
import binascii
import hashlib
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.atomic import atomic_write
from digitcnn.web.answers import parse_json
from digitcnn.web.problems import RequestError

# The name of a folder on every system, and of none that means something.
_PLAIN = re.compile(r"[0-9A-Za-z]")


class Corrections:
    """The folder that corrections are kept in, in the form that ``digitcnn train`` takes.

    Parameters
    ----------
    folder : str
    side : int
        Of the images.
    most : int
        How many images there may be.

    Raises
    ------
    OSError
        If there is no such folder and it cannot be made.
    """

    def __init__(self, folder: str, side: int, most: int) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._side = side
        self._most = most
        self._lock = threading.Lock()

    def add(self, body: bytes) -> dict[str, Any]:
        """Keep a corrected digit. The same one twice is kept once.

        Parameters
        ----------
        body : bytes
            JSON: its label, and its pixels as Base64.

        Returns
        -------
        dict
            Where it is, and how many there are.
        """
        label, pixels = self._parse(body)
        # Nothing that a client says but one letter or digit becomes a part of the name.
        name = f"{hashlib.sha256(pixels.tobytes()).hexdigest()[:24]}.png"
        with self._lock:
            n_kept = sum(1 for _ in self._folder.glob("?/*.png"))
            target = self._folder / label / name
            if not target.exists():
                if n_kept >= self._most:
                    raise RequestError(507, f"there are {n_kept:,} corrections, and no more fit")
                target.parent.mkdir(exist_ok=True)
                _write(target, pixels)
                n_kept += 1
        return {"kept": f"{label}/{name}", "corrections": n_kept}

    def _parse(self, body: bytes) -> tuple[str, np.ndarray]:
        given = parse_json(body)
        if not isinstance(given, Mapping) or set(given) != {"label", "pixels"}:
            raise ValueError('expected {"label": "7", "pixels": "..."}, got something else')
        label, text = given["label"], given["pixels"]
        if not isinstance(label, str) or not _PLAIN.fullmatch(label):
            raise ValueError("expected a label of one digit or letter (A to Z), got another")
        n_pixels = self._side**2
        try:
            pixels = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            pixels = b""
        if len(pixels) != n_pixels:
            raise ValueError(
                f"expected pixels to be {n_pixels} bytes as Base64, row by row, got something else"
            )
        return label, np.frombuffer(pixels, np.uint8).reshape(self._side, self._side)


def _write(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    image = Image.fromarray(pixels)
    atomic_write(path, lambda file: image.save(file, format="PNG"))
