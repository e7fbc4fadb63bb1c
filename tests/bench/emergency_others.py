"""The playbook that the emergency is compared with: community.general.haproxy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.bench.site import ADMIN_SOCKET

PACKAGE = "ansible==12.3.0"
PLACE = Path(".bench/collections").absolute()
PLAY = f"""- hosts: hal9_routers
  gather_facts: false
  tasks:
    - name: Take the servers of new out
      community.general.haproxy:
        state: disabled
        host: "{{{{ item }}}}"
        backend: hal9_shop
        socket: {ADMIN_SOCKET}
        fail_on_not_found: true
      loop: [new1, new2]
"""


@cache
def there_is() -> bool:
    """Whether the collection is there; it is fetched once, and why not is printed."""
    home = PLACE / "ansible_collections/community/general"
    if home.exists():
        return True
    site = PLACE.parent / "site"
    uv = [sys.executable, "-m", "uv", "--quiet", "pip", "install"]
    install = [*uv, "--no-deps", "--target", str(site)]
    try:
        subprocess.run([*install, PACKAGE], check=True, timeout=300)
        home.parent.mkdir(parents=True, exist_ok=True)
        found = site / "ansible_collections/community/general"
        shutil.copytree(found, home)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"  no comparison with community.general.haproxy: {error}")
        return False
    finally:
        shutil.rmtree(site, ignore_errors=True)
    return True
