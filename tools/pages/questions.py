"""The page of questions: what the registry has, written into docs/reference/questions.md as MkDocs builds it.

MkDocs loads this file as a hook (`mkdocs.yml`).
"""

from __future__ import annotations

from typing import Any

PAGE = "reference/questions.md"
MARK = "<!-- every question of the registry -->"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Put the questions in the place of the mark; any other page is left as it is."""
    return markdown.replace(MARK, rendered()) if page.file.src_uri == PAGE else markdown


def rendered() -> str:
    """Every question with its parameters, as Markdown."""
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.measure.questions.registry import questions

    parts = []
    for name, one in questions(Circuit).items():
        parts.append(f"## `{name}`\n\n{one.says}\n")
        if one.in_python_only:
            parts.append("In Python only: it takes several sites.\n")
        if one.parameters:
            parts.append("| parameter | what it may be | default |\n| --- | --- | --- |")
            for parameter in one.parameters.values():
                default = "needed" if parameter.required else f"`{parameter.default}`"
                may_be = parameter.may_be.replace("|", "\\|")
                parts.append(f"| `{parameter.name}` | {may_be} | {default} |")
            parts.append("")
    return "\n".join(parts)
