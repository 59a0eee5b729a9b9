"""What `DigitReader` and `Form` have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from digitcnn.reading.page import Document

Result = TypeVar("Result", bound=Document)


class BaseReader(ABC, Generic[Result]):
    """Reads pictures."""

    @abstractmethod
    def read(self, picture: Any) -> Result:
        """Read a picture."""

    def read_many(self, pictures: Iterable[Any]) -> Iterator[Result]:
        """Read pictures of one page each, one after the other.

        Parameters
        ----------
        pictures : iterable
            Pictures as :meth:`read` takes them.

        Yields
        ------
        Page or FormPage
            The result of :meth:`read` for each picture.
        """
        for picture in pictures:
            yield self.read(picture)
