"""Deals comparisons out of long recordings: their blocks stay in their order, and only the sides are given anew.

Blocks drawn at random would have no drift, and no neighbour that comes and goes: the test would be right by
construction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.compare.blocks import Block, Recording, cut_block, read_recording
from analysis.compare.judging import INVALID, Finding, conclude, judge_pairs, list_worse
from analysis.compare.pairs import count_needed, pair_blocks
from analysis.records.comparison import SIDES, read_comparison
from analysis.records.endpoints import ALL_BUT_LOGIN
from analysis.records.gaps import Gaps

NAIVE = 0.10  # by which the p50 of two whole stretches must differ to be told apart by eye


@dataclass(frozen=True)
class Stream:
    """The blocks of one side of a recording, in their order, and the recording itself."""

    blocks: list[Block]
    recording: Recording


@dataclass(frozen=True)
class Dealt:
    """One comparison: its blocks with the sides that they were given, and the p50 of two whole stretches."""

    blocks: list[Block]
    naive: tuple[float, float]

    def judge(self, within: float) -> tuple[str, list[Finding]]:
        """The verdict as of a comparison that was run, and its findings; INVALID with too few whole pairs."""
        pairs = pair_blocks(self.blocks)
        if len(pairs) < count_needed([block.pair for block in self.blocks]):
            return INVALID, []
        findings = judge_pairs(pairs, within)
        return conclude(findings, list_worse(findings, within)), findings

    @property
    def is_naively_different(self) -> bool:
        """Whether the stretches differ by more than NAIVE, in either direction."""
        ratio = self.naive[1] / self.naive[0]
        return not 1 / (1 + NAIVE) <= ratio <= 1 + NAIVE


def read_stream(folder: Path, side: str, seconds: int) -> Stream:
    """The first `seconds` of each block of a side; raises RunError without a plan, ValueError for too short blocks."""
    planned = [block for block in read_comparison(folder).blocks if block.side == side]
    if not planned:
        raise ValueError(f"{folder} has no blocks of side {side.upper()}")
    if min(block.end - block.start for block in planned) < seconds:
        raise ValueError(f"{folder} has blocks of side {side.upper()} that are shorter than {seconds} s")
    recording = read_recording(folder, side, Gaps())
    return Stream([cut_block(replace(block, end=block.start + seconds), recording) for block in planned], recording)


def list_starts(length: int, needed: int, least: int) -> list[int]:
    """Shifting starts for windows of `needed` blocks, as far apart as gives at least so many windows.

    The step is odd where it can be, so that each block is dealt to either side; raises ValueError where blocks lack.
    """
    room = length - needed
    if room < least - 1:
        raise ValueError(f"{length} blocks are too few for {least} comparisons of {needed}; record a longer stream")
    step = max(1, room // max(1, least - 1))
    return list(range(0, room + 1, step if step % 2 else step - 1))


def deal_same(stream: Stream, pairs: int, least: int) -> list[Dealt]:
    """A against A: each window of 2 * `pairs` blocks in their order, dealt A B B A."""
    dealt = []
    for start in list_starts(len(stream.blocks), 2 * pairs, least):
        window = stream.blocks[start : start + 2 * pairs]
        blocks = [replace(block, pair=place // 2, side=name_side(place)) for place, block in enumerate(window)]
        halves = find_p50(stream, window[:pairs]), find_p50(stream, window[pairs:])
        dealt.append(Dealt(blocks, halves))
    return dealt


def deal_both(a: Stream, b: Stream, pairs: int, least: int) -> list[Dealt]:
    """A against B: the blocks of the same number of both streams are a pair.

    The naive comparison has A in the first half of the time and B in the second, as two runs have.
    """
    dealt = []
    for start in list_starts(min(len(a.blocks), len(b.blocks)), pairs, least):
        windows = [stream.blocks[start : start + pairs] for stream in (a, b)]
        blocks = [
            replace(block, pair=pair, side=side)
            for side, window in zip(SIDES, windows, strict=True)
            for pair, block in enumerate(window)
        ]
        halves = find_p50(a, windows[0][: pairs // 2]), find_p50(b, windows[1][pairs // 2 :])
        dealt.append(Dealt(blocks, halves))
    return dealt


def name_side(place: int) -> str:
    """The side of a block by its place: A B B A ..."""
    pair, is_second = divmod(place, 2)
    return SIDES[is_second ^ (pair % 2)]


def find_p50(stream: Stream, blocks: Sequence[Block]) -> float:
    """The median in ms of all answers of a stretch, from its first block to its last; raises ValueError without any."""
    inside = stream.recording.latencies.between(blocks[0].start, blocks[-1].end).of_groups(*ALL_BUT_LOGIN)
    p50 = inside.percentile(0.5)
    if p50 is None:
        raise ValueError("a stretch without answers")
    return p50
