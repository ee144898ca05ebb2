"""Writes junit.xml: one suite a scenario, one test for its verdict and one for each objective and check."""

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from analysis.findings import NO_OBJECTIVE, Check, RunReport, ScenarioReport

WHOLE = ""  # the kind of the test about the question: its reason names the verdict of each check
RESULTS = {"FAIL": Failure, "INVALID": Error, "INCONCLUSIVE": Skipped}


def write_junit(report: RunReport) -> str:
    """The text of junit.xml: FAIL is a failure, INVALID an error, INCONCLUSIVE and what was not judged are skipped."""
    document = JUnitXml(report.name)
    for scenario in report.scenarios:
        suite = TestSuite(scenario.name)
        for case in list_cases(scenario):
            suite.add_testcase(case)
        document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser's
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]  # junitparser's
    return text.decode() + "\n"


def list_cases(scenario: ScenarioReport) -> list[TestCase]:
    """The tests of a scenario, the first for its question as a whole; a check without an objective is no test."""
    reasons = " ".join(f"{check.verdict}: {check.reason}" for check in scenario.not_passed)
    whole = Check(scenario.question or scenario.name, WHOLE, scenario.verdict, reasons)
    judged = [check for check in scenario.checks if check.reason != NO_OBJECTIVE]
    cases = [make_case(scenario.name, check) for check in (whole, *judged)]
    cases[0].time = float(scenario.achieved["seconds"])
    return cases


def make_case(scenario: str, check: Check) -> TestCase:
    """One test; its output names each figure and the file it comes from."""
    case = TestCase(check.name, classname=scenario)
    if check.verdict is None:
        case.result = [Skipped(f"not judged: {check.reason}")]
    elif check.verdict != "PASS":
        words = check.reason if check.kind == WHOLE else f"{check.verdict}: {check.reason}"
        case.result = [RESULTS[check.verdict](words, check.verdict)]
    if check.figures:
        lines = [f"{figure.name}: {figure.value} {figure.unit} [{figure.source}]" for figure in check.figures]
        case.system_out = "\n".join(lines)
    return case
