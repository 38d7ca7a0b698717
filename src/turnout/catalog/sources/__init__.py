"""One file per source of facts about models, each read into the same neutral rows."""
