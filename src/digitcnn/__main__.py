"""``python -m digitcnn``: the command."""

import sys

from digitcnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
