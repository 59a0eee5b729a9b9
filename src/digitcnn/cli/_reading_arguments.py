"""What ``digitcnn read`` takes."""

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
        help="an image or PDF file, a folder of them, a pattern as 'scans/*.png', or - for "
        "standard input",
    )
    read.add_argument("--model", type=path, default=PRETRAINED, metavar="MODEL", help=model_help)
    what = read.add_mutually_exclusive_group()
    what.add_argument("--line", action="store_true", help="each picture shows one line")
    what.add_argument("--single", action="store_true", help="each picture shows one digit")
    read.add_argument(
        "--region",
        type=region,
        metavar="X,Y,W,H",
        help="read this part of each page: left, top, width and height in pixels, or in parts of "
        "the page, as 0.5,0,0.5,0.1",
    )
    read.add_argument(
        "--length", metavar="N", help="how many digits a number has: 5, or 3-5 with both ends"
    )
    read.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="what a number looks like: # is a digit, other signs are themselves, as '##.###,##'; "
        "| stands between several patterns",
    )
    read.add_argument(
        "--lexicon",
        type=path,
        metavar="FILE",
        help="a text file with what a number may be, one in each line",
    )
    read.add_argument(
        "--check",
        metavar="luhn|mod11|ean13|iban",
        help="the check digits of a number; iban needs a pattern with the letters, as "
        "'DE## #### #### #### #### ##'",
    )
    read.add_argument(
        "--min-confidence",
        type=fraction,
        default=0.0,
        metavar="P",
        help="write ? for digits that are less sure, such as 0.9, and (?) behind a number that is "
        "less sure as a whole",
    )
    read.add_argument(
        "--max-error",
        type=fraction,
        metavar="RATE",
        help="the same for numbers and digits that are less sure than composed lines of which that "
        "part was wrong, such as 0.01",
    )
    read.add_argument(
        "--csv",
        type=path,
        metavar="FILE",
        help="write a table of the lines: file, page, line, text, confidence and place",
    )
    read.add_argument(
        "--hocr", type=path, metavar="FILE", help="write what is read as hOCR, for archives"
    )
    read.add_argument(
        "--overlay",
        type=path,
        metavar="DIR",
        help="write each page with frames around its digits to this folder",
    )
