"""Where training tables are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.domain.training import TrainingRow, TrainingTable

__all__ = ["TrainingTables"]


class TrainingTables(Protocol):
    """Tables by account and id. Nobody else's are ever seen."""

    async def training_tables(self, account_id: str, *, count: int = 100, offset: int = 0) -> Sequence[TrainingTable]:
        """The tables of an account, newest first."""

    async def training_table(self, account_id: str, table_id: str) -> TrainingTable | None:
        """One table, without its rows."""

    async def training_rows(
        self, account_id: str, table_id: str, *, after: tuple[int, str] = (-1, ""), count: int = 1000
    ) -> Sequence[TrainingRow]:
        """Rows in the order of their revision and id, those that come after that pair."""

    async def put_training_rows(self, table: TrainingTable, rows: Sequence[TrainingRow]) -> TrainingTable:
        """Add *rows* to *table*, which is made if there is none; a row of the same id is replaced. The table then is.

        The revisions of *rows* are those that the table gets.
        """

    async def delete_training_rows(self, account_id: str, table_id: str, row_ids: Sequence[str]) -> int:
        """Remove rows; how many there were."""

    async def delete_training_table(self, account_id: str, table_id: str) -> bool:
        """Remove a table with all of its rows; False where there is none."""
