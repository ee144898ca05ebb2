"""A shape in the main locustfile replaces the planned load, with exit code 0; our rules find the run INVALID."""

from lessons.place import Place
from lessons.shape_in_the_main_file.experiment import USERS, run


def test_a_shape_in_the_file_makes_ten_times_the_users_and_only_the_plan_tells(place: Place) -> None:
    figures = run(place, short=True).figures
    assert figures["mistake most users"] == 10 * USERS
    assert figures["cure most users"] == USERS
    assert figures["mistake exit code"] == figures["cure exit code"] == 0
    assert (figures["mistake is invalid"], figures["cure is invalid"]) == (True, False)
