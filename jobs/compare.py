"""``python -m jobs.compare``: see `emotionscope.commands.compare`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("compare")
