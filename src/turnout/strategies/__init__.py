"""Floor 4: one pure function per ordering."""
