"""What a control of a verdict is: a run that a rule must catch, and a run just inside that rule, which must pass."""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.plan.plan import Plan
from tests.support.made_runs import Break


@dataclass(frozen=True)
class Control:
    """One rule, held against two runs of a scenario file of the project.

    `rule` is the first cell of the rule's row in docs/verdicts.md. `broken` and `inside` say in words how the two runs
    differ from one that is all right, `breaks` and `nearly` do it. `checks` are all that must not pass in the broken
    run, each with `verdict`: a single check but where two look at the same thing. With `others` more may fail.
    """

    rule: str
    scenario: str
    broken: str
    breaks: tuple[Break, ...]
    checks: tuple[str, ...]
    verdict: str
    inside: str = "as planned"
    nearly: tuple[Break, ...] = ()
    profile: str = "quick"
    replan: Callable[[Plan], Plan] | None = None  # the broken run has a plan derived from the real one
    others: bool = False

    @property
    def name(self) -> str:
        """A sentence."""
        return f"{self.profile} {self.scenario}: {self.broken} is {self.verdict}"
