"""``python -m jobs.demo``: see `emotionscope.commands.demo`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("demo")
