"""Run one process of the shop: `python -m tests.lab.shop`, told by its environment."""

from __future__ import annotations

import gc
import logging
import os

from aiohttp import web

from tests.lab.shop.service import application
from tests.lab.shop.settings import Settings


def main() -> None:
    """Serve until SIGTERM, which lets requests in flight finish."""
    logging.basicConfig(level=logging.WARNING)
    settings = Settings.read(os.environ)
    gc.freeze()
    web.run_app(
        application(settings),
        host=settings.host,
        port=settings.port,
        access_log=None,
        print=None,
        shutdown_timeout=5,
        keepalive_timeout=75,
    )


if __name__ == "__main__":
    main()
