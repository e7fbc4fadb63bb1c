"""A network of its own: a switch and hosts, each in a namespace, none of it reachable
from outside.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

SUBNET = "10.87.0"
PREFIX = "/24"


@dataclass(frozen=True)
class Network:
    """Namespaces `<name>-sw` (the switch), `<name>-ctl` (the controller, .1) and one
    for each host (.2 on).
    """

    name: str
    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what the kernel cannot name or number."""
        longest = max((len(host) for host in self.hosts), default=0)
        if len(self.name) > 6 or longest > 12 or len(self.hosts) > 200:
            raise ValueError(
                "a network has a name of 6, hosts of 12 letters, 200 hosts"
            )

    @property
    def controller(self) -> str:
        """The namespace that a controller runs in."""
        return f"{self.name}-ctl"

    def namespace(self, host: str) -> str:
        """The namespace of a host."""
        return f"{self.name}-{host}"

    def address(self, host: str) -> str:
        """The address of a host."""
        return f"{SUBNET}.{self.hosts.index(host) + 2}"

    def up(self) -> None:
        """Make the switch and plug everything in; what an earlier run left is removed
        first.
        """
        self.down()
        _ip("netns", "add", self._switch)
        _in(self._switch, "link", "add", "br0", "type", "bridge")
        _in(self._switch, "link", "set", "br0", "up")
        self._plug(self.controller, 0, f"{SUBNET}.1")
        for number, host in enumerate(self.hosts, start=1):
            self._plug(self.namespace(host), number, self.address(host))
        self._introduce()

    def down(self) -> None:
        """Remove every namespace of this name; the cables go with them."""
        listed = _ip("netns", "list").split("\n")
        for line in listed:
            name = line.split(" ")[0]
            if name.startswith(f"{self.name}-"):
                _ip("netns", "delete", name)

    def cut(self, host: str) -> None:
        """Pull the host's cable."""
        _in(self.namespace(host), "link", "set", "eth0", "down")

    def mend(self, host: str) -> None:
        """Plug the host's cable in again."""
        _in(self.namespace(host), "link", "set", "eth0", "up")

    def _introduce(self) -> None:
        """Tell everybody everybody's hardware address.

        All namespaces share the kernel's one table of addresses that were asked for,
        1024 by default; fifty hosts that all talk to each other need more. Addresses
        that were told do not count.
        """
        lines = "".join(
            f"neigh replace {SUBNET}.{number + 1} lladdr {_mac(number)}"
            " nud permanent dev eth0\n"
            for number in range(len(self.hosts) + 1)
        )
        for namespace in (self.controller, *map(self.namespace, self.hosts)):
            _ip("-n", namespace, "-batch", "-", told=lines)

    @property
    def _switch(self) -> str:
        return f"{self.name}-sw"

    def _plug(self, namespace: str, number: int, address: str) -> None:
        port = f"port{number}"
        _ip("netns", "add", namespace)
        _in(namespace, "link", "set", "lo", "up")
        _in(
            self._switch,
            *("link", "add", port, "type", "veth"),
            *("peer", "name", "eth0", "address", _mac(number), "netns", namespace),
        )
        _in(self._switch, "link", "set", port, "master", "br0", "up")
        _in(namespace, "address", "add", f"{address}{PREFIX}", "dev", "eth0")
        _in(namespace, "link", "set", "eth0", "up")


def inside(namespace: str, *command: str) -> list[str]:
    """Return the command that runs in a namespace."""
    return ["ip", "netns", "exec", namespace, *command]


def _in(namespace: str, *arguments: str) -> str:
    return _ip("-n", namespace, *arguments)


def _mac(number: int) -> str:
    return f"02:87:00:00:00:{number:02x}"


def _ip(*arguments: str, told: str = "") -> str:
    done = subprocess.run(
        ["ip", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
        input=told,
    )
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def exists(namespace: str) -> bool:
    """Say whether a namespace is there."""
    return Path("/run/netns", namespace).exists()
