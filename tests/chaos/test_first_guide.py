"""The first guide as an operator types it: too many commands for `make test`."""

from __future__ import annotations

from tests.integration.cli.test_first_guide import reader, test_each_answer_is_true

__all__ = ["reader", "test_each_answer_is_true"]
