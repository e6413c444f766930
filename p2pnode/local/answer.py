"""What every answer of the local API has in common: JSON that nobody keeps."""

from __future__ import annotations

from starlette.responses import JSONResponse

NO_STORE = {"cache-control": "no-store"}


class Answer(JSONResponse):
    """An answer of a route."""

    def init_headers(self, headers: object = None) -> None:
        super().init_headers(headers)  # type: ignore[arg-type]
        self.headers.update(NO_STORE)
