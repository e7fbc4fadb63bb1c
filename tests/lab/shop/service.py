"""The shop's HTTP side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from aiohttp import web

from tests.lab.shop.extras import Sessions, Uploads
from tests.lab.shop.faults import Answer, Faults
from tests.lab.shop.health import Health
from tests.lab.shop.settings import Settings
from tests.lab.shop.store import STORES, NewOrder, Store, open_pool


def application(settings: Settings) -> web.Application:
    """The whole service, ready to run."""
    pool = open_pool(settings.dsn, settings.pool)
    shop = Shop(settings, STORES[settings.version](pool), Health(pool))
    faults = Faults(settings.faults)

    @web.middleware
    async def around(request: web.Request, handler: Answer) -> web.StreamResponse:
        response = await faults.suffer(request, handler)
        response.headers["X-Served-By"] = settings.name
        return response

    async def resources(_unused: web.Application) -> AsyncIterator[None]:
        await pool.open(wait=True, timeout=20)
        watch = asyncio.create_task(shop.health.watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await pool.close(timeout=2)
        await shop.sessions.close()

    app = web.Application(middlewares=[around])
    app.cleanup_ctx.append(resources)
    app.add_routes(shop.routes())
    return app


class Shop:
    """What each path answers."""

    def __init__(self, settings: Settings, store: Store, health: Health) -> None:
        """Answer from this store."""
        self._settings = settings
        self._store = store
        self.health = health
        self.sessions = Sessions(settings.sessions)
        self._uploads = Uploads(settings.uploads)

    def routes(self) -> list[web.RouteDef]:
        """The paths of the shop."""
        return [
            web.get("/health", self.healthy),
            web.get("/version", self.version),
            web.get("/catalogue", self.catalogue),
            web.get("/orders", self.orders),
            web.get(r"/orders/{number:\d{1,18}}", self.order),
            web.post("/orders", self.place),
        ]

    async def healthy(self, _unused: web.Request) -> web.Response:
        """200 while the database does not refuse, else 503."""
        good = self.health.good
        return answer({"healthy": good}, status=200 if good else 503)

    async def version(self, _unused: web.Request) -> web.Response:
        """Which version this is."""
        return answer({"version": self._settings.version, "name": self._settings.name})

    async def catalogue(self, _unused: web.Request) -> web.Response:
        """All products."""
        return answer({"products": await self._store.catalogue()})

    async def orders(self, request: web.Request) -> web.Response:
        """The newest orders of the customer named by `user`, or of the caller."""
        customer = request.query.get("user") or request.cookies.get("uid", "")
        if not customer:
            return answer({"error": "whose orders? say ?user="}, status=400)
        return answer({"orders": await self._store.orders_of(customer)})

    async def order(self, request: web.Request) -> web.Response:
        """One order."""
        row = await self._store.order(int(request.match_info["number"]))
        if row is None:
            return answer({"error": "no such order"}, status=404)
        return answer({"order": row})

    async def place(self, request: web.Request) -> web.Response:
        """Write an order with its session and its file; acknowledge it with 201."""
        try:
            wanted = read_order(await request.json(), request.cookies.get("uid", ""))
        except (ValueError, KeyError, TypeError):
            text = "an order needs key (UUID), product, quantity 1..100 and cookie uid"
            return answer({"error": text}, status=400)
        row = await self._store.place(wanted)
        if row is None:
            return answer({"error": "no such product"}, status=422)
        await self.sessions.keep(wanted.key, wanted.customer)
        await self._uploads.keep(wanted.key)
        return answer({"order": row}, status=201)


def read_order(body: dict[str, Any], customer: str) -> NewOrder:
    """The order in a request's body; ValueError, KeyError or TypeError if bad."""
    quantity = int(body["quantity"])
    if not customer or not 1 <= quantity <= 100:
        raise ValueError(quantity)
    return NewOrder(str(UUID(body["key"])), customer, int(body["product"]), quantity)


def answer(body: dict[str, Any], status: int = 200) -> web.Response:
    """A JSON answer; `generated_at` differs each time, as such fields do."""
    body = {**body, "generated_at": datetime.now(timezone.utc).isoformat()}
    return web.json_response(
        body, status=status, dumps=lambda value: json.dumps(value, default=str)
    )
