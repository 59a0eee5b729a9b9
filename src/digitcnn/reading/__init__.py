"""Pictures of numbers in, the numbers out."""

from digitcnn.reading.form_page import FormField, FormPage
from digitcnn.reading.forms import Form
from digitcnn.reading.page import Digit, Line, Number, Page
from digitcnn.reading.reader import DigitReader

__all__ = ["Digit", "DigitReader", "Form", "FormField", "FormPage", "Line", "Number", "Page"]
