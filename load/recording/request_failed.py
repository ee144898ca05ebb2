"""The exception that fails a request: its kind goes into the record, its text into Locust's list of failures."""

from locust.exception import CatchResponseError

from analysis.records.failures import WRONG, Kind, make_text


class RequestFailed(CatchResponseError):
    """A request that failed, and of which kind: "wrong" unless another is given."""

    def __init__(self, words: str, kind: Kind = WRONG) -> None:
        """Make the text that Locust lists from the kind and the words."""
        super().__init__(make_text(kind, words))
        self.kind = kind

    def __repr__(self) -> str:  # which Locust lists: the text without the name of the class
        return str(self)
