"""Types of the values that public functions take and return."""

from collections.abc import Hashable, Sequence
from os import PathLike
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray as NDArray

FilePath: TypeAlias = str | PathLike[str]
FilePaths: TypeAlias = FilePath | Sequence[FilePath]
ColumnName: TypeAlias = Hashable | None


class FittedClassifier(Protocol):
    """A fitted classifier with `predict_proba`, or a pipeline, ensemble or search that has it.

    The methods are declared as attributes of any type: scikit-learn has no type annotations, and
    makes the methods of a `Pipeline`, a `VotingClassifier` and a `GridSearchCV` by descriptors,
    which a type checker does not accept for methods.
    """

    @property
    def classes_(self) -> Any:
        """The labels, in the order of the columns of `predict_proba`."""

    @property
    def predict(self) -> Any:
        """Method that takes n images and returns n labels."""

    @property
    def predict_proba(self) -> Any:
        """Method that takes n images and returns an array of shape (n, n_classes)."""
