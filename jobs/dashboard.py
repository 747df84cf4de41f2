"""``python -m jobs.dashboard``: see `emotionscope.commands.dashboard`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("dashboard")
