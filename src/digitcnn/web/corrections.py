"""Corrected digits, saved as a folder of images for each class."""

import base64
import binascii
import hashlib
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digitcnn._utils.atomic import atomic_write
from digitcnn.web.answers import parse_json
from digitcnn.web.problems import RequestError

# Labels that are valid names of folders on every system, without a special meaning.
_PLAIN = re.compile(r"[0-9A-Za-z]")


class Corrections:
    """The folder of corrections, in the layout that ``digitcnn train`` takes.

    Parameters
    ----------
    folder : str
    side : int
        The side of the images in pixels.
    most : int
        The maximum number of images.

    Raises
    ------
    OSError
        If the folder does not exist and cannot be created.
    """

    def __init__(self, folder: str, side: int, most: int) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._side = side
        self._most = most
        self._lock = threading.Lock()

    def add(self, body: bytes) -> dict[str, Any]:
        """Save a corrected digit. The same image with the same label is saved once.

        Parameters
        ----------
        body : bytes
            JSON: the label, and the pixels as Base64.

        Returns
        -------
        dict
            The image's path in the folder, and the number of images.
        """
        label, pixels = self._parse(body)
        # The label, one letter or digit, is all of the path that a client determines.
        name = f"{hashlib.sha256(pixels.tobytes()).hexdigest()[:24]}.png"
        with self._lock:
            self._check_case(label)
            n_kept = sum(1 for _ in self._folder.glob("?/*.png"))
            target = self._folder / label / name
            if not target.exists():
                if n_kept >= self._most:
                    raise RequestError(
                        507,
                        f"expected at most {self._most:,} corrections, got one more. Empty the "
                        "server's folder",
                    )
                target.parent.mkdir(exist_ok=True)
                _write(target, pixels)
                n_kept += 1
        return {"kept": f"{label}/{name}", "corrections": n_kept}

    def _check_case(self, label: str) -> None:
        """Refuse a label whose folder is another label's where case does not matter."""
        if (self._folder / label).exists() and label not in os.listdir(self._folder):
            raise RequestError(
                422,
                f"expected no label {label!r} beside {label.swapcase()!r}, because the server's "
                "file system does not distinguish their folders",
            )

    def _parse(self, body: bytes) -> tuple[str, np.ndarray]:
        given = parse_json(body)
        if not isinstance(given, Mapping) or set(given) != {"label", "pixels"}:
            raise ValueError('expected {"label": "7", "pixels": "..."}, got another value')
        label, text = given["label"], given["pixels"]
        if not isinstance(label, str) or not _PLAIN.fullmatch(label):
            raise ValueError("expected a label of one digit or letter (A to Z), got another text")
        n_pixels = self._side**2
        try:
            pixels = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            pixels = b""
        if len(pixels) != n_pixels:
            raise ValueError(
                f"expected pixels to be {n_pixels} bytes as Base64, row by row, got another value"
            )
        return label, np.frombuffer(pixels, np.uint8).reshape(self._side, self._side)


def _write(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    image = Image.fromarray(pixels)
    atomic_write(path, lambda file: image.save(file, format="PNG"))
