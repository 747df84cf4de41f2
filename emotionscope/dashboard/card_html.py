"""The model card as HTML: headings, paragraphs, lists and tables, and never a link, a picture or raw HTML."""

from markdown_it import MarkdownIt

from emotionscope.dashboard.markup import escape


def to_html(markdown: str) -> str:
    """The card as HTML, its title as a heading of the second level."""
    parser = MarkdownIt("zero", {"html": False}).enable(["heading", "list", "table", "emphasis", "backticks", "escape"])
    parser.add_render_rule("text", lambda _, tokens, place, *__: escape(tokens[place].content))
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
    return f'<div class="card">{parser.renderer.render(tokens, parser.options, {})}</div>'
