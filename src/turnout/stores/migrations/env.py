"""What Alembic runs: the revisions, on the connection that the caller hands over."""

from __future__ import annotations

from alembic import context

from turnout.stores.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
