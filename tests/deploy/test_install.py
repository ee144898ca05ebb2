"""deploy/install.sh on a fresh Debian that systemd has booted: what a reader of docs/vm.md types, and a boot after.

A VM at a provider has a network, a firewall and a kernel of its own; these have none. Ubuntu is not tried.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stacks import PROJECT
from tests.support.vm import VM, make_system, run_vm

LONG = os.environ.get("LONG_CHECKS") == "1"
pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not LONG or os.geteuid() != 0, reason="long form only, for root: it boots a fresh Debian"),
]
INSTALL = "/root/project/deploy/install.sh"
UNITS = "libros-auth libros-books"
MADE = "/opt/libros/.env /etc/systemd/system/libros-* /etc/mysql/mariadb.conf.d/99-libros.cnf /etc/redis"
LOCAL, ANYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - no listening
STORES = {f"{LOCAL}:3306", f"{LOCAL}:6379"}
HIGHEST_EXPOSURE = 1.5  # of systemd's figure from 0 to 10, where 10 is a service without any limit
LAPTOP, OTHER = "198.51.100.4", "198.51.100.5"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def vm(request: pytest.FixtureRequest) -> Iterator[VM]:
    """A fresh system; made anew unless TEST_SYSTEMS names a folder in which those of earlier runs are kept."""
    with tempfile.TemporaryDirectory(prefix="libros-vm-", ignore_cleanup_errors=True) as name:
        folder = Path(os.environ.get("TEST_SYSTEMS", name))
        with run_vm(make_system(folder, request.param), Path(name) / "vm") as booted:
            yield booted


@pytest.fixture(scope="module")
def installed(vm: VM) -> str:
    """What the first call of install.sh printed."""
    return vm.ask(f"{INSTALL} 2>&1")


def listening(vm: VM) -> set[str]:
    """Return the addresses on which the system listens."""
    return set(vm.ask("ss -Hltn | awk '{print $4}'").splitlines())


def status(vm: VM, url: str, *options: str) -> str:
    """Return the status of the answer to a GET, 000 without an answer."""
    return vm.run(f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' {' '.join(options)} {url}").stdout


def test_one_call_sets_all_up_and_only_the_services_listen_beyond_this_machine(vm: VM, installed: str) -> None:
    for port in (5000, 5001):
        assert status(vm, f"http://{LOCAL}:{port}/ready") == "200"
    assert listening(vm) == STORES | {f"{ANYWHERE}:5000", f"{ANYWHERE}:5001"}
    assert "open TCP ports 5000 and 5001 for the address of your laptop alone" in installed


def test_the_line_for_the_laptop_holds_the_token_that_the_metrics_ask_for(vm: VM, installed: str) -> None:
    line = next(line for line in installed.splitlines() if "./run_all_tests.sh" in line)
    token = line.split()[0].removeprefix("METRICS_TOKEN=")
    assert line.split()[1:] == ["./run_all_tests.sh", "--quick", "--host", "VM-ADDRESS"]
    for port in (5000, 5001):
        assert status(vm, f"http://{LOCAL}:{port}/metrics") == "401"
        assert status(vm, f"http://{LOCAL}:{port}/metrics", "-H", f"'Authorization: Bearer {token}'") == "200"


@pytest.mark.usefixtures("installed")
def test_the_secrets_are_for_the_services_alone_and_redis_keeps_nothing_on_the_disk(vm: VM) -> None:
    assert vm.ask("stat -c '%U %G %a' /opt/libros/.env") == "libros libros 600"
    assert vm.ask("stat -c '%U %G %a' /etc/redis/libros.conf") == "root redis 640"
    assert vm.ask("find /opt/libros -not -name .env -user libros") == ""
    redis = "REDISCLI_AUTH=$(sed -En 's#REDIS_URL=redis://:(.*)@.*#\\1#p' /opt/libros/.env) redis-cli"
    assert vm.ask(f"{redis} CONFIG GET save").splitlines() == ["save"]
    assert vm.ask(f"{redis} CONFIG GET appendonly").splitlines() == ["appendonly", "no"]
    assert "NOAUTH" in vm.ask("redis-cli PING")
    assert vm.ask("mariadb -BNe 'SELECT COUNT(*) FROM Libros.books'") == "5000"


@pytest.mark.usefixtures("installed")
def test_the_services_may_do_what_they_need_and_no_more(vm: VM) -> None:
    for name in UNITS.split():
        pid = vm.ask(f"systemctl show --value -p MainPID {name}")
        facts = dict(line.split(":\t") for line in vm.ask(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
        assert (facts["NoNewPrivs"], facts["Seccomp"], facts["CapBnd"].strip("0")) == ("1", "2", "")
        assert vm.ask(f"stat -c %U /proc/{pid}") == "libros"
        assert vm.ask(f"nsenter -t {pid} -m touch /opt/libros/x 2>&1 || true").endswith("Read-only file system")
        figure = vm.ask(f"systemd-analyze security {name} --no-pager | tail -n 1").rpartition(": ")[2].split()[0]
        assert float(figure) <= HIGHEST_EXPOSURE, f"{name}: {figure}"
        assert vm.ask(f"systemd-analyze verify {name}.service 2>&1") == ""
        assert "Operation not permitted" not in vm.ask(f"journalctl -o cat -u {name}")


@pytest.mark.usefixtures("installed")
def test_the_workers_can_be_held_to_cores_as_a_setting_asks(vm: VM) -> None:
    vm.ask("echo PIN_WORKERS=true >> /opt/libros/.env && systemctl restart libros-auth")
    vm.await_answer(f"curl -sf http://{LOCAL}:5000/ready", 30)
    cores = vm.ask(
        "for each in $(pgrep -P $(systemctl show --value -p MainPID libros-auth)); do taskset -cp $each; done"
    )
    assert {line.rpartition(": ")[2] for line in cores.splitlines()} <= {str(core) for core in range(64)}


@pytest.mark.usefixtures("installed")
def test_a_service_that_is_killed_comes_back(vm: VM) -> None:
    pid = vm.ask("systemctl show --value -p MainPID libros-books")
    vm.ask(f"kill -KILL {pid}")
    vm.await_answer(f"test $(systemctl show --value -p MainPID libros-books) -gt 0 && ! test -d /proc/{pid}", 10)
    vm.await_answer(f"curl -sf http://{LOCAL}:5001/ready", 30)


@pytest.mark.usefixtures("installed")
def test_a_second_call_keeps_what_is_there(vm: VM) -> None:
    sums = f"find {MADE} -type f | sort | xargs sha256sum"
    before, listened = vm.ask(sums), listening(vm)
    vm.ask(f"{INSTALL} 2>&1")
    assert vm.ask(sums) == before
    assert listening(vm) == listened
    assert "PIN_WORKERS=true" in vm.ask("cat /opt/libros/.env")


@pytest.mark.usefixtures("installed")
def test_a_load_test_of_it_passes(vm: VM, tmp_path: Path) -> None:
    line = f"{PROJECT}/run_all_tests.sh --quick --only smoke,read_heavy --host {LOCAL} --out {tmp_path}/out".split()
    token = vm.ask("sed -n s/METRICS_TOKEN=//p /opt/libros/.env")
    variables = {**os.environ, "METRICS_TOKEN": token, "STACK_DIR": str(tmp_path / "stack")}
    ran = subprocess.run(
        [*vm.enter("--net"), *line], check=False, env=variables, capture_output=True, text=True, timeout=400
    )
    assert ran.returncode in (0, 2), ran.stdout + ran.stderr
    scenarios = json.loads((tmp_path / "out" / "summary.json").read_text())["scenarios"]
    assert {each["name"] for each in scenarios} == {"smoke", "read_heavy"}
    assert [each["reasons"] for each in scenarios if each["name"] == "smoke" and each["verdict"] != "PASS"] == []


@pytest.mark.usefixtures("installed")
def test_all_of_it_comes_back_after_a_power_cut(vm: VM) -> None:
    vm.end()
    vm.boot()
    for port in (5000, 5001):
        vm.await_answer(f"curl -sf http://{LOCAL}:{port}/ready", 60)
    assert listening(vm) == STORES | {f"{ANYWHERE}:5000", f"{ANYWHERE}:5001"}


@pytest.mark.usefixtures("installed")
def test_with_an_address_no_other_reaches_the_services(vm: VM) -> None:
    said = vm.ask(f"{INSTALL} --allow {LAPTOP} 2>&1")
    assert f"open TCP ports 5000 and 5001 for {LAPTOP} alone" in said
    vm.ask(f"ip addr add {LAPTOP}/32 dev lo; ip addr add {OTHER}/32 dev lo")
    for port in (5000, 5001):
        assert status(vm, f"http://{LAPTOP}:{port}/ready", "--interface", LAPTOP) == "200"
        assert status(vm, f"http://{LAPTOP}:{port}/ready", "--interface", OTHER) == "000"


@pytest.mark.usefixtures("installed")
def test_the_start_up_script_of_a_machine_at_google_sets_it_up_too(vm: VM, tmp_path: Path) -> None:
    script = PROJECT / "deploy" / "gcp.sh"
    subprocess.run([script, "--allow", LAPTOP], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    shutil.copy(tmp_path / "libros.startup", vm.root / "root")
    vm.ask("bash /root/libros.startup")
    assert vm.ask("stat -c %a /root/libros/setup.log") == "600"
    assert "METRICS_TOKEN=" in vm.ask("tail -n 20 /root/libros/setup.log")
    assert status(vm, f"http://{LOCAL}:5001/ready") == "200"


@pytest.mark.usefixtures("installed")
def test_with_a_front_nginx_alone_listens_and_lets_the_metrics_through_to_who_has_the_token(vm: VM) -> None:
    vm.ask(f"{INSTALL} --front 2>&1")
    behind = {f"{LOCAL}:8000", f"{LOCAL}:8001"}
    assert listening(vm) == STORES | behind | {f"{ANYWHERE}:5000", f"{ANYWHERE}:5001"}
    assert status(vm, f"http://{OTHER}:5000/ready") == "200", "the address of the call before holds no more"
    assert "server: nginx" in vm.ask(f"curl -si http://{LOCAL}:5001/health").lower()
    token = "'Authorization: Bearer '$(sed -n s/METRICS_TOKEN=//p /opt/libros/.env)"
    for port in (5000, 5001):
        assert status(vm, f"http://{LOCAL}:{port}/metrics") == "401"
        assert status(vm, f"http://{LOCAL}:{port}/metrics", "-H", token) == "200"
    assert vm.run("systemctl is-enabled nginx").stdout.strip() == "disabled"
    front = vm.ask("systemctl show --value -p MainPID libros-front")
    assert vm.ask(f"stat -c %U /proc/{front}") not in ("root", "libros", "www-data")


@pytest.mark.usefixtures("installed")
def test_without_a_front_the_next_call_takes_it_away(vm: VM) -> None:
    vm.ask(f"{INSTALL} 2>&1")
    assert listening(vm) == STORES | {f"{ANYWHERE}:5000", f"{ANYWHERE}:5001"}
    assert vm.run("systemctl cat libros-front").returncode != 0


@pytest.mark.usefixtures("installed")
def test_to_uninstall_leaves_nothing_but_the_packages(vm: VM) -> None:
    vm.ask(f"{INSTALL} --uninstall 2>&1")
    assert listening(vm) == STORES | {"[::1]:6379"}, "Redis has its own settings again"
    # The second boot had the kernel's id of the first: systemd takes the folders that the power cut left for its own.
    assert vm.ask("find / -xdev -iname '*libros*' -not -path '/root/*' -not -path '/var/tmp/systemd-private-*'") == ""
    assert vm.ask("dpkg --verify mariadb-server redis-server") == ""
    assert "libros" not in vm.ask("getent passwd; getent group; systemctl list-units --all; ls /etc/systemd/system")
    assert (
        vm.ask("mariadb -BNe \"SHOW DATABASES LIKE 'Libros'; SELECT user FROM mysql.user WHERE user = 'libros'\"") == ""
    )
    assert vm.ask("redis-cli DBSIZE") == "0"
    assert "the packages stay" in vm.ask(f"{INSTALL} --uninstall 2>&1"), "to repeat it does no harm"


@pytest.mark.usefixtures("installed")
def test_a_port_that_is_taken_ends_it_with_the_words_of_the_service(vm: VM) -> None:
    vm.ask(f"{INSTALL} --uninstall; systemd-run --unit other python3 -m http.server 5000 --bind {LOCAL}")
    vm.await_answer(f"ss -Hltn | grep -q {LOCAL}:5000", 10)
    ran = vm.run(f"{INSTALL} 2>&1")
    vm.ask(f"systemctl stop other && {INSTALL} --uninstall")
    assert ran.returncode == 3
    assert "Connection in use" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("install.sh: libros-auth did not start")
