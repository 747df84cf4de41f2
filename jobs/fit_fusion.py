"""``python -m jobs.fit_fusion``: see `emotionscope.commands.fit_fusion`."""

from emotionscope.__main__ import run_job

if __name__ == "__main__":
    run_job("fit_fusion")
