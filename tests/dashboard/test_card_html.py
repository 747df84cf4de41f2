"""The model card on a page: what the card says is shown, and what a bundle's maker wrote is plain text."""

import html
import re

from emotionscope.bundle import model_card, store
from emotionscope.dashboard import card_html

HOSTILE = "[x](http://e.example) ![p](http://e.example/p.png) <img src=x> <http://e.example> **b** `c` &amp; _i_ | \\*"


def words(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_headings_lists_and_tables_are_shown() -> None:
    page = card_html.to_html(model_card.render(store.read_manifest(store.SHIPPED)))
    assert page.count("<h2>") == 1
    assert "<li>" in page and "<p>" in page
    assert re.search(r'<th style="text-align:right"><bdi>weighted F1</bdi></th>', page)
    assert "|" not in words(page) and "#" not in words(page)


def test_a_field_of_the_bundle_is_shown_as_it_stands() -> None:
    manifest = store.read_manifest(store.SHIPPED)
    text = {**manifest["parts"]["text"], "licence": HOSTILE}
    page = card_html.to_html(model_card.render({**manifest, "parts": {"text": text}}))
    assert not re.search(r"<(a|img|strong)\b", page)
    assert HOSTILE.replace("|", "/") in words(page)
