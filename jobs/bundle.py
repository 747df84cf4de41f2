"""``python -m jobs.bundle``: see `emotionscope.commands.bundle`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("bundle")
