# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a playbook becomes one exit code and one message."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.outcome import Outcome
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Ended


def failed(**result: Any) -> dict[str, Any]:
    return {"event": "runner_on_failed", "event_data": {"host": "h", "res": result}}


def at(share: int) -> dict[str, Any]:
    result = {"position": {"share": share}}
    return {"event": "runner_on_ok", "event_data": {"host": "h", "res": result}}


def outcome(*events: dict[str, Any]) -> Outcome:
    heard = Outcome()
    for event in events:
        heard.hear(event)
    return heard


FAILED, WELL = Ended(2, interrupted=False), Ended(0, interrupted=False)


class TestExit:
    @pytest.mark.parametrize(
        ("result", "code"),
        [
            ({"error": "InvalidSpec"}, Exit.USAGE),
            ({"error": "IllegalTransition", "next": "x"}, Exit.REFUSED),
            ({"error": "StateConflict"}, Exit.REFUSED),
            ({"error": "StaleEpoch"}, Exit.REFUSED),
            ({"error": "GateFailed"}, Exit.ROLLED_BACK),
            ({"error": "TimedOut"}, Exit.HELD),
            ({"error": "Unreachable"}, Exit.UNREACHABLE),
            ({"next": "hal9-migrate resume"}, Exit.REFUSED),
            ({"holder": "ops@a:1:2"}, Exit.REFUSED),
            ({"verdict": "hold", "ran_out": True}, Exit.HELD),
            ({"verdict": "fail"}, Exit.ROLLED_BACK),
            ({"msg": "no idea"}, Exit.ERROR),
            ({"msg": "Cannot release shop: ...", "assertion": "x"}, Exit.REFUSED),
            ({"msg": "The pre-check is red.", "assertion": "x"}, Exit.ERROR),
        ],
    )
    def test_follows_the_kind_of_the_failure(
        self, result: dict[str, Any], code: Exit
    ) -> None:
        assert code is outcome(failed(**result)).exit(FAILED)

    def test_a_playbook_that_ended_well_is_done_whatever_was_rescued(self) -> None:
        assert outcome(failed(error="GateFailed")).exit(WELL) is Exit.DONE

    def test_a_share_that_fell_means_rolled_back(self) -> None:
        heard = outcome(at(500), at(1000), failed(msg="?"), at(500))
        assert heard.exit(FAILED) is Exit.ROLLED_BACK

    def test_a_gate_that_ran_out_is_held_though_it_went_back(self) -> None:
        heard = outcome(at(1000), failed(verdict="hold", ran_out=True), at(500))
        assert heard.exit(FAILED) is Exit.HELD

    def test_an_interrupt_outweighs_what_failed_by_it(self) -> None:
        heard = outcome(failed(msg="killed"))
        assert heard.exit(Ended(254, interrupted=True)) is Exit.INTERRUPTED

    def test_hosts_out_of_reach_alone_are_unreachable(self) -> None:
        data = {"host": "router2", "res": {}}
        heard = outcome({"event": "runner_on_unreachable", "event_data": data})
        assert heard.exit(Ended(4, interrupted=False)) is Exit.UNREACHABLE
        assert heard.reason() == "Could not be reached: router2."


VAULT = (
    "Task failed: Finalization of task args for 'hal9.migrate.phase_info' failed: "
    "Error while resolving value for 'secrets': The lookup plugin "
    "'hal9.migrate.secrets' failed: Attempting to decrypt but no vault secrets found."
)


class TestWrapped:
    def test_a_vault_without_its_password_is_bad_input_with_a_remedy(self) -> None:
        heard = outcome(failed(msg=VAULT))
        assert heard.exit(FAILED) is Exit.USAGE
        told = heard.reason()
        assert told.startswith("Attempting to decrypt but no vault secrets found. Name")
        assert "ANSIBLE_VAULT_PASSWORD_FILE" in told

    def test_a_secret_that_is_not_set_is_bad_input(self) -> None:
        message = "Task failed: The variable X, which is not set for the controller."
        heard = outcome(failed(msg=message))
        assert heard.exit(FAILED) is Exit.USAGE
        assert heard.reason() == "The variable X, which is not set for the controller."

    def test_a_kind_outweighs_the_words(self) -> None:
        heard = outcome(failed(msg=VAULT, error="Unreachable"))
        assert heard.exit(FAILED) is Exit.UNREACHABLE


class TestReason:
    def test_is_the_last_failure_which_knows_the_rest(self) -> None:
        heard = outcome(failed(msg="the gate failed"), failed(msg="Rolled back."))
        assert heard.reason() == "Rolled back."

    def test_names_the_next_legal_command(self) -> None:
        heard = outcome(failed(msg="no", next="hal9-migrate resume"))
        assert heard.next_command() == "hal9-migrate resume"

    def test_keeps_what_ansible_says_before_any_task(self) -> None:
        event = {"event": "verbose", "stdout": "[ERROR]: the playbook was not found"}
        assert outcome(event).output == "[ERROR]: the playbook was not found"

    def test_a_lookup_of_ours_speaks_for_itself(self) -> None:
        said = "The declaration refers to the variable x, which is not set."
        around = (
            "Task failed: Finalization of task args for 'hal9.migrate.backup' failed: "
            "Error while resolving value for 'secrets': The lookup plugin "
            "'hal9.migrate.secrets' failed: "
        )
        assert outcome(failed(msg=around + said)).reason() == said
        assert outcome(failed(msg="Task failed: no")).reason() == "no"

    def test_an_inventory_without_hosts_is_not_done(self) -> None:
        heard = outcome({"event": "playbook_on_no_hosts_matched", "event_data": {}})
        assert heard.exit(WELL) is Exit.USAGE
        assert "hal9_routers" in heard.reason()

    def test_one_play_without_hosts_does_not_matter(self) -> None:
        heard = outcome(
            {"event": "playbook_on_no_hosts_matched", "event_data": {}},
            {"event": "runner_on_start", "event_data": {"host": "h"}},
        )
        assert heard.exit(WELL) is Exit.DONE
