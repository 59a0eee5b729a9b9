"""The transformer that reads tables of digits, from files or DataFrames, in a pipeline."""

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from digitcnn._typing import ArrayLike, ColumnName, FilePaths
from digitcnn._utils.refusals import not_installed
from digitcnn.tables.csv_reader import describe_bad_pixel
from digitcnn.tables.frames import put_pixels, read_frame
from digitcnn.tables.readers import pixel_columns_of, read_table

if TYPE_CHECKING:
    from sklearn.utils import Tags

# Attributes of table-like objects other than pandas DataFrames: Series, lazy tables, streams.
_TABLES_HAVE = ("iloc", "collect_schema", "__dataframe__", "__arrow_c_stream__")
# Methods of a dict, an open file, and bytes, which are not accepted as a path.
_NO_TABLES_HAVE = ("keys", "read", "decode")


class DigitCSVTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Read the pixels of digits from CSV or Parquet files or DataFrames, and check them.

    `fit` determines the pixel columns by their names, and `transform` finds them by name, in any
    order. They are named by one prefix and a number (``pixel0`` to ``pixel783``, or ``0`` to
    ``783``) or by row and column (``1x1`` to ``28x28``). The label column and columns with other
    names are ignored. If there is no such family of names, every column except the label is a pixel
    column.

    Parameters
    ----------
    label : object, default="label"
        Name of the label column. It may be missing, at ``fit`` and at ``transform``. None if no
        column is a label.

    Attributes
    ----------
    pixel_columns_ : list of str
        Names of the pixel columns, in the order of the output.
    n_pixels_ : int
        Number of pixel columns.
    n_features_in_ : int
        Number of features, equal to ``n_pixels_``.
    feature_names_in_ : ndarray of str of shape (`n_pixels_`,)
        ``pixel_columns_`` as an array; not set if ``fit`` was given an array.

    See Also
    --------
    DigitNormalizer : Redraws pictures of any size in MNIST's form.
    digitcnn.datasets.read_digits_csv : Reads the pixels and labels of files.

    Notes
    -----
    ``fit`` uses only the column names; ``transform`` checks the values. Without ``fit``,
    ``transform`` determines the pixel columns by the names in its table. The columns of an array
    are the pixels in order. Besides pandas DataFrames, tables with a method ``to_pandas`` are
    accepted: polars (with pyarrow installed) and pyarrow. For cross-validation, pass a DataFrame or
    transform first, because paths cannot be split into rows.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pixel1": [7, 255], "label": [3, 5], "pixel0": [0, 128]})
    >>> DigitCSVTransformer().fit_transform(frame)
    array([[  0,   7],
           [128, 255]], dtype=uint8)
    """

    pixel_columns_: list[str]
    n_pixels_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(self, label: ColumnName = "label") -> None:
        self.label = label

    def fit(self, X: ArrayLike | FilePaths, y: object = None) -> Self:
        """Learn the names of the pixel columns.

        Parameters
        ----------
        X : DataFrame, str, path-like, list of paths, or array-like of shape (n, p)
            The table. Of a list of files, only the first is read.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DigitCSVTransformer
            The fitted transformer.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If a path is not a file.
        ValueError
            If the pixel columns cannot be determined by their names.
        """
        table = _as_pandas(X)
        if _is_table(table):
            self.pixel_columns_ = pixel_columns_of(table, self.label)
            self.feature_names_in_ = np.array(self.pixel_columns_, dtype=object)
            self.n_features_in_ = len(self.pixel_columns_)
        else:
            _, n_columns = validate_data(self, table).shape
            self.pixel_columns_ = [str(i) for i in range(n_columns)]
        self.n_pixels_ = len(self.pixel_columns_)
        return self

    def transform(self, X: ArrayLike | FilePaths) -> np.ndarray:
        """Read the pixels.

        Parameters
        ----------
        X : DataFrame, str, path-like, list of paths, or array-like of shape (n, p)
            The table or the pixels.

        Returns
        -------
        ndarray of uint8 of shape (n, `n_pixels_`)
            The pixels, in the order of ``pixel_columns_``.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If a path is not a file.
        ImportError
            If X is a table of polars and pyarrow is not installed.
        ValueError
            If a file is damaged, a pixel column is missing, or a pixel is not a whole number
            0..255.
        """
        columns = getattr(self, "pixel_columns_", None)
        table = _as_pandas(X)
        if hasattr(table, "iloc"):
            return read_frame(table, self.label, columns)[0]
        if _is_table(table):
            return read_table(table, label=self.label, columns=columns).pixels
        numbers = validate_data(self, table, reset=False)
        pixels = np.empty(numbers.shape, np.uint8)
        bad = put_pixels(numbers, pixels)
        if bad is not None:
            row, column = bad
            problem = describe_bad_pixel(numbers[row, column])
            raise ValueError(f"row {row}, column {column}: {problem}")
        return pixels

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        # Makes scikit-learn's checks pass non-negative integers, as for encoded categories.
        tags.input_tags.categorical = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _as_pandas(X: Any) -> Any:
    """Convert a table of another library to a pandas DataFrame; return anything else unchanged."""
    is_pandas = hasattr(X, "iloc") and hasattr(X, "columns") and not hasattr(X, "compute")
    if is_pandas or isinstance(X, np.ndarray):
        return X
    if hasattr(X, "to_pandas"):
        try:
            frame = X.to_pandas()
        except ImportError as error:
            kind = f"{type(X).__module__}.{type(X).__qualname__}"
            raise not_installed(f"converting a {kind} to pandas", ["pyarrow"], "parquet") from error
        if hasattr(frame, "iloc") and hasattr(frame, "columns"):
            return frame
    elif not any(hasattr(X, name) for name in _TABLES_HAVE + _NO_TABLES_HAVE):
        return X
    raise ValueError(
        f"expected a path, an array, or a DataFrame, got a {type(X).__module__}."
        f"{type(X).__qualname__}. Make it a DataFrame of pandas or polars, or a Table of pyarrow"
    )


def _is_table(X: Any) -> bool:
    """Whether X is a DataFrame, a path or a list of paths, rather than numbers."""
    if isinstance(X, list | tuple):
        return bool(X) and all(isinstance(x, str | os.PathLike) for x in X)
    return isinstance(X, str | os.PathLike) or hasattr(X, "iloc")
