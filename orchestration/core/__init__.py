"""The pure part: definitions, the planning core, and what they are made of. Imports neither Django nor Celery."""
