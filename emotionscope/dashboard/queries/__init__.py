"""What the pages ask of the tables, and what they write; no Streamlit here.

Here: queries, selections, exports and reviews. Not here: how an answer is drawn.
"""
