"""What `make mutation` found: a table by module, and every mutant that lived and is not explained.

A mutant is left out as *message* when all that it changes is wording: something inside a `raise`, inside an
f-string, an argument that is a sentence, or a name that only ever becomes part of one. It is *equivalent*
when docs/mutation.md lists its line under "Equivalent", with the reason.
"""

import ast
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

PAGE = Path("docs/mutation.md")
KILLED, LIVED = {1, 3, -24, 24, 36, 152, 255}, {0, 5, 33}
"""Exit statuses as mutmut keeps them: failed tests or out of time; passed, or no test at all."""

WORDING = {
    "decide": {"why", "some"},
    "_summary": {"counts", "told"},
    "_decide_exact": {"why"},
    "_decide_interval": {"numbers"},
    "_gate": {"name", "names", "told"},
    "_parse": {"hint"},
    "_known": {"near", "hint"},
    "_entry": {"words"},
    "compare": {"numbers"},
    "interval": {"actions", "method"},
    "two_sample_contrast": {"actions", "matched"},
    "exactly": {"words"},
    "_member": {"known"},
    "_verdict": {"lost"},
    "write_record": {"document.add"},
}
"""By function, names that only ever become part of a sentence."""
TEXTS = {"_capital", "_more", "_jitter_told", "_number:record"}
"""Functions that make nothing but text."""
NOT_WORDING = {"record_path"}
"""Functions whose f-strings decide something."""
SENTENCES = {"Verdict": 2, "Comparison": 1, "Expectation": 0, "Interval": 5, "_member": 2, "_gate": 4}
"""Position of the argument that is a sentence."""


def functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Every function and method by the name that mutmut gave it."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def change(one: ast.AST, two: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The pairs of nodes from the function down to the smallest part that holds the whole change."""
    yield one, two
    if type(one) is not type(two):
        return
    differing = []
    for name in one._fields:
        if name == "name" and isinstance(one, ast.FunctionDef):
            continue
        before, after = getattr(one, name, None), getattr(two, name, None)
        if not isinstance(before, list):
            before, after = [before], [after]
        if len(before) != len(after):
            return
        differing += [(a, b) for a, b in zip(before, after, strict=True) if plain(a) != plain(b)]
    if len(differing) == 1 and all(
        isinstance(node, ast.expr | ast.stmt | ast.keyword | ast.arguments | ast.ExceptHandler)
        for node in differing[0]
    ):
        yield from change(*differing[0])


def plain(node: object) -> str:
    """A node as text, for comparison."""
    return ast.dump(node) if isinstance(node, ast.AST) else repr(node)


def wording(module: str, function: str, path: list[tuple[ast.AST, ast.AST]]) -> bool:
    """Whether all that changed is text for a person."""
    names = WORDING.get(function, set())
    if function in TEXTS or f"{function}:{module}" in TEXTS:
        return True
    last, other = path[-1]
    if isinstance(last, ast.Call) and isinstance(other, ast.Call):
        gone = {word.arg for word in last.keywords} - {word.arg for word in other.keywords}
        if gone and gone <= {"sentence", "method"}:
            return True
    for (parent, _), (child, _) in pairwise(path):
        if isinstance(child, ast.Raise) or (isinstance(child, ast.JoinedStr) and function not in NOT_WORDING):
            return True
        if module == "artifacts" and isinstance(child, ast.Constant) and isinstance(child.value, str):
            return True
        if isinstance(child, ast.keyword) and child.arg in ("sentence", "method"):
            return True
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
            place = SENTENCES.get(parent.func.id)
            if place is not None and place < len(parent.args) and parent.args[place] is child:
                return True
        if (
            isinstance(child, ast.Expr)
            and isinstance(child.value, ast.Call)
            and ast.unparse(child.value.func) in names
        ):
            return True
        targets = child.targets if isinstance(child, ast.Assign) else [getattr(child, "target", None)]
        named = {
            n.id
            for t in targets
            if t is not None and isinstance(child, ast.stmt)
            for n in ast.walk(t)
            if isinstance(n, ast.Name)
        }
        if named and isinstance(child, ast.Assign | ast.AugAssign | ast.AnnAssign) and named <= names:
            return True
    return False


def told(path: list[tuple[ast.AST, ast.AST]]) -> str:
    """The smallest changed part, before and after, on a line; with what surrounds it where that is short."""
    statement = [pair for pair in path if isinstance(pair[0], ast.stmt)][-1]
    texts = [
        ast.unparse(node)
        for node in (path[-1] if isinstance(path[-1][0], ast.expr | ast.keyword) else statement)
    ]
    if len(texts[0]) < 15:
        texts = [
            next(
                (
                    ast.unparse(pair[side])
                    for pair in reversed(path)
                    if isinstance(pair[0], ast.expr | ast.stmt | ast.keyword | ast.arguments)
                    and len(ast.unparse(pair[0])) >= 15
                ),
                texts[side],
            )
            for side in (0, 1)
        ]
    before, after = (" ".join(text.split()) for text in texts)
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    cut = max(0, same - 50)
    return f"`{before[cut : cut + 110]}` -> `{after[cut : cut + 110]}`".replace("|", "\\|")


def forget(folder: Path = Path("mutants")) -> None:
    """Forget what lived, and which test runs what: the next run tries it against the tests of today."""
    for meta in folder.glob("**/*.meta"):
        kept = json.loads(meta.read_text(encoding="utf-8"))
        codes = kept["exit_code_by_key"]
        kept["exit_code_by_key"] = {key: None if code in LIVED else code for key, code in codes.items()}
        meta.write_text(json.dumps(kept, indent=4), encoding="utf-8")
    (folder / "mutmut-stats.json").unlink(missing_ok=True)


def main(folder: Path = Path("mutants"), show: str = "") -> int:
    """Print the table, and what lived unexplained; with a module's name, all of its survivors."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows, open_ = [], []
    for meta in sorted(folder.glob("**/*.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not codes:
            continue
        module = meta.name.removesuffix(".py.meta")
        found = functions(ast.parse(meta.with_suffix("").read_text(encoding="utf-8")))
        count = dict.fromkeys(("mutants", "messages", "killed", "equivalent", "lived", "not run"), 0)
        for key, code in codes.items():
            mangled = key.rpartition(".")[2]
            stem, _, number = mangled.rpartition("__mutmut_")
            function = stem.removeprefix("x_").rpartition("ǁ")[2]
            path = list(change(found[f"{stem}__mutmut_orig"], found[mangled]))
            count["mutants"] += 1
            if wording(module, function, path):
                count["messages"] += 1
                continue
            if code not in LIVED:
                count["killed" if code in KILLED else "not run"] += 1
                continue
            line = f"{module}.{function}: {told(path)}"
            kind = "equivalent" if line in page.partition("## Left")[0] else "lived"
            count[kind] += 1
            if kind == "lived":
                open_.append(f"{line}  [{number}]" + ("" if line in page else " NEW"))
        judged = count["killed"] + count["lived"]
        rows.append((module, *count.values(), f"{100 * count['killed'] / judged:.1f} %" if judged else ""))
    print("| module | mutants | messages | killed | equivalent | lived | not run | killed of judged |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    total = [sum(row[i] for row in rows) for i in range(1, 7)]
    print(
        "| all | "
        + " | ".join(map(str, total))
        + f" | {100 * total[2] / max(1, total[2] + total[4]):.1f} % |"
    )
    print(*(line for line in open_ if not show or line.startswith(f"{show}.")), sep="\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--forget"]:
        sys.exit(forget())
    sys.exit(main(show=sys.argv[1] if len(sys.argv) > 1 else ""))
