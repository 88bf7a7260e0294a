"""`make chaos SEED=n MINUTES=m`: a soak, its history and its verdict; exit status 1 where a promise was broken."""

import argparse
import sys
from pathlib import Path

import logs
from tests.chaos.soak import soak

FOLDER = Path("var/chaos")


def main() -> int:
    """Run one soak and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what chance begins with")
    parser.add_argument("--minutes", type=float, default=10, help="how long things break")
    parser.add_argument("--out", type=Path, help=f"folder for history, verdict and logs; {FOLDER}/SEED if not given")
    options = parser.parse_args()
    logs.configure("ERROR")
    folder = options.out or FOLDER / str(options.seed)
    verdict = soak(options.seed, options.minutes, folder.resolve())
    print(verdict.summary())
    print(f"{folder}/history.jsonl  {folder}/verdict.json")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
