"""The script that Streamlit runs for each visit; `jobs.dashboard` starts it with the sources as JSON.

It lies here since Streamlit would take a folder `pages` beside it for a list of its own, which has none of our pages.
"""

if __name__ == "__main__":  # the process that decodes clips reads this file, too, and needs nothing of it
    import json
    import sys

    from emotionscope.dashboard import app, shared

    app.main(shared.Sources(**json.loads(sys.argv[1])))
