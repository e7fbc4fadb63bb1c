"""A host with systemd as its first process, reached over ssh on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.parts.hosts import Keys, ssh_options
from tests.lab.parts.places import LOOPBACK
from tests.lab.parts.server import Server

ROOT = Path(__file__).parents[3]
# It sees this machine's files and network, and writes to a layer of its own in memory,
# which outlives a reboot of the host, not its end. Of all units only sshd is wanted.
BOOT = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$LAYER"
mkdir -p "$LAYER/upper" "$LAYER/work" "$LAYER/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$LAYER/upper,workdir=$LAYER/work" "$LAYER/root"
root="$LAYER/root"
wanted="$root/etc/systemd/system/multi-user.target.wants"
rm -rf "$wanted"
mkdir -p "$wanted" "$root/root/.ssh"
: > "$root/etc/machine-id"
chmod 700 "$root/root" "$root/root/.ssh"
cp "$KEYS/id.pub" "$root/root/.ssh/authorized_keys"
cp "$KEYS/host" "$root/root/.ssh/host"
chmod 600 "$root/root/.ssh/authorized_keys" "$root/root/.ssh/host"
cat > "$root/etc/systemd/system/lab-sshd.service" <<EOS
[Service]
RuntimeDirectory=sshd
ExecStart=/usr/sbin/sshd -D -e -f /dev/null -h /root/.ssh/host -p $PORT -o ListenAddress=127.0.0.1 \
  -o PidFile=none -o UsePAM=no -o PermitRootLogin=prohibit-password -o StrictModes=no -o UseDNS=no \
  -o "Subsystem=sftp internal-sftp"
EOS
ln -s ../lab-sshd.service "$wanted/lab-sshd.service"
# 133 is how it says that the host wants to boot again.
code=133
while [ "$code" -eq 133 ]; do
  code=0
  systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --hostname="$NAME" \
    --console=pipe --boot || code=$?
done
"""


class BootedHost(Server):
    """One host; `start` returns when its sshd answers, `kill` ends all that runs on
    it.
    """

    start_seconds = 60.0

    def __init__(self, directory: Path, name: str, port: int) -> None:
        """Say where the host's layer and log are, and which port its sshd has."""
        super().__init__(directory / name, name)
        self.port = port
        self.keys = Keys(self.directory / "keys")

    def prepare(self) -> None:
        """Make the keys, and the directory that the host's layer is mounted on."""
        (self.directory / "layer").mkdir(parents=True, exist_ok=True)
        self.keys.make()

    def environment(self) -> dict[str, str]:
        """Tell the boot script where things are."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LAYER": str(self.directory / "layer"),
            "KEYS": str(self.keys.directory),
            "NAME": self.name,
            "PORT": str(self.port),
        }

    def command(self) -> list[str]:
        """Boot in mounts of its own, so that they go with it."""
        unshare = ["unshare", "--mount", "--fork", "--kill-child=KILL"]
        return [*unshare, "sh", "-c", BOOT]

    def ready(self) -> bool:
        """Whether commands are obeyed."""
        return self.run("true").returncode == 0

    def power_cycle(self) -> None:
        """Let it boot again, without giving anything that runs there a moment."""
        self.run("systemctl", "reboot", "--force", "--force")

    def booted(self) -> str:
        """When its first process began, in the kernel's ticks; empty while it is
        away.
        """
        words = self.run("cat", "/proc/1/stat").stdout.split()
        return words[21] if words else ""

    def result(self, unit: str) -> str:
        """How a unit's latest run ended, in systemd's word."""
        shown = self.run("systemctl", "show", "--property=Result", "--value", unit)
        return shown.stdout.strip()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host over ssh."""
        return subprocess.run(
            ["ssh", *self.ssh_options, f"root@{LOOPBACK}", *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def playbook(self, name: str, inventory: Path, **how: Any) -> subprocess.Popen[str]:
        """Start a playbook against this host, in the collection's directory."""
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return subprocess.Popen(
            [program, "-i", str(inventory), name],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_HOME": str(ROOT / ".ansible"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_HOST_KEY_CHECKING": "False",
                "ANSIBLE_SSH_ARGS": " ".join(self.ssh_options),
                "ANSIBLE_PIPELINING": "True",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **how,
        )

    @property
    def reached(self) -> dict[str, Any]:
        """How an inventory names it."""
        return {
            "ansible_host": LOOPBACK,
            "ansible_port": self.port,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    @property
    def ssh_options(self) -> list[str]:
        """How ssh reaches it, for the command and for Ansible."""
        return [*ssh_options(self.keys), "-p", str(self.port)]
