"""OpenTelemetry traces of runs, for those who have a collector for them: off unless the usual variable names one.

DBOS makes the spans: a workflow and its steps, with their names, times and ids. An error's text is taken out before
anything is sent, since nobody can promise that it quotes nothing.
"""

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from export_robots.outcomes import UsageWrong

if TYPE_CHECKING:
    from dbos import DBOSConfig

_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"


def endpoint(env: Mapping[str, str] = os.environ) -> str | None:
    """Where traces go, by OpenTelemetry's own variables; None: nowhere."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if traces := env.get(_TRACES, "").strip():
        return traces
    base = env.get(_BASE, "").strip()
    return f"{base.rstrip('/')}/v1/traces" if base else None


def with_traces(config: "DBOSConfig", env: Mapping[str, str] = os.environ) -> "DBOSConfig":
    """The engine's configuration, with traces where they are wanted; wanted without their library is `UsageWrong`."""
    address = endpoint(env)
    if address is None:
        return {**config, "enable_otlp": False}
    if importlib.util.find_spec("opentelemetry") is None:
        name = _TRACES if env.get(_TRACES) else _BASE
        raise UsageWrong(
            f"{name} is set, and OpenTelemetry is not installed",
            "Install the extra that brings it, export-robots[telemetry], or unset the variable.",
        )
    _without_texts(config["name"])
    return {**config, "enable_otlp": True, "otlp_traces_endpoints": [address]}


def _without_texts(name: str) -> None:
    """Make the process's tracer, before DBOS does: whoever sees a finished span first takes the text out."""
    from opentelemetry import trace  # type: ignore[import-not-found]  # an extra
    from opentelemetry.sdk.resources import Resource  # type: ignore[import-not-found]
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider  # type: ignore[import-not-found]
    from opentelemetry.trace import Status  # type: ignore[import-not-found]

    class Texts(SpanProcessor):  # type: ignore[misc]  # likewise
        def on_end(self, span: Any) -> None:
            span._status = Status(span.status.status_code)  # noqa: SLF001 - there is no public way

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # once per process
        provider = TracerProvider(resource=Resource(attributes={"service.name": name}))
        provider.add_span_processor(Texts())
        trace.set_tracer_provider(provider)
