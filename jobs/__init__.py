"""Entry points: ``python -m jobs.NAME --flag value``."""
