# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Identity,
    Migration,
    Threshold,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)
from tests.unit.plugins.module_utils._core.declarations import (
    bouncer,
    changed,
    service_with_state,
    stateless_service,
    without,
)

GOOD = [
    ("lease", "3s"),
    ("lease", "1h"),
    ("salt", "shop-2"),
    ("safe_methods", ["GET"]),
    ("identity", [{"header": "X-User"}]),
    ("identity", ["source"]),
    ("sides.legacy.servers[0].address", "[2001:db8::1]:65535"),
    ("sides.legacy.health.interval", "500ms"),
    ("sides.legacy.health.status", 204),
    ("sides.new.schema_versions", ["1", "2.0"]),
    ("phases.canary.steps", ["0.01%"]),
    ("phases.canary.steps", [{"share": "5%", "gates": {"p999_ms": "<= 200"}}]),
    ("phases.canary.gates", {}),
    ("phases.canary.gates", {"error_rate": "<= 1%", "aa": True}),
    ("phases.canary.soak", "1h30m"),
    ("phases.full.steps", [{"share": "100%", "gradual": "10m"}]),
    ("phases.full.steps", ["100.00%"]),
    ("evidence", {"alpha": 0.01, "test": "B", "worst_ratio": 3}),
    ("guard.rate", "0.05%"),
    ("guard.pause_after_switch", "0s"),
    ("rollback.automatic", []),
    ("rollback.automatic", [{"metric": "p95_ms", "above": 12.5, "for": "1m"}]),
    ("state[0].max_lag", "512KiB"),
    ("state[0].schemas", ["public", "Shop Data"]),
    ("writers[0].application", "cron*"),
    ("writers", [{"name": "etl", "through": "direct", "stopped_by": "systemctl"}]),
    ("sign_offs", ["database team", "shop owner"]),
    ("notifications", []),
]
"""Changes of a whole declaration that leave it a good one."""

BAD = [
    ("name", "Shop", "1 to 16"),
    ("name", "shop\n", "1 to 16"),
    ("name", "a" * 17, "1 to 16"),
    ("name", 7, "1 to 16"),
    ("name", None, "1 to 16"),
    ("identity", [], "at least 1"),
    ("identity", [{"cookie": "a b"}], "cookie or header"),
    ("identity", ["ip"], "source"),
    ("identity", [{"cookie": "a", "header": "b"}], "{cookie: NAME}"),
    ("safe_methods", ["get"], "in capitals"),
    ("sides.legacy.servers", [], "at least 1"),
    ("sides.legacy.servers[0].address", "10.0.0.11", "host:port"),
    ("sides.legacy.servers[0].address", "10.0.0.11:0", "host:port"),
    ("sides.legacy.servers[0].address", "10.0.0.11:65536", "host:port"),
    ("sides.legacy.servers[0].name", "legacy 1", "a name of"),
    ("sides.legacy.health.path", "health", "starts with /"),
    ("sides.legacy.health.path", "/a b", "starts with /"),
    ("sides.legacy.health.status", 99, "100 to 599"),
    ("sides.legacy.health.status", "200", "100 to 599"),
    ("sides.legacy.health.status", True, "100 to 599"),
    ("routers.provider", "nginx", "haproxy"),
    ("lease", 15, "whole seconds"),
    ("lease", "1.5s", "whole seconds"),
    ("lease", "15", "whole seconds"),
    ("guard.failures", 0, "from 1"),
    ("guard.failures", 1.5, "whole number"),
    ("guard.rate", 0.01, "a percentage"),
    ("guard.rate", "101%", "a percentage"),
    ("phases.canary.steps", [], "at least 1"),
    ("phases.canary.steps", "5%", "a list"),
    ("phases.canary.steps[2].share", 25, "a share"),
    ("phases.canary.steps[2].share", "0.001%", "a share"),
    ("phases.canary.steps[0]", "5", "a share"),
    ("phases.canary.stepz", [], "steps"),
    ("phases.cannary", {}, "canary"),
    ("phases.state.steps", ["50%"], "soak"),
    ("phases.canary.gates.error_rate", "< 0.1%", "<= 0.1%"),
    ("phases.canary.gates.error_rate", "<= 0%", "above 0%"),
    ("phases.canary.gates.error_rate", "<= 0.1", "<= 0.1%"),
    ("phases.canary.gates.error_rate", ">= 0.1%", "<= 0.1%"),
    ("phases.canary.gates.p99_ms", "<= 0", "<= 50"),
    ("phases.canary.gates.p99_ms", 50, "<= 50"),
    ("phases.canary.gates.aa", False, "leave the key out"),
    ("phases.canary.gates.aa", "<= 5%", "true"),
    ("phases.canary.gates.aa", None, "true"),
    ("phases.canary.gates.eror_rate", "<= 0.1%", "error_rate"),
    ("phases.canary.soak", "10 m", "a duration"),
    ("phases.canary.soak", 600, "a duration"),
    ("evidence.alpha", 0, "probability"),
    ("evidence.test", "D", "B, C"),
    ("evidence.on_unreadable", "pass", "hold, fail"),
    ("shadow", {}, "host:port"),
    ("shadow.rate", "150%", "a percentage"),
    ("state", {}, "a list"),
    ("state[0].engine", "oracle", "postgresql"),
    ("state[0].legacy", {}, "reference to a secret"),
    ("state[0].legacy", {"env": "A", "var": "B"}, "reference to a secret"),
    ("state[0].legacy", {"vault": "A"}, "reference to a secret"),
    ("state[0].legacy", {"file": "new.dsn"}, "absolute path"),
    ("state[0].max_lag", 1000000, "a size"),
    ("state[0].pgbouncers", [], "at least 1"),
    ("state[0].pgbouncers[0].config", "pgbouncer.ini", "absolute path"),
    ("writers[0].throu", "pgb_new", "through"),
    ("rollback.automatic", [{"metric": "disk", "above": "95%"}], "error_rate"),
    ("rollback.automatic", [{"metric": "p99_ms"}], "percentage"),
    ("rollback.close_connections", "yes", "true or false"),
    ("flags.turn[0].variant", True, "on one line"),
    ("flags.turn[0].phase", "done", "ramp_up"),
    ("journal.backend", "mysql", "sqlite"),
    ("reports", "reports", "absolute path"),
    ("notifications", ["slack"], "empty list"),
    ("stats", {}, "state"),
]
"""Changes that both the parser and the JSON Schema refuse, and what the error must say.
"""

