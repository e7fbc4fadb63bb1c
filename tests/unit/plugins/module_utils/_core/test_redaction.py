# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets stay out of the record, whole or as the password inside an address."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    HIDDEN,
    redact,
    secret_texts,
)


class TestRedact:
    @pytest.mark.parametrize(
        ("secret", "written"),
        [
            ("host=db password=s3cret-pw user=x", "s3cret-pw"),
            ("host=db password='two words' user=x", "two words"),
            ("postgresql://u:s3cret-pw@db/x", "s3cret-pw"),
            ("postgresql://u:a%40b%2Fcd@db/x", "a@b/cd"),
            ("postgresql://u:a%40b%2Fcd@db/x", "a%40b%2Fcd"),
            ("postgresql://db/x?user=u&password=s3cret-pw&x=1", "s3cret-pw"),
            ("one-token", "one-token"),
        ],
    )
    def test_hides_it_wherever_it_stands(self, secret: str, written: str) -> None:
        value = {"a": [f"said {written}!", {written: 1}], "n": 2, "none": None}
        hidden = redact(value, secret_texts([secret]))
        assert hidden == {"a": [f"said {HIDDEN}!", {HIDDEN: 1}], "n": 2, "none": None}

    def test_leaves_the_rest_as_it_was(self) -> None:
        value = {"a": [1, True, 2.5, "text"], "b": {}}
        assert redact(value, secret_texts(["host=db password=abc"])) == value
