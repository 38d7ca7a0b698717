"""Floor 2: the one TOML file, the environment and flags that override it, reload."""

from turnout.config.load import Loaded, load
from turnout.config.mistakes import BadConfiguration, Mistake
from turnout.config.reload import needs_restart, watch
from turnout.config.schema import schema
from turnout.config.settings import Settings
from turnout.config.show import Value, show, values

__all__ = [
    "BadConfiguration",
    "Loaded",
    "Mistake",
    "Settings",
    "Value",
    "load",
    "needs_restart",
    "schema",
    "show",
    "values",
    "watch",
]