BROKEN_RULES = [
    ("lease", "2s", "lease", "3s to 1h"),
    ("identity", ["source", {"cookie": "a"}], "identity[0]", "last"),
    ("identity", [{"cookie": "a"}, {"cookie": "a"}], "identity[1]", "identity[0]"),
    ("sides.new.servers[0].name", "legacy1", "sides.new.servers[0].name", "other"),
    ("phases.canary.steps", ["5%", "5%"], "phases.canary.steps[1].share", "5%"),
    ("phases.canary.steps", ["0%"], "phases.canary.steps[0].share", "more than 0%"),
    ("phases.canary.steps", ["70%"], "phases.ramp_up.steps[0].share", "more than 70%"),
    ("phases.ramp_up.steps", ["100%"], "phases.ramp_up.steps[0].share", "less than"),
    ("phases.full.steps", ["99.5%"], "phases.full.steps[0].share", "100% alone"),
    ("phases.shadow.steps", ["5%"], "phases.shadow.steps[0].share", "answers no user"),
    ("phases.canary.soak", "5h", "phases.canary.steps[0].soak", "at most the deadline"),
    (
        "phases.shadow.gates",
        {"error_rate": "<= 1%", "shadow_match": ">= 99%"},
        "phases.shadow.steps[0].gates.error_rate",
        "no user",
    ),
    ("phases.shadow.gates", {}, "phases.shadow.steps[0].gates", "shadow_match"),
    (
        "phases.shadow.gates",
        {"aa": True, "shadow_match": ">= 99%"},
        "phases.shadow.steps[0].gates.aa",
        "no user",
    ),
    (
        "phases.canary.gates",
        {"shadow_match": ">= 99%"},
        "phases.canary.steps[0].gates.shadow_match",
        "error_rate",
    ),
    (
        "rollback.automatic",
        [{"metric": "p99_ms", "above": "1%"}],
        "rollback.automatic[0].above",
        "a number",
    ),
    (
        "rollback.automatic",
        [{"metric": "memory", "above": 95}],
        "rollback.automatic[0].above",
        "percentage",
    ),
    (
        "rollback.automatic",
        [{"metric": "error_rate", "above": 50}],
        "rollback.automatic[0].above",
        "percentage",
    ),
    ("writers[0].through", "pgb_x", "writers[0].through", "pgb_legacy"),
    ("writers[0].through", "direct", "writers[0].stopped_by", "stops"),
    ("journal", {"backend": "postgresql"}, "journal.dsn", "reference"),
    ("journal", {"dsn": {"env": "J"}}, "journal.dsn", "nothing for sqlite"),
    ("journal.dsn", {"env": "SHOP_LEGACY_DSN"}, "journal.dsn", "another database"),
    ("state[0].new", {"env": "SHOP_LEGACY_DSN"}, "state[0].new", "another"),
    ("evidence.worst_ratio", 1.0, "evidence.worst_ratio", "tolerated_ratio"),
    (
        "state[0].pgbouncers",
        [bouncer("a"), bouncer("a")],
        "state[0].pgbouncers[1].name",
        "pgbouncers[0]",
    ),
    ("sign_offs", ["x", "x"], "sign_offs[1]", "sign_offs[0]"),
]
"""Changes that the schema cannot see: the rules between keys, with the path of the
error.
"""

