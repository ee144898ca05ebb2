"""Reads a report.html as a program does: every tag with its attributes and its text, and what is not well-formed."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}
Attributes = dict[str, str]


@dataclass
class Tag:
    """One element, the text directly and indirectly in it, and the names of those that it is in."""

    name: str
    attributes: Attributes
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page; `faults` says which tags do not close as they opened."""

    source: str
    tags: list[Tag] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    open: list[Tag] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        self.faults += [f"<{tag.name}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Tag(tag, {name: value or "" for name, value in attrs}, tuple(each.name for each in self.open))
        if len(found.attributes) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice: {attrs}")
        if tag == "td":  # what its table and its row say holds for a cell
            found.attributes = {**self._around(), **found.attributes}
        elif tag == "data":
            found.attributes["data-value"] = found.attributes["value"]
        self.tags.append(found)
        if tag not in VOID:
            self.open.append(found)

    def _around(self) -> Attributes:
        """The data-... attributes of the elements that are open."""
        return {name: value for each in self.open for name, value in each.attributes.items() if name[:5] == "data-"}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1].name == tag:
            self.open.pop()
        else:
            self.faults.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            tag.text += data

    def find(self, *names: str, **attributes: str) -> list[Tag]:
        """The tags of these names (of any without one) with these attributes; `data_figure` means data-figure."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            tag for tag in self.tags if (not names or tag.name in names) and wanted.items() <= tag.attributes.items()
        ]

    def text(self, **attributes: str) -> str:
        """All text of the only tag with these attributes, its spaces made one."""
        (tag,) = self.find(**attributes)
        return " ".join(tag.text.split())

    def figure(self, scenario: str, name: str, file: str, check: str = "") -> float:
        """The exact value of a figure (of a check) that the page says comes from this file, the same wherever it is."""
        found = [
            tag
            for tag in self.find("data", data_scenario=scenario, data_figure=name)
            if tag.attributes.get("data-check", "") == check
        ]
        assert found and all(file in tag.attributes["data-source"].split(", ") for tag in found), (
            scenario,
            name,
            found,
        )
        (value,) = {tag.attributes["data-value"] for tag in found}
        return float(value)
