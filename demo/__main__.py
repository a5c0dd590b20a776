"""`python -m demo up` and `python -m demo down`."""

import argparse
import sys
from pathlib import Path

from demo.story import Place, StepFailedError, tell
from demo.teardown import remove_every_trace
from lab.shell import LabError

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Runs the demo, or removes it."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Tomo on two throwaway servers.")
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where its files go")
    parser.add_argument("--name", default="tomo-demo", help="what its containers' names begin with")
    asked = parser.parse_args()
    place = Place(asked.name, asked.folder.resolve())
    try:
        remove_every_trace(place)
        if asked.command == "up":
            tell(place)
    except (LabError, StepFailedError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        print("demo: what is up stays up for a look; `make demo-down` removes it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
