"""Writes compare.xml for a CI server: a test for the verdict, one for each measure that was judged, one a check."""

from junitparser import JUnitXml, TestSuite

from analysis.compare.comparison import Comparison
from analysis.compare.judging import CANNOT_TELL, DIFFERS, FASTER, INVALID, SAME, SLOWER, Finding
from analysis.compare.words import say_finding
from analysis.findings import FAIL, INCONCLUSIVE, PASS, Check
from analysis.findings import INVALID as INVALID_CHECK
from analysis.report.junit_file import WHOLE, make_case

RESULTS = {
    SLOWER: FAIL,
    FASTER: PASS,
    SAME: PASS,
    CANNOT_TELL: INCONCLUSIVE,
    DIFFERS: INCONCLUSIVE,
    INVALID: INVALID_CHECK,
}


def write_junit(comparison: Comparison) -> str:
    """The text of compare.xml: SLOWER is a failure, INVALID an error, CANNOT TELL and DIFFERS are skipped."""
    suite = TestSuite("compare")
    answer = f"{comparison.verdict}: {comparison.answer}"
    whole = Check("Is B slower than A?", WHOLE, RESULTS[comparison.verdict], answer)
    judged = [describe(finding) for finding in comparison.findings if finding.verdict]
    for check in (whole, *judged, *comparison.checks):
        suite.add_testcase(make_case(comparison.scenario or comparison.kind, check))
    document = JUnitXml(comparison.name)
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser's
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]  # junitparser's
    return text.decode() + "\n"


def describe(finding: Finding) -> Check:
    """The test of a measure."""
    words = f"{finding.verdict}: {say_finding(finding)}"
    return Check(f"{finding.scope}: {finding.measure.title}", WHOLE, RESULTS[finding.verdict or CANNOT_TELL], words)
