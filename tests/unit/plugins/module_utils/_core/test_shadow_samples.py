"""Examples are few, short, and without secrets."""

from __future__ import annotations

import json

from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    ShadowSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_samples import (
    LONGEST,
    MOST_EXAMPLES,
    Asked,
    Examples,
)

HIDDEN = ShadowSpec("").redact


def request(target: str = "/orders", **headers: str) -> Asked:
    return Asked("GET", target, tuple(headers.items()), HIDDEN)


def kept(examples: Examples) -> str:
    return json.dumps(examples.to_dict())


class TestExamples:
    def test_only_the_elements_that_differ_are_shown(self) -> None:
        examples = Examples()
        examples.add("l[]", request(), {"l[]": ("1", "2")}, {"l[]": ("1", "3")})
        (example,) = examples.kept["l[]"]
        assert example == {"request": "GET /orders", "legacy": ["2"], "new": ["3"]}

    def test_they_are_bounded(self) -> None:
        examples = Examples()
        for _unused in range(10):
            examples.add("f", request(), {"f": ("a" * 10_000,)}, {})
        assert len(examples.kept["f"]) == MOST_EXAMPLES
        assert len(examples.kept["f"][0]["legacy"][0]) == LONGEST
        assert examples.kept["f"][0]["new"] is None

    def test_a_secret_field_is_hidden_by_its_name(self) -> None:
        examples = Examples()
        examples.add("user.Password", request(), {"user.Password": ("abcd",)}, {})
        assert "abcd" not in kept(examples)

    def test_secrets_of_the_request_are_hidden_wherever_they_come_back(self) -> None:
        asked = request(
            "/orders?api_token=query-secret&page=2",
            Authorization="Bearer bearer-secret",
            Cookie="uid=cookie-secret; b=other-secret",
        )
        texts = "query-secret bearer-secret cookie-secret other-secret"
        examples = Examples()
        examples.add("echo", asked, {"echo": (texts,)}, {"echo": ("x",)})
        assert "secret" not in kept(examples)
        assert "page=2" in kept(examples)

    def test_secrets_in_a_text_are_hidden_by_the_word_before_them(self) -> None:
        examples = Examples()
        examples.add("text[]", request(), {"text[]": ('"token": "abcdef"',)}, {})
        assert "abcdef" not in kept(examples)
