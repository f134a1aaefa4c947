"""What a value of `ORCHESTRATION` must be: a wrong one is refused where it is first read, in a sentence. Pure.

Left alone, a text in place of a list of queues is a queue for each of its letters, and one in place of a list of secrets a secret of one letter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestration.core.definition.arguments import is_name, is_number, is_whole, shown

_Rule = tuple[Callable[[object], bool], str]

_LONGEST_SECONDS = 7 * 24 * 3600.0
_LONGEST_NAME = 100


def _is_duration(value: object) -> bool:
    return is_number(value) and 0 < value <= _LONGEST_SECONDS  # type: ignore[operator]  # it is a number, and NaN is neither


def _is_duration_or_none(value: object) -> bool:
    return value == 0 or _is_duration(value)


def _is_count(value: object) -> bool:
    return is_whole(value) and 1 <= value < 2**31  # type: ignore[operator]  # it is a number


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_short_name(value: object) -> bool:
    return is_name(value) and len(str(value)) <= _LONGEST_NAME


def _is_path(value: object) -> bool:
    return is_name(value) and "." in str(value)


def _is_path_or_none(value: object) -> bool:
    return value == "" or _is_path(value)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(is_name, value))


def _are_ages(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(each, str) for pair in value.items() for each in pair
    )


_DURATION: _Rule = (_is_duration, "seconds above 0, a week at most, such as 15.0")
_COUNT: _Rule = (_is_count, "a whole number from 1 on")
_NAME: _Rule = (_is_short_name, "a name as a text, of 100 characters at most")
_PATH: _Rule = (_is_path_or_none, "a dotted path as a text, such as 'shop.beside.links', or '' for none")
_NAMES: _Rule = (_are_names, "a list of texts, such as ['billing']")

_RULES: Mapping[str, _Rule] = {
    "LEASE_SECONDS": _DURATION,
    "RESEND_AFTER_SECONDS": _DURATION,
    "HEARTBEAT_SECONDS": _DURATION,
    "RUN_AHEAD_SECONDS": (_is_duration_or_none, "seconds, or 0 for never"),
    "SWEEP_BATCH": _COUNT,
    "INCIDENT_AFTER_ATTEMPTS": _COUNT,
    "MAX_CRASHES": _COUNT,
    "MAX_MESSAGE_BYTES": _COUNT,
    "MAX_UNPACKED_BYTES": _COUNT,
    "FLUSH_LOCAL_STEPS": (_is_flag, "True or False"),
    "DATABASE": _NAME,
    "OWNER_DATABASE": _NAME,
    "QUEUE": _NAME,
    "TRANSPORT": (_is_path, "the dotted path of a class as a text"),
    "EVENT_KEYS": (_are_names, "a list of secrets, the one that seals first"),
    "SUBSCRIBERS": _NAMES,
    "ADMIN_SEARCH": _PATH,
    "ADMIN_LINKS": _PATH,
    "FLOWER_URL": (lambda value: isinstance(value, str), "an address as a text, or '' for none"),
    "RETENTION": (_are_ages, "ages by kind, such as {'completed': '30d'}"),
}
RULED = frozenset(_RULES)
_SECRET = frozenset({"EVENT_KEYS"})


def fault_of(name: str, value: object) -> str | None:
    """Say what is wrong with the value of a setting; None if nothing is. Of a secret nothing is shown but its type."""
    is_well, write = _RULES[name]
    if is_well(value):
        return None
    told = f"a {type(value).__name__}" if name in _SECRET else shown(value)
    return f"ORCHESTRATION[{name!r}] is {told}; write {write}"
