"""The pages' queries, and the files they write, without Streamlit.

Here: queries, selections, exports and reviews. Not here: how an answer is drawn.
"""
