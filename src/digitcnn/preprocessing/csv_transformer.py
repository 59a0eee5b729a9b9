"""The transformer that brings tables of digits, in files or DataFrames, into a pipeline."""

import os
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from digitcnn.tables.csv_reader import describe_bad_pixel
from digitcnn.tables.frames import put_pixels, read_frame
from digitcnn.tables.readers import pixel_columns_of, read_table

# What has to do with tables and is no DataFrame of pandas has: a Series, a lazy table, a stream.
_TABLES_HAVE = ("iloc", "collect_schema", "__dataframe__", "__arrow_c_stream__")
# A dict has the method keys, an open file read, and bytes, which are no path here, decode.
_NO_TABLES_HAVE = ("keys", "read", "decode")


class DigitCSVTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Read the pixels of digits from CSV or Parquet files or DataFrames, and check them.

    The pixel columns are told by their names at ``fit`` and found by their names at ``transform``,
    whatever their order: those named by one prefix and a number (``pixel0`` to ``pixel783``, or
    ``0`` to ``783``) or by row and column (``1x1`` to ``28x28``). The label column and columns of
    other names are left out; where no names belong together, every column but the label is a pixel.

    Parameters
    ----------
    label : object, default="label"
        Name of the label column, which may be there or not, at ``fit`` and at ``transform``.
        None where no column is a label.

    Attributes
    ----------
    pixel_columns_ : list of str
        Names of the pixel columns, in the order of the output.
    n_pixels_ : int
        Number of pixel columns.
    n_features_in_ : int
        The same; columns that are not pixels are no features.
    feature_names_in_ : ndarray of str of shape (`n_pixels_`,)
        ``pixel_columns_`` as an array; not set where ``fit`` was given an array.

    See Also
    --------
    DigitNormalizer : Brings pictures that are not 28 by 28 to MNIST's form.
    digitcnn.datasets.read_digits_csv : Reads pixels and labels of a file at once.

    Notes
    -----
    ``fit`` looks at names only; values are checked at ``transform``. Without ``fit``, ``transform``
    tells the pixel columns by the names of the table that it is given. An array is taken as pixels
    in order, without names. DataFrames are those of pandas, and tables of other libraries that have
    a method ``to_pandas``: polars (with pyarrow installed), pyarrow. Paths are no rows: to
    cross-validate, hand over a DataFrame, or transform first.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pixel1": [7, 255], "label": [3, 5], "pixel0": [0, 128]})
    >>> DigitCSVTransformer().fit_transform(frame)
    array([[  0,   7],
           [128, 255]], dtype=uint8)
    """

    def __init__(self, label: Any = "label") -> None:
        self.label = label

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the names of the pixel columns.

        Parameters
        ----------
        X : DataFrame, str, path-like, list of paths, or array-like of shape (n, p)
            Where the columns are. Of a list of files the first is looked at.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DigitCSVTransformer
            The fitted transformer.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If a path is no file.
        ValueError
            If the pixel columns cannot be told by their names.
        """
        X = _as_pandas(X)
        if _is_table(X):
            self.pixel_columns_ = pixel_columns_of(X, self.label)
            self.feature_names_in_ = np.array(self.pixel_columns_, dtype=object)
            self.n_features_in_ = len(self.pixel_columns_)
        else:
            _, n_columns = validate_data(self, X).shape
            self.pixel_columns_ = [str(i) for i in range(n_columns)]
        self.n_pixels_ = len(self.pixel_columns_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Read the pixels.

        Parameters
        ----------
        X : DataFrame, str, path-like, list of paths, or array-like of shape (n, p)
            Where the pixels are.

        Returns
        -------
        ndarray of uint8 of shape (n, `n_pixels_`)
            The pixels, in the order of ``pixel_columns_``.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If a path is no file.
        ImportError
            If a table of polars is given and pyarrow is not installed.
        ValueError
            If a file is damaged, a pixel column is missing, or a pixel is anything but a whole
            number 0..255.
        """
        columns = getattr(self, "pixel_columns_", None)
        X = _as_pandas(X)
        if hasattr(X, "iloc"):
            return read_frame(X, self.label, columns)[0]
        if _is_table(X):
            return read_table(X, label=self.label, columns=columns).pixels
        X = validate_data(self, X, reset=False)
        pixels = np.empty(X.shape, np.uint8)
        bad = put_pixels(X, pixels)
        if bad is not None:
            row, column = bad
            raise ValueError(f"row {row}, column {column}: {describe_bad_pixel(X[row, column])}")
        return pixels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Whole numbers from 0 up, as codes of categories are: scikit-learn's checks then feed such.
        tags.input_tags.categorical = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _as_pandas(X: Any) -> Any:
    """A table of another library as a DataFrame of pandas; anything else as it is."""
    is_pandas = hasattr(X, "iloc") and hasattr(X, "columns") and not hasattr(X, "compute")
    if is_pandas or isinstance(X, np.ndarray):
        return X
    if hasattr(X, "to_pandas"):
        try:
            frame = X.to_pandas()
        except ImportError as error:
            raise ImportError(
                f"a {type(X).__module__}.{type(X).__qualname__} becomes a DataFrame of pandas by "
                "way of pyarrow: pip install 'digitcnn[parquet]'"
            ) from error
        if hasattr(frame, "iloc") and hasattr(frame, "columns"):
            return frame
    elif not any(hasattr(X, name) for name in _TABLES_HAVE + _NO_TABLES_HAVE):
        return X
    raise ValueError(
        f"expected a path, an array, or a DataFrame, got a {type(X).__module__}."
        f"{type(X).__qualname__}. Make it a DataFrame of pandas or polars, or a Table of pyarrow"
    )


def _is_table(X: Any) -> bool:
    """Whether X is a DataFrame, a path or a list of paths, as against numbers."""
    if isinstance(X, list | tuple):
        return bool(X) and all(isinstance(x, str | os.PathLike) for x in X)
    return isinstance(X, str | os.PathLike) or hasattr(X, "iloc")
