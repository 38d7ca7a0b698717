"""The control plane: everything that is not a completion, as one FastAPI application with one OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from turnout import __version__
from turnout.accounts.keys import KeyRing
from turnout.accounts.vault import Vault
from turnout.api.accounts import add_accounts
from turnout.api.activity import add_activity
from turnout.api.administration import Administration, add_administration
from turnout.api.apps import add_apps
from turnout.api.auto import Teaching as AutoTeaching
from turnout.api.auto import add_auto
from turnout.api.byok import TestCredential, add_byok
from turnout.api.contents import add_contents
from turnout.api.desk import CatalogDesk
from turnout.api.documents import DATA_PLANE_PATHS, add_documents
from turnout.api.errors import error_body, retry_after_of, status_of
from turnout.api.explain import Explain, add_explain
from turnout.api.generations import FindGeneration, add_generations
from turnout.api.guardrails import add_guardrails
from turnout.api.head import HeadAsGet
from turnout.api.keys import add_keys
from turnout.api.models import add_models
from turnout.api.office import MOUNTS, Office
from turnout.api.presets import add_presets
from turnout.api.query_archive import add_query_archive
from turnout.api.query_definitions import add_query_definitions
from turnout.api.training_tables import add_training_tables
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, Forbidden, Internal, TurnoutError, Unavailable
from turnout.base.jsons import encode
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.query.front import Voting
from turnout.query.teaching import Teaching

__all__ = ["Control", "control_plane"]

_JSON = "application/json"
_PLAIN_ERRORS = {404: "not_found", 405: "invalid_request", 413: "payload_too_large", 422: "unprocessable"}


@dataclass(frozen=True, slots=True)
class Control:
    """What the control plane works with."""

    store: Store
    keys: KeyRing
    clock: Clock
    desk: CatalogDesk
    metrics: Callable[[], bytes]
    ready: Callable[[], Mapping[str, object]]
    find_generation: FindGeneration
    explain: Explain
    check_plugins: Callable[[Sequence[str]], None]
    voting: Voting
    vault: Vault
    test_credential: TestCredential
    administration: Administration
    auto: AutoTeaching
    report: Callable[[Exception], None]
    cors: bool
    public_metrics: bool


def control_plane(control: Control) -> FastAPI:
    """The application that answers whatever is not on the hot path."""
    app = FastAPI(
        title="Turnout", version=__version__, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
        description="One API for every large language model. OpenRouter-compatible.",
    )  # fmt: skip
    if control.cors:
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    _add_error_shape(app, control)
    _add_service(app, control)
    app.add_middleware(HeadAsGet)
    add_models(app, control.desk, lambda request: _caller(control, request))
    training = control.voting.training
    judged = None if training is None else training.judged
    add_query_definitions(
        app, control.voting.registry, control.clock, lambda request: _caller(control, request), judged
    )
    add_query_archive(app, control.voting, control.store, control.clock, lambda request: _caller(control, request))
    if training is not None:
        teaching = Teaching(control.voting, training, control.store, control.clock)
        add_training_tables(app, teaching, lambda request: _caller(control, request))
    office = _office(control)
    for mount in MOUNTS:
        hidden = mount != MOUNTS[0]
        _add_account(app, office, control, mount, hidden=hidden)
        add_explain(app, mount, control.explain, lambda request: _caller(control, request), hidden=hidden)
        _refuse_other_methods(app, mount)
    add_documents(app)
    return app


def _add_error_shape(app: FastAPI, control: Control) -> None:
    def shaped(error: TurnoutError) -> Response:
        headers = {} if (seconds := retry_after_of(error)) is None else {"Retry-After": str(seconds)}
        return Response(error_body(error), status_of(error), headers, _JSON)

    async def of_turnout(_request: Request, error: Exception) -> Response:
        return shaped(error if isinstance(error, TurnoutError) else Internal())

    async def of_validation(_request: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) and error.errors() else {}
        place = ".".join(str(part) for part in first.get("loc", ())[1:])
        return shaped(BadRequest(f"`{place}`: {first.get('msg', 'is wrong')}"))

    async def of_http(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        message = "There is nothing here" if status == 404 else "This method is not allowed here"
        if status not in _PLAIN_ERRORS:
            message = "The request cannot be served"
        metadata = {"error_type": _PLAIN_ERRORS.get(status, "invalid_request")}
        headers = dict(getattr(error, "headers", None) or {})
        body = encode({"error": {"code": status, "message": message, "metadata": metadata}})
        return Response(body, status, headers, _JSON)

    async def of_anything(_request: Request, error: Exception) -> Response:
        control.report(error)
        return shaped(Internal())

    app.add_exception_handler(TurnoutError, of_turnout)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)


def _add_service(app: FastAPI, control: Control) -> None:
    @app.get("/health", tags=["service"])
    async def health() -> dict[str, str]:
        """Liveness: the process answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/ready", tags=["service"], response_model=None)
    async def ready() -> Response:
        """Readiness: requests can be served. Tells the catalog's generation and age in seconds."""
        state = dict(control.ready())
        return Response(encode(state), 200 if state.get("ready") else 503, media_type=_JSON)

    @app.get("/metrics", tags=["service"], response_model=None)
    async def metrics(request: Request) -> Response:
        """Metrics in Prometheus' text format; wants the management key unless the configuration makes them public."""
        if not control.public_metrics and not (await _caller(control, request)).management:
            raise Forbidden("Metrics are for the management key")
        return Response(control.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_account(app: FastAPI, office: Office, control: Control, mount: str, *, hidden: bool) -> None:
    add_keys(app, mount, office, hidden=hidden)
    add_apps(app, mount, office, hidden=hidden)
    add_accounts(app, mount, office, hidden=hidden)
    add_activity(app, mount, office, hidden=hidden)
    add_presets(app, mount, office, hidden=hidden)
    add_guardrails(app, mount, office, hidden=hidden)
    add_byok(app, mount, office, control.vault, control.test_credential, hidden=hidden)
    add_generations(app, mount, office, control.find_generation, hidden=hidden)
    add_contents(app, mount, office, control.find_generation, control.vault, hidden=hidden)
    add_administration(app, mount, office, control.administration, hidden=hidden)
    add_auto(app, mount, office, control.find_generation, control.auto, hidden=hidden)


def _office(control: Control) -> Office:
    def provider_name(slug: str) -> str:
        provider = control.desk.sources.snapshot().providers.get(slug)
        return slug if provider is None else provider.name

    def canonical(model_id: str) -> str:
        model = control.desk.sources.snapshot().models.get(model_id)
        return model_id if model is None else model.canonical_slug

    return Office(
        control.store, control.clock, lambda request: _caller(control, request), provider_name, canonical,
        control.check_plugins,
        lambda slug: slug in control.desk.sources.snapshot().providers,
    )  # fmt: skip


def _refuse_other_methods(app: FastAPI, mount: str) -> None:
    """The hot routes answer POST before this application is asked; here they only refuse the other methods."""

    async def elsewhere() -> None:
        raise Unavailable("This route is served by the data plane")

    for path in DATA_PLANE_PATHS:
        app.add_api_route(f"{mount}{path}", elsewhere, methods=["POST"], include_in_schema=False)


async def _caller(control: Control, request: Request) -> Key:
    header = request.headers.get("authorization")
    return await control.keys.find(None if header is None else header.encode("latin-1"))
