"""The model card's Markdown as HTML in which every field is plain text.

The card is written by `bundle.model_card` and uses headings, paragraphs, lists and tables; what a bundle's maker wrote
into its fields must not become a link or a picture.
"""

from collections.abc import Iterator
from itertools import groupby

from emotionscope.dashboard.markup import escape


def to_html(markdown: str) -> str:
    """The card as HTML, its title as a heading of the second level."""
    blocks = groupby(markdown.splitlines(), key=_kind)
    return (
        '<div class="card">' + "".join(part for kind, lines in blocks for part in _block(kind, list(lines))) + "</div>"
    )


def _kind(line: str) -> str:
    if line.startswith("|"):
        return "table"
    if line.startswith("#"):
        return "heading"
    if line.startswith(("- ", "  ")):
        return "list"
    return "paragraph" if line.strip() else "blank"


def _block(kind: str, lines: list[str]) -> Iterator[str]:
    if kind == "heading":
        for line in lines:
            level = 2 if line.startswith("# ") else 3
            yield f"<h{level}>{escape(line.lstrip('#').strip())}</h{level}>"
    elif kind == "list":
        items = "\n".join(lines).replace("`", "").removeprefix("- ").split("\n- ")
        yield "<ul>" + "".join(f"<li>{escape(' '.join(item.split()))}</li>" for item in items) + "</ul>"
    elif kind == "table":
        yield from _table(lines)
    elif kind == "paragraph":
        yield "".join(f"<p>{escape(line.replace('*', ''))}</p>" for line in lines)


def _table(lines: list[str]) -> Iterator[str]:
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    if len(cells) < 2:
        return
    head, rule, *rows = cells
    right = [mark.endswith(":") for mark in rule]

    def row(values: list[str], tag: str) -> str:
        filled = zip(values, right, strict=False)
        inner = (f"<{tag}{' class=right' if far else ''}>{escape(value)}</{tag}>" for value, far in filled)
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(row(values, "td") for values in rows)
    yield f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"
