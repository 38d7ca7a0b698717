"""Floor 4: durable stores on one SQLAlchemy Core schema."""
