"""Fail where too few of the package's names have complete types, as pyright counts them.

``tox -e types`` runs it. pyright looks for the package where Python does.
"""

import json
import subprocess
import sys

LEAST = 0.95


def main() -> None:
    command = ["pyright", "--verifytypes", "digitcnn", "--ignoreexternal", "--outputjson"]
    # pyright exits with 1 unless the types are complete.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["typeCompleteness"]
    score = found["completenessScore"]
    print(f"types that are complete: {score:.1%} (at least {LEAST:.0%})")
    if found["pyTypedPath"] is None or score < LEAST:
        for symbol in found["symbols"]:
            if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]:
                reasons = [one["message"].partition("\n")[0] for one in symbol["diagnostics"]]
                print(f"{symbol['name']}: {'; '.join(reasons) or 'uses one of these'}")
        sys.exit(1)


if __name__ == "__main__":
    main()
