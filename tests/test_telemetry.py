"""Traces are sent only where somebody has said where to."""

import pytest

from export_robots.outcomes import UsageWrong
from export_robots.telemetry import endpoint, with_traces


def test_nothing_is_sent_unless_the_usual_variable_says_where() -> None:
    assert endpoint({}) is None
    assert with_traces({"name": "x"}, {}) == {"name": "x", "enable_otlp": False}
    assert endpoint({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318/"}) == "http://127.0.0.1:4318/v1/traces"
    assert endpoint({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1/t"}) == "http://127.0.0.1/t"
    assert endpoint({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1", "OTEL_SDK_DISABLED": "true"}) is None


# The lock does not bring OpenTelemetry.
def test_wanted_without_its_library_it_is_said_what_to_install() -> None:
    with pytest.raises(UsageWrong) as wrong:
        with_traces({"name": "x"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    assert "export-robots[telemetry]" in wrong.value.hint
