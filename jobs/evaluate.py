"""``python -m jobs.evaluate``: see `emotionscope.commands.evaluate`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("evaluate")
