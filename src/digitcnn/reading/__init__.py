"""Pictures of numbers in, the numbers out."""

from digitcnn.reading.forms import Form, FormField, FormPage
from digitcnn.reading.page import Digit, Line, Number, Page
from digitcnn.reading.reader import DigitReader

__all__ = ["Digit", "DigitReader", "Form", "FormField", "FormPage", "Line", "Number", "Page"]
