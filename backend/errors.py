"""What can go wrong behind the routes, each error with its HTTP status."""


class ServiceError(Exception):
    """Base of the errors that a caller may see; `detail` is written for that caller."""

    status = 500

    def __init__(
        self,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        members: dict[str, str] | None = None,
    ) -> None:
        """Take the `errors` of single fields, extra HTTP headers, and extra members of the problem document."""
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.headers = headers or {}
        self.members = members or {}


class NotAuthenticated(ServiceError):
    """No valid token, or wrong credentials."""

    status = 401

    def __init__(self, detail: str = "A valid Bearer token is needed.") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class NotFound(ServiceError):
    """There is no such thing."""

    status = 404


class AlreadyExists(ServiceError):
    """The name, address or ISBN is taken; the first argument after the detail names the field."""

    status = 409

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, errors=[{"field": field, "message": detail}])


class PreconditionFailed(ServiceError):
    """`If-Match` names another version than the present one."""

    status = 412


class InvalidField(ServiceError):
    """A well-formed request with a value that cannot be used."""

    status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__("The request holds a field that is not valid.", errors=[{"field": field, "message": message}])


class TooManyFailures(ServiceError):
    """Too many failed log-ins of one account; `retry_after` in seconds."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "Too many failed log-ins for this account. Try again later.",
            headers={"Retry-After": str(retry_after)},
        )


class Unavailable(ServiceError):
    """A store is down, or there is too much work; `retry_after` in seconds."""

    status = 503

    def __init__(self, detail: str, *, retry_after: int = 1, members: dict[str, str] | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, members=members)
