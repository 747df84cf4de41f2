"""``python -m jobs.export``: see `emotionscope.commands.export`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("export")
