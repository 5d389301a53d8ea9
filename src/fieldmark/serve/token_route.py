"""Routes that need the access token. It is checked before anything else of a request is read."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from fastapi.security.utils import get_authorization_scheme_param

__all__ = ["OwnerRoute", "TokenRoute"]


class TokenRoute(APIRoute):
    """A route that answers 403 if the server has no token, and 401 if the request does not have the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI, which reads the body before it solves dependencies, behind the check."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            _demand_token(request.app.state.service.settings.token, request.headers.get("authorization", ""))
            return await handle(request)

        return checked


class OwnerRoute(APIRoute):
    """A route of a page for one person: where the server has a token, every request needs it; otherwise none does.

    `fieldmark.serve.run_page.run_page` demands a token where other machines can reach the server.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of FastAPI behind the check."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            token = request.app.state.settings.token
            if token is not None:
                _demand_token(token, request.headers.get("authorization", ""))
            return await handle(request)

        return checked


def _demand_token(token: str | None, sent: str) -> None:
    if token is None:
        raise HTTPException(403, "Changing the model is off on this server. Start it with --token to allow it.")
    scheme, credentials = get_authorization_scheme_param(sent)
    # Headers are read as Latin-1, so this gives back the bytes that were sent.
    if scheme.lower() != "bearer" or not hmac.compare_digest(credentials.encode("latin-1"), token.encode()):
        sentence = "That access token isn't valid. Send the server's token as 'Authorization: Bearer TOKEN'."
        raise HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})
