"""What the pairs of a comparison are judged to be: SLOWER, FASTER, SAME or CANNOT TELL, alone and together."""

import numpy as np
import pytest

from analysis.compare.blocks import Answers, Block
from analysis.compare.judging import (
    CANNOT_TELL,
    FASTER,
    SAME,
    SLOWER,
    Finding,
    conclude,
    decide,
    judge_pairs,
    list_worse,
)
from analysis.compare.pairs import ALL, COST, FEWEST_ANSWERS, LOGIN_COST, P50, P95, RATE, Pair, pair_blocks
from analysis.compare.words import list_reasons, say_answer

LIST, ADD = "GET /api/books", "POST /api/books"


def make_block(pair: int, side: str, noise: float = 1.0, **factors: float) -> Block:
    """A block of 10 s with 500 answers; `slow` is the factor of all latencies, `add` of those of ADD alone, `cost` of
    the processor time, `tail` of the p95 alone.
    """
    slow, add, cost, tail = (factors.get(name, 1.0) for name in ("slow", "add", "cost", "tail"))
    ms = 10 * noise * slow
    return Block(
        side=side,
        pair=pair,
        start=1000 + 30 * pair,
        end=1010 + 30 * pair,
        everything=Answers(500, ms, 3 * ms * tail, 1.2 * ms),
        endpoints={LIST: Answers(480, ms, 3 * ms, 1.2 * ms), ADD: Answers(20, 2 * ms * add, 4 * ms, 2.2 * ms)},
        cpu_s={"books": 1.5 * cost * noise, "auth": 0.3},
        asked={"books": 500, "auth": 2},
        requests=502,
        wrong=0,
        shed=0,
    )


def make_pairs(number: int = 12, noise: float = 0.02, **b: float) -> list[Pair]:
    """Pairs whose B differs from A by some factors, under noise."""
    source = np.random.default_rng(3)
    factors = np.exp(source.normal(0, noise, (number, 2)))
    return [
        Pair(make_block(pair, "a", float(factors[pair, 0])), make_block(pair, "b", float(factors[pair, 1]), **b))
        for pair in range(number)
    ]


def verdicts(findings: list[Finding]) -> dict[tuple[str, str], str | None]:
    """The verdict of each measure."""
    return {(each.scope, each.measure.title): each.verdict for each in findings}


def test_the_same_build_is_the_same() -> None:
    findings = judge_pairs(make_pairs(), 0.10)
    assert conclude(findings) == SAME
    assert {each.verdict for each in findings if each.verdict} == {SAME}
    assert "as fast as A" in say_answer(SAME, findings, 0.10)


def test_a_build_that_costs_a_fifth_more_is_slower_and_says_in_what() -> None:
    findings = judge_pairs(make_pairs(cost=1.2), 0.10)
    assert conclude(findings) == SLOWER
    found = verdicts(findings)
    assert found[ALL, COST.title] == SLOWER
    assert found[ALL, P50.title] == found[ALL, RATE.title] == SAME
    (cost,) = [each for each in findings if each.measure == COST]
    assert cost.ratio == pytest.approx(1.2, rel=0.02)
    assert cost.low and cost.high and 1.1 < cost.low < 1.2 < cost.high < 1.3
    assert "processor time per answer +" in say_answer(SLOWER, findings, 0.10)


def test_a_build_that_costs_a_fifth_less_is_faster() -> None:
    assert conclude(judge_pairs(make_pairs(cost=0.8), 0.10)) == FASTER


def test_measures_that_disagree_make_it_slower_and_both_are_said() -> None:
    findings = judge_pairs(make_pairs(cost=1.3, slow=0.7), 0.10)
    assert conclude(findings) == SLOWER
    words = say_answer(SLOWER, findings, 0.10)
    assert "B is slower" in words and "The measures disagree" in words and "p50 -30 %" in words
    assert {kind for kind, _ in list_reasons([], findings)} == {SLOWER, FASTER}


def test_a_difference_inside_the_band_is_the_same_however_sure_it_is() -> None:
    pairs = make_pairs(noise=0.005, cost=1.05)
    (wide,) = [each for each in judge_pairs(pairs, 0.10) if each.measure == COST]
    (narrow,) = [each for each in judge_pairs(pairs, 0.02) if each.measure == COST]
    assert wide.low and wide.low > 1
    assert (wide.verdict, narrow.verdict) == (SAME, SLOWER)


def test_noise_that_hides_a_tenth_cannot_tell() -> None:
    findings = judge_pairs(make_pairs(noise=0.3), 0.10)
    assert conclude(findings) == CANNOT_TELL
    assert "do not tell" in say_answer(CANNOT_TELL, findings, 0.10)


