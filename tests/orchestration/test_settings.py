"""A wrong value of `ORCHESTRATION` is refused where it is first read, and `check` says which, and what to write."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from orchestration.conf import EngineSettings, engine_settings
from orchestration.setting_faults import RULED

NOWHERE = "tests.nowhere.at_all"


def test_every_setting_has_a_rule_and_its_default_keeps_it() -> None:
    defaults = {each.name: getattr(EngineSettings(), each.name) for each in fields(EngineSettings)}
    assert set(defaults) == RULED
    with override_settings(ORCHESTRATION=defaults):
        assert engine_settings() == EngineSettings()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"LEASE_SECONDS": "15"}, "ORCHESTRATION['LEASE_SECONDS'] is '15'; write seconds above 0"),
    ({"LEASE_SECONDS": float("nan")}, "is nan; write seconds"),
    ({"LEASE_SECONDS": timedelta(seconds=9)}, "is a timedelta; write seconds"),
    ({"HEARTBEAT_SECONDS": 0}, "is 0; write seconds above 0"),
    ({"RESEND_AFTER_SECONDS": True}, "is True; write seconds"),
    ({"RUN_AHEAD_SECONDS": -1}, "is -1; write seconds, or 0 for never"),
    ({"SWEEP_BATCH": 0}, "is 0; write a whole number from 1 on"),
    ({"MAX_CRASHES": 2.5}, "is 2.5; write a whole number"),
    ({"INCIDENT_AFTER_ATTEMPTS": None}, "is None; write a whole number"),
    ({"MAX_MESSAGE_BYTES": -1}, "is -1; write a whole number"),
    ({"FLUSH_LOCAL_STEPS": "no"}, "is 'no'; write True or False"),
    ({"QUEUE": ""}, "is ''; write a name as a text"),
    ({"DATABASE": None}, "is None; write a name as a text"),
    ({"SUBSCRIBERS": "billing"}, "is 'billing'; write a list of texts, such as ['billing']"),
    ({"SUBSCRIBERS": ["billing", 3]}, "is a list; write a list of texts"),
    ({"EVENT_KEYS": "s3cret"}, "is a str; write a list of secrets"),
    ({"EVENT_KEYS": [""]}, "is a list; write a list of secrets"),
    ({"RETENTION": "30d"}, "is '30d'; write ages by kind"),
    ({"RETENTION": {"complete": "30d"}}, "has unknown keys complete"),
    ({"RETENTION": {"completed": "1 fortnight"}}, "'1 fortnight' is not an age"),
    ({"FLOWER_URL": 3}, "is 3; write an address"),
    ({"TRANSPORT": print}, "write the dotted path of a class as a text"),
    ({"lease_seconds": 1}, "has unknown keys lease_seconds"),
]


@pytest.mark.parametrize(("given", "told"), WRONG)
def test_what_cannot_be_meant_is_named_by_check_and_by_it_alone(given: dict[str, Any], told: str) -> None:
    with override_settings(ORCHESTRATION=given):
        (found,) = run_checks(tags=["orchestration"])
        assert (found.id, told in found.msg) == ("orchestration.E201", True), found.msg
        assert "s3cret" not in found.msg
        run_checks(tags=["models"])  # Django asks the router meanwhile
        if "RETENTION" not in given:
            with pytest.raises(ImproperlyConfigured):
                engine_settings()


@pytest.mark.parametrize(
    "given", [{"ADMIN_LINKS": NOWHERE}, {"ADMIN_SEARCH": "os.path.nothing"}, {"TRANSPORT": "os.sep"}]
)
def test_a_path_with_nothing_to_call_behind_it_is_named(given: dict[str, str]) -> None:
    with override_settings(ORCHESTRATION=given):
        (found,) = run_checks(tags=["orchestration"])
    assert found.id == "orchestration.E204"
    assert next(iter(given.values())) in found.msg
