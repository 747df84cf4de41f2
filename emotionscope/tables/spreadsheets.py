"""CSV for spreadsheets: what they would run as a formula has an apostrophe before it, and then is text."""

import re

# Signs by which a cell becomes a formula, of full width too, and what spreadsheets skip before them.
FORMULA = "^[=+\\-@\t\r\n＝＋－＠]"
_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)")


def as_text(name: str) -> str:
    """A column's name as a cell that is no formula."""
    return f"'{name}" if re.match(FORMULA, name) else name


def cell(column: str, kind: str) -> str:
    """SQL of DuckDB for a column's cells in a CSV file: `column` is SQL, and `kind` what DESCRIBE calls its type.

    Numbers stay as they are. All else is text, also bytes, which DuckDB writes as the characters that they are.
    """
    if _NUMBERS.fullmatch(kind):
        return column
    text = f"CAST({column} AS VARCHAR)"
    return f"CASE WHEN regexp_matches({text}, '{FORMULA}') THEN '''' || {text} ELSE {text} END"
