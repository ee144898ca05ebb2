"""Turns the names of files that report.html mentions into links to those that are in its folder."""

from collections.abc import Callable, Sequence
from urllib.parse import quote

Link = tuple[str, str]  # words, address; "" for a name that leads nowhere


def make_linker(files: Sequence[str], anchors: Sequence[str]) -> Callable[[str], list[Link]]:
    """A function that gives the links of a source, `a.csv, b_*.hlog`.

    A file that is there is linked by its name, which leads there from any place into which the folder is unpacked. The
    files of several processes of a scenario lead to the list of that scenario's files (`anchors` are their sections).
    """
    there = frozenset(files)

    def link(source: str) -> list[Link]:
        return [(name, find_address(name)) for name in source.split(", ")]

    def find_address(name: str) -> str:
        if name in there:
            return quote(name)
        anchor = name.partition("_*")[0]
        return f"#files-{anchor}" if "_*" in name and anchor in anchors else ""

    return link


def list_files(files: Sequence[str], scenario: str) -> list[str]:
    """The files that a scenario has left."""
    return [name for name in files if name.startswith((f"{scenario}.", f"{scenario}_"))]
