"""``python -m jobs.drift``: see `emotionscope.commands.drift`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("drift")
