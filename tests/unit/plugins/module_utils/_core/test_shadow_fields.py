"""Answers as fields."""

from __future__ import annotations

import json

from ansible_collections.hal9.migrate.plugins.module_utils._core import shadow_fields
from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    Answer,
    fields_of,
)

JSON = (("Content-Type", "application/json"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)
TEXT = (("Content-Type", "text/plain"),)


def answered(body: object, **changes: object) -> Answer:
    return Answer(200, JSON, json.dumps(body).encode())


class TestJson:
    def test_values_stand_under_their_path_and_lists_under_one_name(self) -> None:
        found = fields_of(answered({"a": {"b": 1}, "l": [{"x": 1}, {"x": 2}]}))
        assert found["a.b"] == ("1",)
        assert found["l[].x"] == ("1", "2")
        assert found["l[].length"] == ("2",)

    def test_kinds_are_told_apart(self) -> None:
        values = [1, "1", True, None, 1.0]
        found = [fields_of(answered({"v": value}))["v"] for value in values]
        assert len(set(found)) == len(values)

    def test_a_key_that_is_missing_shows(self) -> None:
        assert fields_of(answered({"a": 1}))["{}"] == ("a",)

    def test_the_order_of_keys_does_not(self) -> None:
        one = Answer(200, JSON, b'{"a": 1, "b": 2}')
        other = Answer(200, JSON, b'{"b":2,"a":1}')
        assert fields_of(one) == fields_of(other)

    def test_what_is_no_json_is_read_as_lines(self) -> None:
        found = fields_of(Answer(200, JSON, b"{broken\nsecond"))
        assert found["text[]"] == ("{broken", "second")

    def test_a_huge_answer_is_bounded_and_still_compared(self) -> None:
        many = list(range(shadow_fields.MOST_LEAVES + 10))
        one, other = fields_of(answered(many)), fields_of(answered([*many[:-1], -1]))
        assert sum(map(len, one.values())) < shadow_fields.MOST_LEAVES + 10
        assert one["(rest)"] != other["(rest)"]


class TestHeaders:
    def test_only_chosen_ones_count_and_cookies_by_name(self) -> None:
        headers = (
            ("Location", "/a"),
            ("Date", "now"),
            ("Set-Cookie", "sid=secret; Path=/"),
        )
        found = fields_of(Answer(302, headers))
        assert found == {
            "status": ("302",),
            "header.location": ("/a",),
            "header.set-cookie.name": ("sid",),
            "body": ("empty",),
        }


class TestOtherBodies:
    def test_html_is_told_by_structure_and_by_place(self) -> None:
        page = (
            b"<html><body><p>Hi <b>you</b><br><input name=token value=x></body></html>"
        )
        found = fields_of(Answer(200, HTML, page))
        assert found["html.structure"] == ("html body p b br input",)
        assert found["html.body.p.b"] == ("you",)
        assert found["html.body.p.input[token]@value"] == ("x",)

    def test_spaces_of_html_and_scripts_are_no_difference(self) -> None:
        one = Answer(200, HTML, b"<p>a  b</p><script>1</script>")
        other = Answer(200, HTML, b"<p>a\nb</p><script>2</script>")
        assert fields_of(one) == fields_of(other)

    def test_text_is_told_by_lines(self) -> None:
        assert fields_of(Answer(200, TEXT, b"a  b\nc"))["text[]"] == ("a b", "c")

    def test_bytes_are_told_by_length_and_digest(self) -> None:
        found = fields_of(Answer(200, (), b"\xff\x00"))
        assert found["body.length"] == ("2",)
        assert len(found["body.sha256"][0]) == 64

    def test_no_answer_is_a_status(self) -> None:
        assert fields_of(Answer(0, error="refused")) == {"status": ("no answer",)}
