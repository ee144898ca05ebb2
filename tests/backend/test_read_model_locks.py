"""Two that would build the read model at once, and one that dies over it: none harms what stands."""

from tests.support.clients import Client
from tests.support.projector_runs import check_verified, run_projector, start_projector
from tests.support.read_models import STANDS_AGAIN_S, connect_to_redis, read_version, wait_until
from tests.support.stacks import Stack


def test_two_rebuilds_at_once_do_no_harm(model_stack: Stack, model_books: Client) -> None:
    with start_projector(model_stack, "rebuild") as one, start_projector(model_stack, "rebuild") as other:
        ended = {each: each.communicate(timeout=60) for each in (one, other)}
    assert 0 in (one.returncode, other.returncode)
    assert all(each.returncode == 0 or "another process" in errors for each, (_, errors) in ended.items())
    assert run_projector(model_stack, "verify")[0] == 0


def test_a_rebuild_beside_another_says_so_and_does_nothing(model_stack: Stack, model_books: Client) -> None:
    before = read_version(model_books.get("/api/books"))
    with connect_to_redis(model_stack) as store:
        store.set("catalogue:building", "99999999999999:another", px=20000)
        code, _, errors = run_projector(model_stack, "rebuild")
        store.delete("catalogue:building")
    assert (code, "another process" in errors) == (1, True)
    assert read_version(model_books.get("/api/books")) == before


def test_the_lock_of_a_process_that_died_while_it_built_ends_by_itself(model_stack: Stack, model_books: Client) -> None:
    with connect_to_redis(model_stack) as store:
        store.set("catalogue:building", "99999999999999:dead", px=1500)
        store.delete("catalogue")
        for _ in range(10):
            answer = model_books.get("/api/books?limit=1")
            assert (answer.status_code, read_version(answer)) == (200, None)
        wait_until(
            lambda: read_version(model_books.get("/api/books")) is not None, 1.5 + STANDS_AGAIN_S, "it stands again"
        )
    check_verified(model_stack)


def test_a_rebuild_that_is_killed_leaves_the_old_read_model(model_stack: Stack, model_books: Client) -> None:
    before = model_books.get("/api/books?limit=100")
    with start_projector(model_stack, "rebuild") as process, connect_to_redis(model_stack) as store:
        wait_until(lambda: bool(store.exists("catalogue:building")), 30, "the rebuild has begun")
        ttl = int(str(store.pttl("catalogue:building")))
        process.kill()
        process.communicate(timeout=10)
        assert 0 < ttl <= 30_000
        after = model_books.get("/api/books?limit=100")
        assert (after.content, read_version(after)) == (before.content, read_version(before))
        store.delete("catalogue:building")
    assert run_projector(model_stack, "rebuild")[0] == 0
    assert run_projector(model_stack, "verify")[0] == 0
