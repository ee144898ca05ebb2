"""Runs experiments with their controls."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tests.faults.findings import Control, Experiment, Finding
from tests.faults.quiet import Quiet
from tests.faults.stand import Stand
from tests.faults.table import Result, seen_to_fail


def run_experiment(stand: Stand, experiment: Experiment, *, with_controls: bool = True) -> Result:
    """Make one fault for the product and for its controls; what breaks on the way is told in the result."""
    controls = [each for each in experiment.controls if with_controls and (stand.form.long or each.cheap)]
    at_once = controls if experiment.together and not stand.form.long else []
    stand.tell(f"{experiment.name}: {experiment.fault} ...")
    started, quiet = time.monotonic(), Quiet(stand)
    findings, *others = run_builds(stand, experiment, at_once, with_product=True)
    found = list(zip(at_once, others, strict=True))
    for control in controls:
        if control not in at_once:
            stand.tell(f"{experiment.name}: control without {control.without} ...")
            found.append((control, run_builds(stand, experiment, [control], with_product=False)[0]))
    result = Result(experiment, findings, found, others=quiet.find_share())
    stand.tell(describe(result, time.monotonic() - started))
    return result


def run_builds(
    stand: Stand, experiment: Experiment, controls: Sequence[Control], *, with_product: bool
) -> list[list[Finding]]:
    """Run the experiment on the product, if asked, and on the builds of these controls, all at once."""
    if experiment.begins_anew or not with_product:
        stand.end_product()
    stand.forget_books()
    with ExitStack() as opened:
        given: dict[str, Any] = {"settings": experiment.settings, "proxied": experiment.proxied}
        subjects = [stand.product(**given)] if with_product else []
        for control in controls:
            lean: dict[str, Any] = (
                {"only": control.only, "beside": subjects[0]} if with_product and control.only else {}
            )
            build = stand.run(control.without, control.cuts, **given, **lean)
            subjects.append(opened.enter_context(build))
        return experiment.run(stand, subjects)


def describe(result: Result, seconds: float) -> str:
    """Return a few lines on a result."""
    verdict = "holds" if result.holds else "FAILS"
    lines = [f"{result.experiment.name}: {verdict} ({seconds:.0f} s; others had {result.others:.2f} cores)"]
    for each in result.findings:
        lines.append(f"  {'ok  ' if each.holds else 'FAIL'} {each.what}: {each.measured} (bound {each.bound})")
    for control, findings in result.controls:
        seen = seen_to_fail(control, findings)
        lines.append(f"  {'ok  ' if seen else 'FAIL'} control without {control.without}: {'; '.join(control.fails)}")
        lines += [f"         {each.what}: {each.measured}" for each in findings if not each.holds]
    return "\n".join(lines)
