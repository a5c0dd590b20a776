"""`python -m demo up` and `python -m demo down`."""

import argparse
import sys

from demo.story import FOLDER, StepFailedError, tell
from demo.teardown import remove_every_trace
from lab.shell import LabError


def main() -> int:
    """Runs the demo, or removes it."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Tomo on two throwaway servers.")
    parser.add_argument("command", choices=["up", "down"])
    command = parser.parse_args().command
    try:
        remove_every_trace()
        if command == "up":
            tell()
    except (LabError, StepFailedError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        if FOLDER.exists():
            print("demo: what is up stays up for a look; `make demo-down` removes it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
