"""Retention: what is removed when it is old enough, by outcome and age; `manage.py prune` asks for it.

A saga goes as a whole or not at all, and the database says so as well. What belongs to the business (orders, payments,
parcels) is never touched here; an app whose own rows may be forgotten registers them with `prunes`.
"""

from orchestration.retention.ages import Age, read_age
from orchestration.retention.registry import Batch, Round, prunes

__all__ = ["Age", "Batch", "Round", "prunes", "read_age"]
