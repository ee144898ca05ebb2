"""The rule of the soak errs as seldom as its document says: on series that wander, and finds what it says it finds."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from analysis.checks.growth import measure_course
from tests.error_rates.rates import FORMS, FULL, QUICK, Form, count_runs, judge, measure_power
from tests.error_rates.rivals import find_by_noise, find_by_ranks
from tests.error_rates.table import BEGIN, END, write_tables
from tests.error_rates.wander import Noise, list_noises, make_autoregressive
from tests.support.read_models import LONG

DOCS = Path(__file__).parents[2] / "docs"
RUNS = 2000 if LONG else 40
SURELY = 1e-6  # chance that a rule that keeps its bound fails here
GAUSSIAN = {noise.name: noise for noise in list_noises() if noise.name.startswith(("independent", "autoregressive"))}


@pytest.mark.parametrize("size", [10.0, 1.0])
@pytest.mark.parametrize(
    ("form", "name"),
    [(FULL, noise.name) for noise in GAUSSIAN.values() if noise.seconds <= 60]
    + [(QUICK, noise.name) for noise in GAUSSIAN.values() if noise.seconds <= 10],
)
def test_at_most_one_in_a_hundred_runs_fails_where_nothing_grows(form: Form, name: str, size: float) -> None:
    rates = count_runs(form, GAUSSIAN[name], size, RUNS, np.random.default_rng(2))
    assert round(rates["fail"] * RUNS) <= binom.ppf(1 - SURELY, RUNS, 0.01)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("noise", list_noises(), ids=lambda noise: str(noise.name))
def test_what_wanders_less_than_it_may_grow_passes(form: Form, noise: Noise) -> None:
    rates = count_runs(form, noise, 0.1, RUNS, np.random.default_rng(3))
    assert round(rates["other"] * RUNS) <= binom.ppf(1 - SURELY, RUNS, 0.01)


def test_the_old_rule_is_seen_to_fail_where_the_new_one_holds() -> None:
    series = make_autoregressive(60, np.random.default_rng(4), 300, FULL.samples, FULL.step)
    allowed = binom.ppf(1 - SURELY, 300, 0.001)
    assert find_by_ranks(series).sum() > allowed >= find_by_noise(series).sum()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_printed_is_found_in_nine_of_ten_runs(form: Form) -> None:
    number = 20_000 if LONG else 500
    noise = Noise("a tenth of the time", form.seconds / 10, partial(make_autoregressive, form.seconds / 10))
    found = measure_power(form, noise, 0.05, number, np.random.default_rng(5))["printed"]
    assert round(found * number) >= binom.ppf(SURELY, number, 0.88)


def test_a_hole_in_the_samples_changes_little() -> None:
    source = np.random.default_rng(6)
    at, values = np.arange(1500.0), make_autoregressive(30, source, 1, 1500, 1)[0]
    there = (at < 600) | (at > 640)
    whole, holed = measure_course(at, values), measure_course(at[there], values[there])
    assert whole is not None
    assert holed is not None
    assert abs(float(whole.slope - holed.slope)) < float(whole.noise)


def test_too_few_samples_have_no_course() -> None:
    assert measure_course(np.arange(19.0), np.zeros(19)) is None
    assert measure_course(np.array([*range(20), *range(1000, 1020)], dtype=float), np.zeros(40)) is None


def test_growth_beyond_any_doubt_fails_and_none_passes() -> None:
    flat = np.zeros((1, FULL.samples))
    assert not judge(FULL, flat, 1.0).other.any()
    assert judge(FULL, flat + 1.01 * np.arange(FULL.samples) / FULL.samples, 1.0).fails.all()


def test_the_document_shows_what_was_simulated() -> None:
    found = json.loads((DOCS / "data" / "soak_error_rates.json").read_text(encoding="utf-8"))
    text = (DOCS / "verdicts.md").read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == write_tables(found)
    held = [row for row in found["runs"] if row["noise"] in GAUSSIAN]
    assert all(row["fail"] <= 0.01 for row in held if row["form"] == "full" and GAUSSIAN[row["noise"]].seconds <= 60)
    assert all(row["other"] <= 0.05 for row in found["recorded"])
