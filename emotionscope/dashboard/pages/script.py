"""The script that Streamlit runs for each visit; `jobs.dashboard` starts it with the sources as JSON."""

import json
import sys

from emotionscope.dashboard import app, shared

app.main(shared.Sources(**json.loads(sys.argv[1])))
