"""`manage.py check`: every saga definition, the engine's settings, and that each step has somebody to perform it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.utils.module_loading import autodiscover_modules, import_string

from orchestration.conf import EngineSettings, are_sound, engine_settings
from orchestration.core.definition import registry
from orchestration.core.definition.arguments import shown
from orchestration.core.definition.binding import has_undo
from orchestration.core.definition.examples import example_of
from orchestration.core.definition.references import StepReference
from orchestration.core.definition.saga_definition import SagaDefinition
from orchestration.core.definition.validation import faults
from orchestration.engine.database.connection import alias
from orchestration.engine.steps.participants import modules, participant_for
from orchestration.retention.registry import ages_in_force


@register("orchestration")
def check_definitions(**_: Any) -> list[CheckMessage]:
    """Each fault of each definition, with a hint."""
    found: list[CheckMessage] = []
    for definition in registry.everything():
        found += [
            Error(f.message, hint=f.hint, obj=str(definition), id=f"orchestration.{f.code}")
            for f in faults(definition)
        ]
        found += _unperformed(definition)
        found += _without_example(definition)
    return found


@register("orchestration")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Unknown keys and values that contradict each other."""
    try:
        settings = engine_settings()
        ages_in_force()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="See orchestration/conf.py for the list.", id="orchestration.E201")]
    if unreachable := [*_unreachable(settings)]:
        return unreachable
    if settings.LEASE_SECONDS <= 3 * settings.HEARTBEAT_SECONDS:
        return [
            Warning(
                "ORCHESTRATION: LEASE_SECONDS is not well above HEARTBEAT_SECONDS, so slow steps may be taken over.",
                hint="Keep the lease at three heartbeats at least.",
                id="orchestration.W202",
            )
        ]
    return []


def _unreachable(settings: EngineSettings) -> Iterator[CheckMessage]:
    """Dotted paths behind which there is nothing to call: an admin page or the first message would find that out."""
    for name in ("TRANSPORT", "ADMIN_SEARCH", "ADMIN_LINKS"):
        path = getattr(settings, name)
        try:
            found = import_string(path) if path else None
        except ImportError as error:
            told = str(error)
        else:
            if not path or callable(found):
                continue
            told = f"it is {shown(found)}, which cannot be called"
        yield Error(
            f"ORCHESTRATION[{name!r}] is {path!r}: {told}.",
            hint="Name a class or a function of a module that can be imported.",
            id="orchestration.E204",
        )


@register("orchestration")
def check_routers(**_: Any) -> list[CheckMessage]:
    """What a local step writes must be in the database that records it, or the two would not commit together."""
    if not are_sound():
        return []
    autodiscover_modules("tasks")
    at_work = {apps.get_containing_app_config(module) for module in modules()}
    return [
        Error(
            f"{model._meta.label} is written to the database {target!r}, and its steps are recorded in {alias()!r}: they would not commit together.",
            hint="Have your router's db_for_write answer with the same alias, or name that alias in ORCHESTRATION['DATABASE'].",
            obj=model,
            id="orchestration.E203",
        )
        for app in sorted((app for app in at_work if app is not None), key=lambda app: app.label)
        for model in app.get_models()
        if model._meta.managed and (target := router.db_for_write(model)) != alias()
    ]


def _unperformed(definition: SagaDefinition) -> list[CheckMessage]:
    # Celery's own discovery runs these checks again, so Django's is used.
    autodiscover_modules("tasks")
    found: list[CheckMessage] = []
    for step in definition.steps.values():
        references: list[StepReference] = [step.reference]
        if isinstance(step.undo, StepReference):
            references.append(step.undo)
        for reference in references:
            if participant_for(reference.task) is None:
                found.append(
                    _error(
                        "E114",
                        definition,
                        f"nobody performs {reference.task!r}",
                        "Write a function with @performs(<the reference>) in the tasks.py of an app in INSTALLED_APPS: every process "
                        "that knows a saga has the code of all its steps.",
                    )
                )
        for reference in references:
            if (performer := participant_for(reference.task)) is not None:
                found += [
                    _error(
                        "E120",
                        definition,
                        told,
                        "A step, its look_up and its cancel_by_key take (command, context); its record takes (command, result, context).",
                    )
                    for told in performer.wrong_signatures()
                ]
        performer = participant_for(step.reference.task)
        if (
            performer
            and step.reference.is_external
            and (has_undo(step) or step.pivot)
            and not (performer.find or performer.refuse)
        ):
            found.append(
                _error(
                    "E115",
                    definition,
                    f"{step.reference.task!r} is external and may have to be settled before undo, but cannot be looked up",
                    "Add @<step>.look_up, or @<step>.cancel_by_key: after a lost answer nobody could say what to undo.",
                )
            )
    return found


def _without_example(definition: SagaDefinition) -> Iterator[CheckMessage]:
    """Results that a person may have to type in, with a command that is printed with an example of them."""
    undos = [step.undo for step in definition.steps.values() if isinstance(step.undo, StepReference)]
    external = [step.reference for step in definition.steps.values() if step.reference.is_external]
    for kind in dict.fromkeys(kind for reference in (*external, *undos) for kind in reference.gives):
        if example_of(kind) is None:
            yield Warning(
                f"{definition}: no example of {kind.__name__} is found that its own rules accept, so the command to settle a step "
                "that gives it would be refused as it is printed.",
                hint="Give its fields values that fit together: Field(examples=[...]).",
                obj=str(definition),
                id="orchestration.W121",
            )


def _error(code: str, definition: SagaDefinition, what: str, hint: str) -> Error:
    return Error(f"{definition}: {what}.", hint=hint, obj=str(definition), id=f"orchestration.{code}")
