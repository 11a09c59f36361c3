"""``python -m tests.chaos --seconds 3600 --seed 7 --database postgresql``: a campaign, its report, its verdict."""

import argparse
import random
import shutil
import sys
from pathlib import Path

from tests.chaos.campaign import Plan, run
from tests.chaos.report import text_of, write
from tests.kit.folders import lasting_folder
from tests.kit.process_guard import start_guard


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the storm lasts")
    parser.add_argument("--seed", type=int, default=None, help="what everything is drawn from; a new one by default")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--establishments", type=int, default=8)
    parser.add_argument(
        "--output", type=Path, default=None, help="where the report goes; chaos-SEED-DATABASE by default"
    )
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    start_guard()
    plan = Plan(seed=seed, database=options.database, seconds=options.seconds, establishments=options.establishments)
    output = options.output or Path(f"chaos-{seed}-{options.database}")
    print(f"graine {seed}, {options.database}, {options.seconds:.0f} s", flush=True)
    folder = lasting_folder("oda-chaos-")
    outcome = run(plan, folder)
    report = write(outcome, output)
    for log in (folder / "installation").glob("*.log"):
        shutil.copy(log, output)
    print(text_of(outcome))
    print(f"rapport : {report}")
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
