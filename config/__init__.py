"""Wiring: settings, the Celery application, addresses, and how the system is installed, started and stopped.

Importing `config` imports nothing but the standard library, because `config.system.boot` runs before the dependencies exist.
"""
