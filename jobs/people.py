"""``python -m jobs.people``: see `emotionscope.commands.people`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("people")
