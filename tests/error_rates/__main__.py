"""Simulates soaks and writes how often their rule errs: `python -m tests.error_rates [--recorded FOLDER]`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.error_rates.rates import FORMS, FULL, QUICK, compare_methods, count_runs, measure_power
from tests.error_rates.recorded import count_recorded, read_recorded
from tests.error_rates.table import put_tables
from tests.error_rates.wander import Random, list_noises

PROJECT = Path(__file__).resolve().parents[2]
DATA, DOCUMENT = PROJECT / "docs" / "data" / "soak_error_rates.json", PROJECT / "docs" / "verdicts.md"
SIZES = (10.0, 1.0, 0.1)  # deviations, as multiples of the growth that is allowed in the whole time
POWER_OF = ((FULL, (0, 1, 3)), (QUICK, (0, 1)))  # and the places of their noises


def simulate(runs: int, series: int, source: Random) -> dict[str, Any]:
    """All that is simulated without a recording."""
    noises, found = list_noises(), {"sizes": SIZES, "series": series, "seed": 1}
    rows = []
    for noise in noises:
        for form in FORMS:
            for size in SIZES:
                shares = count_runs(form, noise, size, runs, source)
                rows.append({"noise": noise.name, "form": form.name, "size": size, **shares})
                print(f"{form.name:6} {noise.name:40} {size:5} {shares}", flush=True)
    powers = []
    for form, places in POWER_OF:
        for noise in (noises[place] for place in places):
            for size in (0.01, 0.05, 0.2):
                shares = measure_power(form, noise, size, series, source)
                powers.append({"form": form.name, "noise": noise.name, "size": size, "series": series, **shares})
                print(powers[-1], flush=True)
    methods = []
    for noise in noises:
        methods.append({"noise": noise.name, "shares": compare_methods(noise, series, source)})
        print(methods[-1], flush=True)
    return {**found, "runs": rows, "power": powers, "methods": methods}


def main() -> int:
    """Simulate, write the data, and put the tables into the document."""
    parser = argparse.ArgumentParser("python -m tests.error_rates", description=__doc__)
    parser.add_argument(
        "--recorded", type=Path, action="append", default=[], metavar="FOLDER", help="of a run's results"
    )
    parser.add_argument("--runs", type=int, default=2000, help="runs for each row, usually 2000")
    parser.add_argument("--series", type=int, default=4000, help="series for each method and row, usually 4000")
    parser.add_argument("--tables", action="store_true", help="only write the tables anew from the data")
    options = parser.parse_args()
    if not options.tables:
        source = np.random.default_rng(1)
        recorded = []
        for folder in options.recorded:
            for form in FORMS:
                shares = count_recorded(form, read_recorded(folder), options.runs, source)
                recorded.append({"run": folder.name, "form": form.name, **shares})
        found = {**simulate(options.runs, options.series, source), "recorded": recorded}
        DATA.parent.mkdir(exist_ok=True)
        DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    put_tables(DOCUMENT, json.loads(DATA.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
