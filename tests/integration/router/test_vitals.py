"""A gate looks at the hosts and servers of new as well: memory, processor, checks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.gate_sampling import (
    Attempt,
    Evidence,
    GateSampling,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.node_exporter import (
    read_host,
    read_vitals,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.thresholds import (
    Rule,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.gate import StepKey
from tests.integration.router.bed import Bed
from tests.lab.parts import Server, free_port, wait_until


class NodeExporter(Server):
    """Prometheus' node exporter on loopback."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory, "node-exporter")
        self.address = f"127.0.0.1:{port}"

    def command(self) -> list[str]:
        return [
            "/usr/bin/prometheus-node-exporter",
            f"--web.listen-address={self.address}",
        ]

    def ready(self) -> bool:
        try:
            return read_host(self.address).total > 0
        except Unreachable:
            return False


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[NodeExporter]:
    server = NodeExporter(tmp_path, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def memory_in_use() -> float:
    """Return the fraction that the kernel itself says is in use."""
    pairs = (
        line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines()
    )
    sizes = {name: int(size) for name, size in pairs}
    return 1 - sizes["MemAvailable:"] / sizes["MemTotal:"]


class TestNodeExporter:
    def test_memory_is_what_the_kernel_says(self, exporter: NodeExporter) -> None:
        assert abs(read_host(exporter.address).memory - memory_in_use()) < 0.1

    def test_work_shows_as_busy_time(self, exporter: NodeExporter) -> None:
        before = read_host(exporter.address)
        ends = time.process_time() + 0.5
        while time.process_time() < ends:
            pass
        after = read_host(exporter.address)
        assert after.busy - before.busy >= 0.4
        rounding = 1e-6
        assert after.total - before.total >= after.busy - before.busy - rounding

    def test_one_that_does_not_answer_is_named_and_the_others_are_read(
        self, exporter: NodeExporter
    ) -> None:
        nobody = f"127.0.0.1:{free_port()}"
        vitals = read_vitals([nobody, exporter.address], 0)
        assert [host.host for host in vitals.hosts] == [exporter.address]
        assert f"the node exporter at {nobody} gave no figures" in vitals.missing

    def test_a_page_of_something_else_is_refused(self, bed: Bed) -> None:
        service = bed.migration.new.servers[0].address
        with pytest.raises(Unreachable, match="no node_cpu_seconds_total"):
            read_host(service)


class TestFailedChecks:
    def test_are_counted_until_the_server_is_down_and_forgotten_after(
        self, bed: Bed
    ) -> None:
        assert bed.first.adapter.read("shop").failed_checks == 0
        bed.services.down("new1")
        wait_until(lambda: bed.first.adapter.read("shop").failed_checks == 3, 5, "down")
        bed.services.up("new1")
        wait_until(lambda: bed.first.adapter.read("shop").failed_checks == 0, 5, "up")


class TestGate:
    @pytest.fixture
    def attempt(self, bed: Bed) -> Attempt:
        bed.share(5000)
        policy = GatePolicy(limits=(Limit("error_rate", maximum=0.01),))
        return Attempt("shop", StepKey(2, 0, 5000), bed.epoch, policy, 3, 60)

    def test_fails_on_a_host_without_memory(
        self, bed: Bed, exporter: NodeExporter, attempt: Attempt, tmp_path: Path
    ) -> None:
        policy = replace(attempt.policy, rules=(Rule("memory", 0.0001),))
        gate = GateSampling(
            bed.first.adapter,
            Evidence(tmp_path / "evidence.json"),
            read_vitals=lambda failed: read_vitals([exporter.address], failed),
        )
        verdict = gate.run(replace(attempt, policy=policy)).verdict
        assert (verdict.verdict, verdict.reasons) == (
            "fail",
            ("rollback rule broken: memory above 0.01 %",),
        )

    def test_fails_when_a_server_fails_its_checks(
        self, bed: Bed, attempt: Attempt, tmp_path: Path
    ) -> None:
        policy = replace(attempt.policy, rules=(Rule("failed_health_checks", 2),))
        gate = GateSampling(bed.first.adapter, Evidence(tmp_path / "evidence.json"))
        bed.services.down("new2")
        verdict = gate.run(replace(attempt, policy=policy, seconds=10)).verdict
        assert verdict.reasons == (
            "rollback rule broken: failed_health_checks above 2 in a row",
        )
