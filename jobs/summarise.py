"""``python -m jobs.summarise``: see `emotionscope.commands.summarise`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("summarise")
