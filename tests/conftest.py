"""Fixtures that any test may ask for, and how properties are tried."""

from hypothesis import HealthCheck, settings

from servers import database, empty_store, new_store, postgres_server, redis_server, redis_url

__all__ = ["database", "empty_store", "new_store", "postgres_server", "redis_server", "redis_url"]

# Machines are shared: how long an example takes says nothing about it.
settings.register_profile("shared", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
