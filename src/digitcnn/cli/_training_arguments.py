"""The arguments of ``digitcnn train``."""

import argparse

from digitcnn.architectures import ARCHITECTURES
from digitcnn.cli._argument_types import fraction, path, positive, whole_number


def add_training_arguments(train: argparse.ArgumentParser, data_help: str, label_help: str) -> None:
    """Add the arguments of ``digitcnn train`` to its parser."""
    train.add_argument(
        "data",
        nargs="?",
        type=path,
        metavar="DATA",
        help=f"{data_help}; default: sample",
    )
    train.add_argument(
        "--out",
        type=path,
        default="digits.digitcnn",
        metavar="FILE",
        help="the model file to write; default: digits.digitcnn",
    )
    train.add_argument(
        "--recipe",
        default="fast",
        metavar="NAME",
        help="a set of training parameters; 'digitcnn info --recipes' lists them; default: fast",
    )
    train.add_argument(
        "--from",
        dest="init",
        type=path,
        metavar="MODEL",
        help="fine-tune this model, a model file or 'pretrained', which needs far fewer digits "
        "than training from scratch; default: start from random weights",
    )
    train.add_argument(
        "--epochs",
        type=whole_number(1),
        metavar="N",
        help="passes over the training digits; default: the recipe's",
    )
    train.add_argument(
        "--learning-rate",
        type=positive,
        metavar="RATE",
        help="the optimizer's step size, such as 0.001; default: the recipe's",
    )
    train.add_argument(
        "--batch-size",
        type=whole_number(1),
        metavar="N",
        help="digits in each step of the optimizer; default: the recipe's",
    )
    train.add_argument(
        "--architecture",
        choices=sorted(ARCHITECTURES),
        help="the network's layers; default: the recipe's",
    )
    train.add_argument(
        "--class-weight",
        choices=["balanced"],
        help="'balanced' weights classes inversely to their frequency; default: equal weights",
    )
    train.add_argument(
        "--validation-fraction",
        type=fraction,
        metavar="FRACTION",
        help="hold out this fraction of the digits to evaluate and calibrate the model, such as "
        "0.1; default: a fifth, at most 2,000 digits",
    )
    train.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="the seed of all random numbers: equal seeds give equal models; default: 0",
    )
    train.add_argument("--label", default="label", metavar="NAME", help=label_help)
    train.add_argument(
        "--stream",
        action="store_true",
        help="keep the pixels in a temporary file beside the model, not in memory",
    )
    train.add_argument(
        "--checkpoint",
        dest="checkpoint_dir",
        type=path,
        metavar="DIR",
        help="save the training after each epoch to this folder; the same command resumes from "
        "there after an interruption; the folder is deleted when the model is saved",
    )
