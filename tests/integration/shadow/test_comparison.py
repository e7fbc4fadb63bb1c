"""What new does otherwise is named; what is noise is not; secrets stay out."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.integration.router.client import ask_users
from tests.integration.shadow import bed as beds
from tests.integration.shadow.test_mirror import USERS, settled
from tests.lab.parts import wait_until

SECRETS = ("bearer-of-7f31", "cookie-of-7f31", "query-of-7f31", "word-")


class TestFindings:
    @pytest.mark.sample
    def test_a_difference_is_named_and_noise_is_not(self, bed: beds.Bed) -> None:
        bed.shop("new1").cents = 99
        bed.begin()
        ask_users(bed.port, USERS[:20])
        counts = settled(bed, 20)
        assert (counts["compared"], counts["matched"]) == (20, 0)
        found = bed.comparator.findings()
        named = {name for name, finding in found.items() if finding == "regression"}
        assert named == {"order.cents", "order.password"}
        assert {found[name] for name in ("generated_at", "request")} == {"noisy"}

    def test_an_error_of_new_is_a_difference_of_the_status(self, bed: beds.Bed) -> None:
        bed.shop("new1").status = 500
        bed.begin()
        ask_users(bed.port, USERS[:20])
        assert settled(bed, 20)["matched"] == 0
        found = bed.comparator.findings()
        assert [n for n, f in found.items() if f == "regression"] == ["status"]

    def test_no_answer_of_new_is_a_difference_too(self) -> None:
        with beds.bed(timeout="1500ms") as bed:
            bed.shop("new1").delay = 4
            bed.begin()
            ask_users(bed.port, USERS[:12])
            counts = settled(bed, 12)
            assert (counts["compared"], counts["matched"]) == (12, 0)
            assert bed.comparator.findings()["status"] == "regression"

    def test_without_legacys_answers_nothing_is_compared(self, bed: beds.Bed) -> None:
        for name in ("legacy1", "legacy2"):
            bed.shop(name).refuses = True
        bed.begin()
        ask_users(bed.port, USERS[:8])
        wait_until(
            lambda: bed.comparator.counts()["unanswered"] == 8, 10, "all unanswered"
        )
        assert bed.comparator.counts()["compared"] == 0

    def test_a_moment_that_passes_is_no_mismatch(self, bed: beds.Bed) -> None:
        """As when a row is written between the answers: the second look agrees."""
        bed.shop("new1").cents = 99
        bed.begin()
        ask_users(bed.port, USERS[:10])
        new = bed.shop("new1")
        wait_until(lambda: len(new.mirrored) == 10, 10, "the first look")
        new.cents = 100
        counts = settled(bed, 10)
        assert (counts["asked_again"], counts["matched"]) == (10, 10)

    def test_fields_declared_to_be_ignored_do_not_count(self) -> None:
        with beds.bed(ignore_fields=["cents", "password"]) as bed:
            bed.shop("new1").cents = 99
            bed.begin()
            ask_users(bed.port, USERS[:10])
            counts = settled(bed, 10)
            assert counts["matched"] == 10
            assert bed.comparator.findings()["order.cents"] == "ignored"


def test_no_secret_is_in_the_report_or_on_disk(bed: beds.Bed) -> None:
    bed.shop("new1").cents = 99
    bed.begin()
    request = urllib.request.Request(
        f"http://127.0.0.1:{bed.port}/orders?token=query-of-7f31&page=2",
        headers={
            "Authorization": "Bearer bearer-of-7f31",
            "Cookie": "uid=cookie-of-7f31",
        },
    )
    urllib.request.urlopen(request).close()
    settled(bed, 1)
    report = bed.comparator.read("report")
    bed.comparator.stop()
    kept = [file.read_text() for file in (bed.directory / "c").glob("*.json")]
    log = bed.comparator.log.read_text()
    for text in (json.dumps(report), *kept, log):
        assert [secret for secret in SECRETS if secret in text] == []
    examples = {f["field"]: f["examples"] for f in report["fields"]}
    assert examples["order.cents"] == [
        {
            "request": "GET /orders?token=********&page=2",
            "legacy": ["100"],
            "new": ["99"],
        }
    ]
    assert examples["order.password"][0]["new"] == ["********"]
