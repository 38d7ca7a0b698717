"""Fixtures that any test may ask for."""

from servers import database, empty_store, new_store, postgres_server, redis_server, redis_url

__all__ = ["database", "empty_store", "new_store", "postgres_server", "redis_server", "redis_url"]