VALIDATOR = Draft202012Validator(render_schema())


def refusal(raw: Any) -> InvalidSpec:
    with pytest.raises(InvalidSpec) as caught:
        parse(raw)
    return caught.value


def problems(raw: Any) -> list[dict[str, str]]:
    found = refusal(raw).facts["problems"]
    assert isinstance(found, list)
    return found


class TestParse:
    def test_a_stateless_service_has_canary_ramp_up_and_full(self) -> None:
        phases = [phase.phase for phase in parse(stateless_service()).phases]
        assert phases == [Phase.CANARY, Phase.RAMP_UP, Phase.FULL]

    def test_state_and_shadow_add_their_phases(self) -> None:
        phases = [phase.phase for phase in parse(service_with_state()).phases]
        assert phases == list(Phase)[1:-1]

    def test_default_shares_are_those_of_the_requirements(self) -> None:
        shares = [
            [step.share // 100 for step in phase.steps]
            for phase in parse(stateless_service()).phases
        ]
        assert shares == [[5, 10, 25, 50], [60, 70, 80, 90, 95, 99], [100]]

    def test_default_limits_of_automatic_rollback_are_those_of_the_requirements(
        self,
    ) -> None:
        assert parse(stateless_service()).rollback.thresholds == (
            Threshold("error_rate", 0.001, 120),
            Threshold("p99_ms", 50, 300),
            Threshold("p50_ms", 15, 300),
            Threshold("error_rate", 0.01),
            Threshold("p99_ms", 100),
            Threshold("failed_health_checks", 2),
            Threshold("memory", 0.95),
            Threshold("cpu", 0.95, 300),
        )

    def test_the_limits_of_automatic_rollback_are_rules_of_every_gate_with_users(
        self,
    ) -> None:
        migration = parse(service_with_state())
        rules = {phase.phase: phase.steps[0].policy.rules for phase in migration.phases}
        assert rules.pop(Phase.SHADOW) == ()
        assert set(rules.values()) == {migration.rollback.thresholds}

    def test_a_bare_percentage_is_a_step(self) -> None:
        (canary,) = steps_of(parse(service_with_state()), Phase.CANARY)
        assert [step.share for step in canary.steps] == [500, 1000, 2500, 5000]

    def test_a_step_overrides_the_soak_of_its_phase(self) -> None:
        (canary,) = steps_of(parse(service_with_state()), Phase.CANARY)
        assert [s.policy.min_seconds for s in canary.steps] == [600, 600, 1200, 600]

    def test_a_step_replaces_and_adds_limits(self) -> None:
        gates = {"p99_ms": "<= 80", "p50_ms": "<= 5"}
        raw = changed(service_with_state(), "phases.canary.steps[2].gates", gates)
        (canary,) = steps_of(parse(raw), Phase.CANARY)
        assert canary.steps[2].policy.limits == (
            Limit("error_rate", maximum=0.001),
            Limit("p99_ms", maximum=80),
            Limit("p50_ms", maximum=5),
        )

    def test_an_arm_can_be_asked_for(self) -> None:
        raw = changed(stateless_service(), "phases.canary.gates", {"aa": True})
        (canary,) = steps_of(parse(raw), Phase.CANARY)
        assert canary.steps[0].policy.limits == (Limit("aa"),)

    def test_no_gates_leave_the_comparison_with_legacy_alone(self) -> None:
        raw = changed(stateless_service(), "phases.canary.gates", {})
        (canary,) = steps_of(parse(raw), Phase.CANARY)
        assert canary.steps[0].policy.limits == ()

    def test_the_state_phase_keeps_the_last_share_of_canary(self) -> None:
        (state,) = steps_of(parse(service_with_state()), Phase.STATE)
        assert [step.share for step in state.steps] == [5000]

    def test_identities_keep_their_order(self) -> None:
        assert parse(service_with_state()).identity == (
            Identity("cookie", "uid"),
            Identity("header", "X-User"),
            Identity("source"),
        )

    def test_salt_is_the_name_unless_given(self) -> None:
        assert parse(stateless_service()).salt == "shop"

    def test_a_server_reaches_the_other_as_the_host_does_unless_told(self) -> None:
        (item,) = parse(service_with_state()).state
        assert item.legacy_from_new == SecretRef("env", "SHOP_LEGACY_DSN")

    @pytest.mark.parametrize(("path", "value"), GOOD)
    def test_accepts(self, path: str, value: Any) -> None:
        parse(changed(service_with_state(), path, value))

    @pytest.mark.parametrize(("path", "value", "says"), BAD)
    def test_refuses_and_says_what_is_allowed(
        self, path: str, value: Any, says: str
    ) -> None:
        error = str(refusal(changed(service_with_state(), path, value)))
        assert path.split("[")[0].split(".")[0] in error
        assert says in error

    @pytest.mark.parametrize(("path", "value", "where", "says"), BROKEN_RULES)
    def test_holds_the_rules_between_keys(
        self, path: str, value: Any, where: str, says: str
    ) -> None:
        found = problems(changed(service_with_state(), path, value))
        (problem,) = [x for x in found if x["path"] == where]
        assert says in problem["message"]

    @pytest.mark.parametrize("raw", [None, [], "shop", 7])
    def test_refuses_what_is_no_mapping(self, raw: Any) -> None:
        assert "a mapping with name" in str(refusal(raw))

    @pytest.mark.parametrize("key", ["name", "sides", "sides.new", "state[0].host"])
    def test_names_what_is_missing(self, key: str) -> None:
        (problem,) = problems(without(service_with_state(), key))
        assert (problem["path"], problem["value"]) == (key, "nothing")

    @pytest.mark.parametrize("key", ["shadow", "state"])
    def test_refuses_a_phase_without_its_part(self, key: str) -> None:
        raw = changed(stateless_service(), f"phases.{key}", {})
        assert problems(raw)[0]["path"] == f"phases.{key}"

    def test_refuses_a_flag_for_a_phase_that_is_left_out(self) -> None:
        turn = [{"phase": "state", "flag": "f", "variant": "on"}]
        raw = changed(stateless_service(), "flags", {"path": "/f.json", "turn": turn})
        assert problems(raw)[0]["path"] == "flags.turn[0].phase"

    def test_tells_all_problems_and_the_first_one_as_facts(self) -> None:
        raw = changed(service_with_state(), "lease", 15)
        raw = changed(raw, "phases.canary.stepz", [])
        error = refusal(raw)
        assert [x["path"] for x in problems(raw)] == ["lease", "phases.canary.stepz"]
        assert error.facts["path"] == "lease"
        assert error.facts["value"] == "15"
        assert error.facts["allowed"] == "whole seconds such as 15s or 2m (at least 1s)"

    def test_suggests_what_was_meant(self) -> None:
        raw = changed(service_with_state(), "phases.canary.stepz", [])
        assert 'Did you mean "steps"?' in str(refusal(raw))

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("state[0].legacy", "postgresql://shop:hunter2@db1/shop"),
            ("state[0].legacy", {"dsn": "host=db1 password=hunter2"}),
            ("state[0].legacy", {"env": "host=db1 password=hunter2"}),
            ("state[0].pgbouncers[0].admin", ["hunter2"]),
            ("state[0].password", "hunter2"),
            ("journal.dsn", "host=db1 password=hunter2"),
            ("sides.legacy.servers[0].address", "http://a:hunter2@db1"),
        ],
    )
    def test_never_shows_a_secret(self, path: str, value: Any) -> None:
        error = refusal(changed(service_with_state(), path, value))
        assert "hunter2" not in f"{error} {error.facts}"


