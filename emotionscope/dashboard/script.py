"""The script that Streamlit runs for each visit; `jobs.dashboard` starts it with the sources as JSON after ``--``."""

if __name__ == "__main__":  # the process that decodes clips reads this file, too, and needs nothing of it
    import json
    import sys

    from emotionscope.dashboard import app, shared

    app.main(shared.Sources(**json.loads(sys.argv[1])))