def test_a_tail_that_is_worse_keeps_it_from_same_and_from_faster_and_a_better_one_does_not() -> None:
    for cost in (1.0, 0.8):
        findings = judge_pairs(make_pairs(tail=5.0, cost=cost), 0.10)
        (worse,) = list_worse(findings, 0.10)
        assert (worse.measure, worse.verdict) == (P95, None)
        assert conclude(findings, [worse]) == CANNOT_TELL
        assert "B is worse in what is not judged: p95 +" in say_answer(CANNOT_TELL, findings, 0.10, [worse])
        told = [words for verdict, words in list_reasons([], findings, [worse]) if verdict == CANNOT_TELL]
        assert len(told) == 1 and told[0].endswith("not judged, but worse.")
    assert list_worse(judge_pairs(make_pairs(tail=0.2), 0.10), 0.10) == []
    slower = judge_pairs(make_pairs(tail=5.0, cost=1.3), 0.10)
    assert conclude(slower, list_worse(slower, 0.10)) == SLOWER
    assert list_worse(judge_pairs(make_pairs(tail=5.0), 0.10, saturate=True), 0.10, saturate=True) == []


def test_one_measure_that_cannot_tell_is_enough_not_to_be_the_same() -> None:
    at = {COST: SAME, P50: CANNOT_TELL, RATE: SAME}
    assert conclude([Finding(ALL, measure, 12, verdict=verdict) for measure, verdict in at.items()]) == CANNOT_TELL


def test_more_answers_a_second_are_faster_and_fewer_slower() -> None:
    more, fewer = (
        Finding(ALL, RATE, 12, ratio=ratio, low=ratio * 0.95, high=ratio * 1.05, p=0.0001) for ratio in (1.3, 0.7)
    )
    assert (decide(more, 0.1), decide(fewer, 0.1)) == (FASTER, SLOWER)


def test_a_single_slow_endpoint_makes_it_slower_and_is_named() -> None:
    findings = judge_pairs(make_pairs(add=1.3), 0.10)
    assert conclude(findings) == SLOWER
    assert [each.scope for each in findings if each.verdict == SLOWER] == [ADD]
    assert ADD in say_answer(SLOWER, findings, 0.10)
    assert [kind for kind, words in list_reasons([], findings) if ADD in words] == [SLOWER]


def test_a_single_fast_endpoint_does_not_make_the_whole_faster() -> None:
    findings = judge_pairs(make_pairs(add=0.6), 0.10)
    assert verdicts(findings)[ADD, P50.title] == FASTER
    assert conclude(findings) == SAME


def test_an_endpoint_with_few_answers_in_a_block_is_left_out() -> None:
    few = Answers(FEWEST_ANSWERS - 1, 10.0, 10.0, 10.0)
    pairs = make_pairs(add=1.3)
    for pair in pairs[: len(pairs) - 5]:
        pair.a.endpoints[ADD] = few
    assert not [each for each in judge_pairs(pairs, 0.10) if each.scope == ADD]


def test_at_the_limit_only_the_answers_a_second_are_judged() -> None:
    findings = judge_pairs(make_pairs(cost=1.5, slow=2.0), 0.10, saturate=True)
    assert [(each.scope, each.measure) for each in findings if each.verdict] == [(ALL, RATE)]
    assert conclude(findings) == SAME
    assert (ALL, COST.title) in verdicts(findings)


def test_nine_pairs_are_too_few_for_a_family_of_three_and_ten_are_enough() -> None:
    found = {number: conclude(judge_pairs(make_pairs(number, cost=2.0), 0.10)) for number in (6, 9, 10)}
    assert found == {6: CANNOT_TELL, 9: CANNOT_TELL, 10: SLOWER}


def test_a_swap_of_the_sides_turns_the_verdict_round() -> None:
    swapped = [Pair(pair.b, pair.a) for pair in make_pairs(cost=1.2)]
    assert conclude(judge_pairs(swapped, 0.10)) == FASTER


def test_a_pair_without_one_of_its_blocks_is_not_whole() -> None:
    blocks = [block for pair in make_pairs(3) for block in (pair.a, pair.b)]
    assert [pair.a.pair for pair in pair_blocks(blocks)] == [0, 1, 2]
    assert [pair.a.pair for pair in pair_blocks(blocks[1:])] == [1, 2]
    blocks[3].cpu_s.pop("books")
    assert [pair.a.pair for pair in pair_blocks(blocks)] == [0, 2]


def test_log_ins_do_not_count_in_the_processor_time_per_answer() -> None:
    pairs = make_pairs()
    for pair in pairs:
        pair.b.cpu_s["auth"] = 3.0
    findings = judge_pairs(pairs, 0.10)
    assert conclude(findings) == SAME
    (login,) = [each for each in findings if each.measure == LOGIN_COST]
    assert login.ratio == pytest.approx(10) and login.verdict is None
