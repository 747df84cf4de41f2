"""``python -m jobs.score_all``: see `emotionscope.commands.score_all`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("score_all")
