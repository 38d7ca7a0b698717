"""Floor 2: what an extension must do, one file per kind."""
