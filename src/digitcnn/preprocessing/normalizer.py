"""The transformer that redraws pictures of digits from any source in MNIST's form."""

import numbers
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from digitcnn._typing import ArrayLike
from digitcnn._utils.images import channels_last, to_pictures
from digitcnn._utils.pictures import list_pictures
from digitcnn.preprocessing.redraw import redraw

if TYPE_CHECKING:
    from sklearn.utils import Tags

_MANY_NUMBERS = 1 << 16  # larger pictures are checked one by one, to avoid a copy


class DigitNormalizer(TransformerMixin, BaseEstimator):
    """Redraw pictures of one digit each, of any size, as MNIST's were made [1]_.

    The transformer segments the strokes from the background, crops them, scales them with their
    proportions into a square of ``box`` pixels, and draws them light on black in ``size`` by
    ``size`` pixels, with the centre of mass in the middle. A network trained on MNIST classifies
    digits from other sources far better this way.

    Parameters
    ----------
    image_shape : "auto", "pad" or tuple of int, default="auto"
        Height and width of the pictures in a two-dimensional ``X``, in pixels. "auto" requires a
        square number of columns; "pad" appends zeros up to the next square number.
    size : int, default=28
        Side of the redrawn pictures, in pixels.
    box : int, default=20
        Side of the square that the strokes are fitted into, in pixels; at most ``size``.
    invert : "auto" or bool, default="auto"
        Whether the strokes are darker than the background. "auto" decides for each picture: the
        background is the shade at the border. If strokes reach the border, they are the shade that
        covers less of it, is connected and thin; in uneven light, the polarity that looks more like
        strokes.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of a two-dimensional ``X`` seen by ``fit``; not set for other input.

    See Also
    --------
    DigitCSVTransformer : Reads pixels from tables.

    Notes
    -----
    Each picture is scaled by its own range of values, and reduced to 256 pixels on its longer side
    if it is larger. Two segmentations are made, and the one with the better strokes is used: clear
    of the noise, sharp, long and thin.

    - Strokes and background are two shades, separated by Otsu's threshold [2]_: drawings, scans,
      and small crops, which may be cut to the strokes.
    - The light is uneven. The background is the median of a wide window, which follows vignetting,
      or, where that is less different, the morphological closing [3]_ by a narrow one, which
      follows the edges of shadows. A stroke is darker (lighter, with an opening) than its
      background, by the largest ratio among the colours. Among the pixels clear of the noise,
      Otsu's threshold finds those that are certainly drawn, and hysteresis [4]_ adds those
      connected to them.

    The largest connected component near the middle is kept, with the components close enough to be
    parts of it. Neighbours that reach into the picture, frames, rulings and specks are removed.

    A picture without strokes becomes all zeros: a picture of one colour, noise, or empty paper. In
    pictures of up to 160 pixels, nothing is taken for noise. ``benchmarks/normalizer.py`` measures
    the accuracy.

    Transparent pixels become background: white under dark strokes, black under light ones.
    Shrinking averages pixels; enlarging uses cubic interpolation [5]_.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86(11), 1998.
    .. [2] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 1979.
    .. [3] J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.
    .. [4] J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 8(6), 1986.
    .. [5] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 29(6), 1981.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data
    >>> DigitNormalizer().fit_transform(X).shape
    (1797, 784)
    """

    def __init__(
        self,
        image_shape: str | tuple[int, int] = "auto",
        size: int = 28,
        box: int = 20,
        invert: str | bool = "auto",
    ) -> None:
        self.image_shape = image_shape
        self.size = size
        self.box = box
        self.invert = invert

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parameters and the pictures; nothing else is learned.

        Parameters
        ----------
        X : array-like of shape (n, h * w), (n, h, w) or (n, h, w, channels), or list of pictures
            Pictures, as for :meth:`transform`.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DigitNormalizer
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter or a picture is not as described.
        """
        self._check_parameters()
        for _ in self._grouped(X, reset=True):
            pass
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Redraw pictures.

        Parameters
        ----------
        X : array-like of shape (n, h * w), (n, h, w) or (n, h, w, channels), or list of pictures
            Pictures, in any range: rows of grey pixels, or pictures with 1 (grey), 2 (grey,
            opacity), 3 (RGB) or 4 (RGBA) channels. A list, a tuple or an array of objects may hold
            arrays of shape (h, w) or (h, w, channels), Pillow's images and nested lists, of one
            size or of many.

        Returns
        -------
        ndarray of uint8 of shape (n, size * size)
            The redrawn pictures, 0 for the background and up to 255 for strokes; all zeros if no
            digit was found.

        Raises
        ------
        ValueError
            If a parameter or a picture is not as described.
        """
        self._check_parameters()
        parts = [
            (rows, redraw(images, self.size, self.box, self.invert))
            for rows, images in self._grouped(X, reset=False)
        ]
        if len(parts) == 1:
            return parts[0][1]
        out = np.empty((sum(len(rows) for rows, _ in parts), self.size * self.size), np.uint8)
        for rows, drawn in parts:
            out[rows] = drawn
        return out

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the output columns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str
            "pixel0", "pixel1" and so on, row by row.
        """
        return np.array([f"pixel{i}" for i in range(self.size * self.size)], dtype=object)

    def _check_parameters(self) -> None:
        for name in ("size", "box"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"expected {name} to be a whole number from 1 up, got {value!r}")
        if self.box > self.size:
            raise ValueError(f"expected box up to size ({self.size}), got {self.box}")
        is_flag = isinstance(self.invert, numbers.Integral | np.bool_) and self.invert in (0, 1)
        if not (is_flag or (isinstance(self.invert, str) and self.invert == "auto")):
            raise ValueError(f"expected invert to be 'auto', True or False, got {self.invert!r}")
        shape = self.image_shape
        if isinstance(shape, str):
            is_valid = shape in ("auto", "pad")
        else:
            is_pair = isinstance(shape, tuple | list) and len(shape) == 2
            is_valid = is_pair and all(isinstance(length, numbers.Integral) for length in shape)
        if not is_valid:
            raise ValueError(
                f"expected image_shape to be 'auto', 'pad' or (height, width), got {shape!r}"
            )

    def _grouped(self, X: Any, reset: bool) -> Iterator[tuple[Any, np.ndarray]]:
        """Yield groups of pictures of one size and type, with their indices in X."""
        pictures = list_pictures(X)
        if pictures is None:
            if getattr(X, "ndim", 2) < 3:
                X = to_pictures(validate_data(self, X, reset=reset), self.image_shape)
            yield range(len(X)), _check_pictures(X)
            return
        groups: dict[Any, list[int]] = {}
        for i, picture in enumerate(pictures):
            is_large = picture.size > _MANY_NUMBERS
            groups.setdefault(i if is_large else (picture.shape, picture.dtype), []).append(i)
        for rows in groups.values():
            images = pictures[rows[0]][None]
            if len(rows) > 1:
                images = np.stack([pictures[i] for i in rows])
            try:
                images = _check_pictures(images)
            except ValueError:
                for i in rows if images.size else ():
                    check_array(pictures[i], allow_nd=True, input_name=f"picture {i}")
                raise
            yield rows, images

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_pictures(images: Any) -> np.ndarray:
    """Check pictures (n, h, w) or (n, h, w, channels), and return them in the latter shape."""
    checked: np.ndarray = check_array(images, allow_nd=True, ensure_min_features=0)
    if 0 in checked.shape:
        raise ValueError(f"expected pictures with pixels, got shape {checked.shape[1:]}")
    if checked.ndim not in (3, 4):
        raise ValueError(
            "expected pictures of shape (n, height, width) or (n, height, width, channels), got "
            f"{checked.shape}"
        )
    return checked.reshape(len(checked), *channels_last(checked.shape[1:]))
