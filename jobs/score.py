"""``python -m jobs.score``: see `emotionscope.commands.score`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("score")