class TestRenderSchema:
    @pytest.mark.parametrize("whole", [stateless_service(), service_with_state()])
    def test_accepts_whole_declarations(self, whole: Any) -> None:
        VALIDATOR.validate(whole)

    @pytest.mark.parametrize(("path", "value"), GOOD)
    def test_accepts_what_parse_accepts(self, path: str, value: Any) -> None:
        VALIDATOR.validate(changed(service_with_state(), path, value))

    @pytest.mark.parametrize(
        ("path", "value", "says"), [bad for bad in BAD if bad[1] != "shop\n"]
    )
    def test_refuses_what_parse_refuses(self, path: str, value: Any, says: str) -> None:
        assert says
        assert not VALIDATOR.is_valid(changed(service_with_state(), path, value))

    @pytest.mark.parametrize(("path", "value", "where", "says"), BROKEN_RULES)
    def test_leaves_rules_between_keys_to_parse(
        self, path: str, value: Any, where: str, says: str
    ) -> None:
        assert where
        assert says
        VALIDATOR.validate(changed(service_with_state(), path, value))

    def test_is_a_valid_schema(self) -> None:
        Draft202012Validator.check_schema(render_schema())


def steps_of(migration: Migration, phase: Phase) -> list[Any]:
    return [spec for spec in migration.phases if spec.phase is phase]
