# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds what is shipped, and gives places that have it and nothing else of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """A virtual environment and an empty home, as a new user has them."""

    folder: Path

    def run(
        self, program: str, *arguments: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the place, with nothing of this checkout in reach."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [str(self.folder / "venv/bin" / program), *map(str, arguments)],
            cwd=home,
            env={
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "PATH": f"{self.folder}/venv/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def install(self, *wanted: object) -> None:
        """Install packages in the versions of the lock."""
        lock = ROOT / "requirements.txt"
        run(
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet"),
            *("--python", self.folder / "venv/bin/python"),
            *("--constraint", lock, *wanted),
        )


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a program that must succeed, and give what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def empty_place(folder: Path) -> Place:
    """Make a virtual environment with nothing in it."""
    run(
        sys.executable,
        "-m",
        "uv",
        "venv",
        "--quiet",
        "--python",
        sys.executable,
        folder / "venv",
    )
    return Place(folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a packager would."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
        *("--outdir", folder, ROOT),
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def place_with_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Install the built wheel, and what it asks for, into an empty place."""
    place = empty_place(tmp_path_factory.mktemp("installed"))
    place.install(wheel)
    return place


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the collection as it goes to Galaxy."""
    folder = tmp_path_factory.mktemp("archive")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    run(galaxy, "collection", "build", "--output-path", folder, ROOT)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def place_with_collection(
    archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """Install the built collection beside an ansible-core that knows nothing else."""
    place = empty_place(tmp_path_factory.mktemp("galaxy"))
    place.install("ansible-core")
    done = place.run(
        "ansible-galaxy",
        *("collection", "install", archive, "--offline"),
        *("-p", place.folder / "home/.ansible/collections"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place
