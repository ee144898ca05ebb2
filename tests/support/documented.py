"""Reads a service's OpenAPI document as Swagger UI does: what it offers to send, and what it says of the answers."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin

import requests

JSON = "application/json"


class Operation(NamedTuple):
    """One operation of a document."""

    document: dict[str, Any]
    address: str  # of the document
    path: str
    method: str

    @property
    def described(self) -> dict[str, Any]:
        """What the document says of it."""
        found: dict[str, Any] = self.document["paths"][self.path][self.method]
        return found

    @property
    def success(self) -> int:
        """The first documented status of a success."""
        return min(int(status) for status in self.described["responses"] if status.startswith("2"))

    @property
    def tokens(self) -> list[str]:
        """The names of the tokens of which one is asked for."""
        return [name for choice in self.described["security"] for name in choice]

    def examples(self, place: str) -> dict[str, str]:
        """The examples of the parameters in `path`, `query` or `header`, by their names."""
        parameters = [each for each in self.described.get("parameters", []) if each["in"] == place]
        return {each["name"]: each["example"] for each in parameters if "example" in each}

    def body(self) -> Any:
        """The example of the body, None where no body is asked for; AssertionError where it is left to be made up."""
        content = self.described.get("requestBody", {}).get("content")
        return content and self.example_of(content[JSON])

    def example_of(self, media: dict[str, Any]) -> Any:
        """The example of a body or answer; AssertionError where there is none."""
        schema = self.document["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
        example = media.get("example", schema.get("example"))
        assert example is not None, f"{self.method} {self.path}: no example of {schema['title']}"
        return example

    def send(self, token: str | None = None, **chosen: Any) -> requests.Response:
        """Send the example as it is offered, to the server of the document."""
        url = urljoin(self.address, self.document["servers"][0]["url"]).rstrip("/")
        headers = self.examples("header") | ({"Authorization": f"Bearer {token}"} if token else {})
        return requests.request(
            self.method,
            url + self.path.format(**self.examples("path")),
            params=self.examples("query"),
            headers=headers,
            json=self.body(),
            timeout=10,
            **chosen,
        )


def read_operations(url: str) -> Iterator[Operation]:
    """Yield the operations of the service at `url`, in the order of its document."""
    address = f"{url}/openapi.json"
    document = requests.get(address, timeout=10).json()
    for path, item in document["paths"].items():
        for method in item:
            yield Operation(document, address, path, method)
