"""Tells what a reader should know before believing the figures: what was unusual, missing, or could not be seen."""

from analysis.checks.evidence import Evidence
from analysis.findings import NO_OBJECTIVE, Answer
from analysis.number_formats import say_count, say_number
from analysis.records.clocks import measure_shift
from analysis.records.counts import count_closed
from analysis.records.results_folder import SERVICES, say_source
from analysis.records.run import Run
from analysis.verdicts import NOT_ASKED

USUAL_BCRYPT_ROUNDS = 12
CLOCK_WORTH_TELLING_S = 0.5
UNTOLD = (NO_OBJECTIVE, NOT_ASKED)  # reasons that the tables and the verdict tell already


def tell_of_run(run: Run) -> list[str]:
    """What holds for every scenario of a run that had a load."""
    notes = []
    if run.profile == "quick":
        notes.append("The quick profile asks coarser questions, because its runs are short.")
    files = run.facts.get("scenario_files")
    named = [file for file in files if isinstance(file, str)] if isinstance(files, list) else []
    if own := [file for file in named if not file.startswith("scenarios/")]:
        notes.append(f"These scenario files are not those of the project: {', '.join(own)}.")
    if run.shares_machine:
        notes.append("Load and services shared one machine, so the services had less of it than they would have alone.")
    notes += [*tell_of_machines(run), *tell_of_accounts(run)]
    rounds = str(run.settings("auth").get("bcrypt_rounds"))  # a label, so text
    if rounds.isdecimal() and float(rounds) < USUAL_BCRYPT_ROUNDS:
        cost = f"the bcrypt cost is {rounds} (usual: {USUAL_BCRYPT_ROUNDS})"
        notes.append(f"Log-ins are cheaper than usual, because {cost}.")
    return notes


def tell_of_machines(run: Run) -> list[str]:
    """In which settings the machines of a service differ, where that breaks no guarantee."""
    notes = []
    for service in SERVICES:
        settings = {name: run.settings(name) for name in run.sources if name.startswith(f"{service} on ")}
        for name in sorted({name for one in settings.values() for name in one}):
            found = {source.partition(" on ")[2]: one.get(name, "unknown") for source, one in settings.items()}
            if len(set(found.values())) > 1:
                values = ", ".join(f"{value} on {machine}" for machine, value in found.items())
                notes.append(f"The machines of the {service} service differ in {name} ({values}).")
    return notes


def tell_of_accounts(run: Run) -> list[str]:
    """That users shared accounts, and what left them so few."""
    accounts = run.facts.get("accounts")
    if not isinstance(accounts, int):
        return []
    fewest = min([accounts, *(plan.shared_accounts for plan in run.plans if plan.shared_accounts)])
    most = max((plan.users for plan in run.plans), default=0)
    if fewest >= most:
        return []
    reason = "users.csv has" if fewest == accounts else "the scenario files give them"
    left = f"{say_count(fewest, 'account')} (for up to {say_count(most, 'user')})"
    return [f"Users shared accounts and sessions, because {reason} {left}."]


def tell_unusual(evidence: Evidence, answer: Answer) -> list[str]:
    """What holds for one scenario: missing data, checks without a verdict, replaced processes, clocks that differ."""
    if not evidence.ran:
        return []
    notes = [*summarize_gaps(evidence.gaps), *answer.notes]
    notes += [
        f"{c.name} was not judged. {c.reason}" for c in answer.checks if c.verdict is None and c.reason not in UNTOLD
    ]
    notes += tell_of_clocks(evidence)
    if closed := count_closed(evidence.rows):
        idle = say_count(closed, "idle connection")
        notes.append(f"The services closed {idle}, and the load opened them again. No request was lost by that.")
    if errors := [sample for sample in evidence.samples if sample.error]:
        notes.append(f"{say_count(len(errors), 'sample')} could not be taken ({errors[0].error}).")
    after = evidence.data.get("after")
    if after and after.own:
        left = f"{say_count(after.own, 'book')} of this load {'was' if after.own == 1 else 'were'}"
        notes.append(f"{left} left in the catalogue.")
    return notes


def tell_of_clocks(evidence: Evidence) -> list[str]:
    """Clocks that differ."""
    return [
        f"The clock of {say_source(source)} is {say_number(abs(shift), 's')} {'ahead' if shift > 0 else 'behind'}. "
        "Its samples were moved by that."
        for source, shift in measure_shift(evidence.samples).items()
        if abs(shift) > CLOCK_WORTH_TELLING_S
    ]


def summarize_gaps(gaps: list[str]) -> list[str]:
    """The first gap of each file in words, and how many more there are."""
    files: dict[str, list[str]] = {}
    for gap in gaps:
        files.setdefault(gap.split(" ", 1)[0], []).append(gap)
    more = {file: f" (and {len(found) - 1} more places)" if len(found) > 1 else "" for file, found in files.items()}
    return [f"{found[0]}{more[file]}." for file, found in files.items()]
