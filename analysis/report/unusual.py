"""Tells what a reader should know before believing the figures: what was unusual, missing, or could not be seen."""

from analysis.checks.evidence import Evidence
from analysis.findings import NO_OBJECTIVE, Answer
from analysis.records.clocks import measure_shift
from analysis.records.counts import count_closed
from analysis.records.run import Run
from analysis.verdicts import NOT_ASKED

USUAL_BCRYPT_ROUNDS = 12
CLOCK_WORTH_TELLING_S = 0.5
UNTOLD = (NO_OBJECTIVE, NOT_ASKED)  # reasons that the tables and the verdict tell already


def tell_of_run(run: Run) -> list[str]:
    """What holds for every scenario of a run that had a load."""
    notes = []
    if run.profile == "quick":
        notes.append("quick profile: short runs that ask the coarser question; each says what it could not have seen")
    files = run.facts.get("scenario_files")
    named = [file for file in files if isinstance(file, str)] if isinstance(files, list) else []
    if own := [file for file in named if not file.startswith("scenarios/")]:
        notes.append(f"scenario files of one's own: {', '.join(own)}")
    if run.shares_machine:
        notes.append("load and services shared one machine: the services had less of it than they would have alone")
    accounts = run.facts.get("accounts")
    most = max((plan.users for plan in run.plans), default=0)
    if isinstance(accounts, int) and accounts < most:
        notes.append(f"users.csv has {accounts} accounts for up to {most} users: users shared accounts and sessions")
    rounds = str(run.settings("auth").get("bcrypt_rounds"))  # a label, so text
    if rounds.isdecimal() and float(rounds) < USUAL_BCRYPT_ROUNDS:
        notes.append(f"bcrypt cost {rounds}: log-ins are cheaper than at the usual {USUAL_BCRYPT_ROUNDS}")
    return notes


def tell_unusual(evidence: Evidence, answer: Answer) -> list[str]:
    """What holds for one scenario: missing data, checks without a verdict, replaced processes, clocks that differ."""
    if not evidence.ran:
        return []
    notes = [*summarize_gaps(evidence.gaps), *answer.notes]
    notes += [
        f"{c.name}: not judged, {c.reason}" for c in answer.checks if c.verdict is None and c.reason not in UNTOLD
    ]
    notes += tell_of_clocks(evidence)
    if closed := count_closed(evidence.rows):
        said = "1 idle connection was" if closed == 1 else f"{closed} idle connections were"
        notes.append(f"{said} closed by the services and opened again; no request was lost by that")
    if errors := [sample for sample in evidence.samples if sample.error]:
        notes.append(f"{len(errors)} samples could not be taken: {errors[0].error}")
    after = evidence.data.get("after")
    if after and after.own:
        notes.append(f"{after.own} books of this load were left in the catalogue")
    return notes


def tell_of_clocks(evidence: Evidence) -> list[str]:
    """Clocks that differ."""
    return [
        f"the clock of the {service} service is {shift:+.1f} s off; its samples were moved by that"
        for service, shift in measure_shift(evidence.samples).items()
        if abs(shift) > CLOCK_WORTH_TELLING_S
    ]


def summarize_gaps(gaps: list[str]) -> list[str]:
    """The gaps in the files, those of one file after the first as a number."""
    files: dict[str, list[str]] = {}
    for gap in gaps:
        files.setdefault(gap.split(" ", 1)[0], []).append(gap)
    return [found[0] + (f" (and {len(found) - 1} more places)" if len(found) > 1 else "") for found in files.values()]
