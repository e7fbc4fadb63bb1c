# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands where a library of the command is not installed."""

from __future__ import annotations


class _Anything(type):
    """A class whose every attribute and call is itself."""

    def __getattr__(cls, name: str) -> _Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, /, *_args: object, **_options: object) -> _Anything:
        return cls


class Absent(metaclass=_Anything):
    """Lets modules that decorate or subclass a library be imported without it.

    The collection alone has no libraries of the command, and whoever looks at its
    files (ansible-doc, ansible-test) imports them. The command itself refuses to
    start before it meets this.
    """
