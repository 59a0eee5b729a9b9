"""Pictures of numbers in, the numbers out."""

from digitcnn.reading.page import Digit, Line, Number, Page
from digitcnn.reading.reader import DigitReader

__all__ = ["Digit", "DigitReader", "Line", "Number", "Page"]
