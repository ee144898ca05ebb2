"""A fresh Debian that systemd has booted on this machine, without a network: for tests that set a VM up. For root.

What a VM would fetch is fetched before, and lies in it: packages in apt's own store, wheels in WHEELS.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.stacks import PROJECT

PACKAGES = "mariadb-server mariadb-client redis-server python3-venv ca-certificates nginx xz-utils"
INCLUDED = "ca-certificates,curl,dbus,iproute2,systemd,systemd-sysv"  # of what the image of a VM has
WHEELS = "/var/cache/wheels"
PATHS = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FETCH = f"""
set -e
apt-get update -qq
apt-get install -qq -y --no-install-recommends --download-only {PACKAGES}
mkdir /kept && cp /var/cache/apt/archives/*.deb /kept
apt-get install -qq -y --no-install-recommends python3-venv
python3 -m venv /made
/made/bin/pip download -q --no-cache-dir --require-hashes --only-binary :all: -r /requirements.txt -d {WHEELS}
"""


class VM:
    """The system in the folder `root`."""

    starter: "subprocess.Popen[bytes]"

    def __init__(self, root: Path) -> None:
        """Know where it is."""
        self.root = root

    def boot(self) -> None:
        """Start systemd, and return when it takes orders."""
        self.starter = subprocess.Popen(
            [PROJECT / "tests" / "support" / "boot.sh", self.root], stdin=subprocess.DEVNULL
        )
        self.await_answer("[[ $(systemctl is-system-running) =~ running|degraded ]]", 60)

    def enter(self, *namespaces: str) -> list[str]:
        """Return the beginning of a command line that runs in these namespaces of the system."""
        systemd = psutil.Process(self.starter.pid).children()[0]
        return ["nsenter", "--target", str(systemd.pid), *namespaces]

    def run(self, command: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a line of bash as root, in the system, and return what it printed, errors too."""
        namespaces = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd")
        clean = ("env", "-i", PATHS, "HOME=/root", "LANG=C.UTF-8", "bash", "-o", "pipefail", "-c", command)
        return subprocess.run(
            [*self.enter(*namespaces), *clean],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
        )

    def ask(self, command: str) -> str:
        """Run a line of bash and return what it printed; AssertionError with that unless it succeeds."""
        ran = self.run(command)
        assert ran.returncode == 0, f"{command}: {ran.returncode}\n{ran.stdout}"
        return ran.stdout.strip()

    def await_answer(self, command: str, seconds: float) -> None:
        """Repeat a line of bash until it succeeds; AssertionError with its words when the time is over."""
        ends = time.monotonic() + seconds
        while True:
            try:
                ran = self.run(command)
            except (IndexError, psutil.NoSuchProcess):  # it has just begun
                assert self.starter.poll() is None, "the system did not boot"
            else:
                if ran.returncode == 0:
                    return
                assert time.monotonic() < ends, f"{command}: {ran.returncode}\n{ran.stdout}"
            time.sleep(0.5)

    def end(self) -> None:
        """End it as a power cut does."""
        for process in psutil.Process(self.starter.pid).children():
            process.kill()
        self.starter.wait(30)


def make_system(folder: Path, release: str) -> Path:
    """Return a fresh system of Debian's release `release` (`trixie`), with what it will fetch; made in `folder` unless
    it is there.
    """
    made = folder / release
    if made.exists():
        return made
    new, other = folder / f"{release}.new", folder / f"{release}.fetching"
    for left in (new, other):
        shutil.rmtree(left, ignore_errors=True)
    if not shutil.which("debootstrap"):
        add = ["apt-get", "-qq", "-y", "install", "--no-install-recommends", "--no-remove", "debootstrap"]
        subprocess.run(add, check=True, timeout=300)
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={INCLUDED}", release, new], check=True, timeout=900)
    copy(new, other)
    take_network_settings(other)
    shutil.copy(PROJECT / "requirements.txt", other)
    run_in_chroot(other, FETCH)
    copy(other / WHEELS.strip("/"), new / WHEELS.strip("/"))
    copy(other / "kept", new / "var/cache/apt/archives")
    copy(other / "var/lib/apt/lists", new / "var/lib/apt/lists")
    (new / "etc/pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {WHEELS}\n")
    shutil.rmtree(other)
    return new.rename(made)


def copy(source: Path, target: Path) -> None:
    """Copy what is in a folder, devices too, into one that may be there."""
    subprocess.run(["cp", "-aT", source, target], check=True, timeout=300)


def take_network_settings(root: Path) -> None:
    """Let a system fetch as this machine does."""
    for name in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(Path("/", name), root / name)
    settings = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True)
    (root / "etc/apt/apt.conf.d/90this-machine").write_bytes(settings.stdout)
    for name in ("etc/pip.conf", "root/.config/pip/pip.conf"):
        if Path("/", name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/", name), root / name)


def run_in_chroot(root: Path, script: str) -> None:
    """Run lines of bash in a system that is not booted, with this machine's network; no service starts there."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    inside = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" bash -c "$1"'
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", inside, root, script],
        check=True,
        env={"PATH": PATHS.partition("=")[2], "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **variables},
        stdin=subprocess.DEVNULL,
        timeout=900,
    )
    policy.unlink()


@contextmanager
def run_vm(system: Path, root: Path) -> Iterator[VM]:
    """Boot a copy of a system, made in `root`, with the project as it is here in /root/project; removed at the end."""
    copy(system, root)
    project = root / "root" / "project"
    project.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True).stdout
    taken = ["tar", "--null", "--files-from=-", "-cf", "-"]
    packed = subprocess.run(taken, cwd=PROJECT, input=files, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-xf", "-"], cwd=project, input=packed, check=True)
    vm = VM(root)
    try:
        vm.boot()
        yield vm
    finally:
        vm.end()
        subprocess.run(["rm", "-rf", "--one-file-system", root], check=True, timeout=120)
