"""``python -m jobs.prepare_meld``: see `emotionscope.commands.prepare_meld`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("prepare_meld")
