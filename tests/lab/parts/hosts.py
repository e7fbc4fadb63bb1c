"""Real hosts on one machine: own network, processes, name and files, reached
over ssh.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.lab.parts.network import Network, inside
from tests.lab.parts.server import Server

CHECKOUT = Path(__file__).resolve().parents[3]

# Every host sees this machine's files and writes to a layer of its own, which is in
# memory and goes with it. The checkout is laid over by itself: it may be below /tmp,
# or a mount, which an overlay of / does not show.
BOOT = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAYER"
mkdir -p "$LAYER/upper" "$LAYER/work" "$LAYER/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$LAYER/upper,workdir=$LAYER/work" "$LAYER/root"
root="$LAYER/root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
chmod 1777 "$root/tmp"
mkdir -p "$LAYER/checkout" "$LAYER/work-checkout" "$root$CHECKOUT"
mount -t overlay overlay \
  -o "lowerdir=$CHECKOUT,upperdir=$LAYER/checkout,workdir=$LAYER/work-checkout" "$root$CHECKOUT"
mkdir -p "$root/run/sshd" "$root/root/.ssh" "$root/run/lock"
chmod 700 "$root/root" "$root/root/.ssh"
cp "$KEYS/id.pub" "$root/root/.ssh/authorized_keys"
cp "$KEYS/host" "$root/root/.ssh/host"
chmod 600 "$root/root/.ssh/authorized_keys" "$root/root/.ssh/host"
hostname "$NAME"
exec chroot "$root" /usr/sbin/sshd -D -e -f /dev/null -h /root/.ssh/host -o PidFile=none \
  -o UsePAM=no -o PermitRootLogin=prohibit-password -o StrictModes=no -o UseDNS=no \
  -o MaxStartups=200:30:400 -o "Subsystem=sftp internal-sftp"
"""


class Keys:
    """An ssh key pair for the controller and one host key, of this run alone."""

    def __init__(self, directory: Path) -> None:
        """Say where the keys are kept."""
        self.directory = directory

    @property
    def private(self) -> Path:
        """The controller's private key."""
        return self.directory / "id"

    def make(self) -> None:
        """Make the keys that are not there yet."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("id", "host"):
            if not (self.directory / name).exists():
                subprocess.run(
                    ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name],
                    cwd=self.directory,
                    check=True,
                    timeout=20,
                )


class Host(Server):
    """One host; `start` returns when its sshd answers, `stop` ends everything that runs
    on it.
    """

    start_seconds = 60.0

    def __init__(
        self, directory: Path, name: str, network: Network, keys: Keys
    ) -> None:
        """Say where the host's layer and log are, and which network it is in."""
        super().__init__(directory / name, name)
        self._network = network
        self._keys = keys

    @property
    def address(self) -> str:
        """The address of the host in its network."""
        return self._network.address(self.name)

    def prepare(self) -> None:
        """Make the directory that the host's layer is mounted on."""
        (self.directory / "layer").mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Tell the boot script where things are."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LAYER": str(self.directory / "layer"),
            "KEYS": str(self._keys.directory),
            "NAME": self.name,
            "CHECKOUT": str(CHECKOUT),
        }

    def command(self) -> list[str]:
        """Run sshd as the first process of its own namespaces, so that all ends with
        it.
        """
        unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"]
        namespace = self._network.namespace(self.name)
        return inside(namespace, *unshare, "--kill-child=KILL", "sh", "-c", BOOT)

    def ready(self) -> bool:
        """Whether sshd listens."""
        done = subprocess.run(
            inside(self._network.controller, "ssh-keyscan", "-T", "3", self.address),
            check=False,
            capture_output=True,
            timeout=10,
        )
        return b"ssh-ed25519" in done.stdout

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host over ssh, from the controller's namespace."""
        ssh = ["ssh", *ssh_options(self._keys), f"root@{self.address}", *command]
        return subprocess.run(
            inside(self._network.controller, *ssh),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


def ssh_options(keys: Keys) -> list[str]:
    """Return options with which a cut host is given up soon, and no connection is
    reused.
    """
    return [
        *("-i", str(keys.private), "-o", "IdentitiesOnly=yes"),
        *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "LogLevel=ERROR", "-o", "ControlMaster=no", "-o", "BatchMode=yes"),
        *("-o", "ConnectTimeout=3", "-o", "ServerAliveInterval=2"),
        *("-o", "ServerAliveCountMax=2"),
    ]


class Hosts:
    """A network and its hosts; use it in a `with` so that nothing is left behind."""

    def __init__(self, directory: Path, name: str, hosts: tuple[str, ...]) -> None:
        """Say what there is to be; nothing is made yet."""
        self.network = Network(name, hosts)
        self.keys = Keys(directory / "keys")
        self.hosts: Mapping[str, Host] = {
            host: Host(directory, host, self.network, self.keys) for host in hosts
        }

    def __enter__(self) -> Self:
        """Start all."""
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        """End all."""
        self.down()

    def up(self) -> None:
        """Make the network and start every host."""
        self.keys.make()
        self.network.up()
        for host in self.hosts.values():
            host.start()

    def down(self) -> None:
        """End every host and remove the network."""
        for host in self.hosts.values():
            host.kill()
        self.network.down()

    def environment(self) -> dict[str, str]:
        """Return what Ansible needs to reach the hosts from the controller's
        namespace.
        """
        return {
            **os.environ,
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_SSH_ARGS": " ".join(ssh_options(self.keys)),
            "ANSIBLE_PIPELINING": "True",
        }

    def inside(self, *command: str) -> list[str]:
        """Return the command that runs where the hosts can be reached."""
        return inside(self.network.controller, *command)
