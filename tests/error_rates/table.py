"""Writes what was measured as tables in Markdown, and puts them into a document between two marks."""

from pathlib import Path
from typing import Any

BEGIN, END = "<!-- soak error rates: begin -->", "<!-- soak error rates: end -->"


def write_tables(found: dict[str, Any]) -> str:
    """All tables of the JSON that `python -m tests.error_rates` leaves."""
    return "\n\n".join((write_runs(found), write_recorded(found), write_power(found), write_methods(found)))


def percent(share: float, runs: int) -> str:
    """A share of so many; where there was none, below what it is with 95 % (the rule of three)."""
    if not share:
        return f"< {300 / runs:.1g} %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def write_runs(found: dict[str, Any]) -> str:
    """Runs without growth that fail, or are other than PASS."""
    sizes = found["sizes"]
    head = [f"{form}, {size:g} x" for form in ("full", "quick") for size in sizes]
    lines = [
        "Runs without growth that FAIL (in brackets: other than PASS), where every series of the run wanders with a"
        f" deviation of so many times the growth that is allowed; {found['runs'][0]['runs']} runs each:",
        "",
        f"| wandering | {' | '.join(head)} |",
        f"|:---|{'---:|' * len(head)}",
    ]
    for noise in dict.fromkeys(row["noise"] for row in found["runs"]):
        mine = {(row["form"], row["size"]): row for row in found["runs"] if row["noise"] == noise}
        rows = [mine[form, size] for form in ("full", "quick") for size in sizes]
        cells = [f"{percent(row['fail'], row['runs'])} ({percent(row['other'], row['runs'])})" for row in rows]
        lines.append(f"| {noise} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_recorded(found: dict[str, Any]) -> str:
    """Runs that were drawn from recorded ones."""
    lines = ["Runs without growth, drawn in blocks of 30 s from what recorded soaks leave of a line:", ""]
    lines += ["| recorded | form | series | runs | FAIL | other than PASS |", "|:---|:---|---:|---:|---:|---:|"]
    for row in found["recorded"]:
        shares = percent(row["fail"], row["runs"]), percent(row["other"], row["runs"])
        lines.append(f"| {row['run']} | {row['form']} | {row['series']} | {row['runs']} | {' | '.join(shares)} |")
    return "\n".join(lines)


def write_power(found: dict[str, Any]) -> str:
    """Series that grow by more than allowed, and are found."""
    growths = ("10 %", "20 %", "50 %", "100 %")
    lines = [
        "Series found that grow evenly by so much more than allowed, with a deviation of so many times the growth"
        f" that is allowed in the whole time; {found['power'][0]['series']} each. The report prints from where on"
        " growth is detectable. The last column says in how many of the series such growth was found:",
        "",
        f"| form | wandering | deviation | {' | '.join(growths)} | printed (median) | found |",
        f"|:---|:---|---:|{'---:|' * (len(growths) + 2)}",
    ]
    for row in found["power"]:
        cells = [f"{100 * row[growth]:.0f} %" for growth in growths]
        cells += [f"{row['found_from']:.2f} x allowed", f"{100 * row['printed']:.0f} %"]
        lines.append(f"| {row['form']} | {row['noise']} | {row['size']:g} x | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_methods(found: dict[str, Any]) -> str:
    """What other methods find in series without growth."""
    names = list(found["methods"][0]["shares"])
    lines = [
        f"Full soaks: series without growth in which a slope is found where 0.1 % is claimed; {found['series']} each:",
        "",
        f"| wandering | {' | '.join(names)} |",
        f"|:---|{'---:|' * len(names)}",
    ]
    for row in found["methods"]:
        cells = [percent(row["shares"][name], found["series"]) for name in names]
        lines.append(f"| {row['noise']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def put_tables(document: Path, found: dict[str, Any]) -> None:
    """Replace what stands between the marks of a document; raises ValueError without them."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{write_tables(found)}\n{END}{after}", encoding="utf-8")
