"""The arguments of ``digitcnn read``."""

import argparse

from digitcnn.architectures import PRETRAINED
from digitcnn.cli._argument_types import file_or_input, fraction, path, region


def add_reading_arguments(read: argparse.ArgumentParser, model_help: str) -> None:
    """Add the arguments of ``digitcnn read`` to its parser."""
    read.add_argument(
        "pictures",
        nargs="+",
        type=file_or_input,
        metavar="PICTURE",
        help='an image or PDF file, a folder of them, a pattern such as "scans/*.png", or - for '
        "standard input",
    )
    read.add_argument("--model", type=path, default=PRETRAINED, metavar="MODEL", help=model_help)
    what = read.add_mutually_exclusive_group()
    what.add_argument(
        "--line",
        action="store_true",
        help="each picture shows one line of digits; default: a page with any number of lines",
    )
    what.add_argument("--single", action="store_true", help="each picture shows a single digit")
    read.add_argument(
        "--region",
        type=region,
        metavar="X,Y,W,H",
        help="read only this rectangle of each page: left, top, width and height in pixels, such "
        "as 100,40,600,80, or as fractions of the page, such as 0.5,0,0.5,0.1; default: the page",
    )
    read.add_argument(
        "--length",
        metavar="N",
        help="the digits of each number: 5, or 3-5 for three to five; default: any",
    )
    read.add_argument(
        "--pattern",
        metavar="PATTERN",
        help='the format of each number, such as "##.###,##": # is a digit, other characters '
        "stand for themselves, | separates alternatives",
    )
    read.add_argument(
        "--lexicon",
        type=path,
        metavar="FILE",
        help="a text file of the numbers that may occur, one in each line",
    )
    read.add_argument(
        "--check",
        metavar="luhn|mod11|ean13|iban",
        help="the check digits that each number has; iban also needs a --pattern with the letters, "
        "such as 'DE## #### #### #### #### ##'",
    )
    read.add_argument(
        "--min-confidence",
        type=fraction,
        default=0.0,
        metavar="P",
        help="write ? for digits with a confidence below P, such as 0.9, and (?) behind a number "
        "whose confidence as a whole is below P; default: no marks in the text; --overlay and "
        "--review then mark what is below 0.9",
    )
    read.add_argument(
        "--max-error",
        type=fraction,
        metavar="RATE",
        help="choose --min-confidence by an error rate, such as 0.01: numbers at or above it were "
        "wrong no more often than that on the composed lines that digitcnn was measured on",
    )
    read.add_argument(
        "--csv",
        type=path,
        metavar="FILE",
        help="write a table with a row for each line: file, page, line, text, confidence and "
        "position in pixels",
    )
    read.add_argument(
        "--hocr",
        type=path,
        metavar="FILE",
        help="write text and positions as hOCR, the HTML format of OCR programs",
    )
    read.add_argument(
        "--overlay",
        type=path,
        metavar="DIR",
        help="write a PNG of each page to this folder, with a box around each digit",
    )
    read.add_argument(
        "--form",
        type=path,
        metavar="TEMPLATE",
        help="read filled-in forms: a JSON file says where the fields are; --csv then has a row "
        "for each page and a column for each field",
    )
    read.add_argument(
        "--review",
        type=path,
        metavar="FILE",
        help="with --form, write an HTML page that shows the doubtful fields for you to correct",
    )
