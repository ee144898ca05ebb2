"""What a script or a load is refused with: one line for the user, and the exit code that goes with it."""

WRONG_USE = 64  # EX_USAGE of sysexits.h: what was asked for cannot be done as asked
BROKEN = 3  # no service answers, or not as it should
INTERRUPTED = 130  # by Ctrl-C


class Refused(Exception):
    """Something the user has to put right: one line to show, and the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = WRONG_USE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
