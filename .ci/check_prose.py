"""Check the prose of the documentation, docstrings, comments and messages by a few rules.

    python .ci/check_prose.py [PATH ...]

The rules are for what a pattern can find with few false alarms: words that have a plainer one,
constructions that have to be read twice, words that stand twice, and long sentences. Code, literals
and tables are left out.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("benchmarks", "docs", "examples", "src", "tests", ".ci", ".github")
LONGEST_SENTENCE = 40  # words

# What is found, and what to write instead.
RULES = {
    r"\bwanted (is|are|was|were)\b|\b(is|are|was) (not )?(always )?wanted\b": "expected, or needed",
    r"\bwants\b": "needs, expects or asks for",
    r"\bso many (times|rows|images|digits|epochs|pixels|of)\b": "the number, or its name",
    r"\bto be had\b|\bis had (from|by)\b": "available",
    r"\b(tells|tell|told) of\b": "reports, or says",
    r"\blikeliest\b": "most probable",
    r"\bsurest\b": "most confident",
    r"\b(anew|befall|befalls|thereof|therein|wherein|whereof|hereby|whatsoever)\b": "a plain word",
    r"\bwithout a word\b": "silently, or without a warning",
    r"\bnone the (worse|better)\b": "as good",
    r"\bin order to\b": "to",
    r"\b(utilize|utilise)[sd]?\b": "use",
    r"\b(obviously|of course|needless to say)\b": "nothing",
    r"\be\. ?g\.": "for example, or such as",
    r"\bi\. ?e\.": "that is",
    r"(?<!\w)etc\.": "the rest of the list, or such as before it",
    r"^(Of (what|which)|What is (wanted|not wanted))\b": "the subject first",
    r"(?<!-)\b(?-i:([a-z]{2,}) \1)\b(?<!that that)(?<!had had)": "one of the two",
}
_COMPILED = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in RULES.items()}

# Comments that tools read.
_DIRECTIVE = re.compile(r"#(!| noqa| type:| fmt:| pragma|%%|$)")


def main(*paths: str) -> int:
    """Print what breaks a rule; the exit status is 1 if there is some."""
    faults = 0
    for path in map(Path, paths) if paths else find_files(ROOT):
        for line, text in read_paragraphs(path):
            for found in check(text):
                print(f"{path.resolve().relative_to(ROOT)}:{line}: {found}")
                faults += 1
    return 1 if faults else 0


def find_files(root: Path) -> list[Path]:
    """All files with prose, in a checkout."""
    found = list(root.glob("*.md"))
    for folder in FOLDERS:
        for pattern in ("*.md", "*.rst", "*.py"):
            found += (root / folder).rglob(pattern)
    built = ("_build", "generated", "gallery", "data")
    return sorted(path for path in found if not set(built) & set(path.parts))


def read_paragraphs(path: Path) -> Iterator[tuple[int, str]]:
    """The paragraphs of a file, each with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _read_python(text)
    else:
        yield from _split(text, 1)


def check(text: str) -> list[str]:
    """What breaks a rule in a paragraph."""
    found = []
    for sentence in _sentences(text):
        for pattern, instead in _COMPILED.items():
            if match := pattern.search(sentence):
                found.append(f"{match[0]!r}: write {instead}")
        n_words = len(re.findall(r"[A-Za-z]\S*", sentence))
        if n_words > LONGEST_SENTENCE:
            start = " ".join(sentence.split()[:6])
            found.append(f"a sentence of {n_words} words ({start} ...): divide it")
    return found


def _sentences(text: str) -> list[str]:
    # Literals count as one word each, whatever is in them.
    text = re.sub(r"``.+?``|:[\w:]+:`.+?`|`[^`]+`(__?)?", "X", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"https?://\S+", "X", text)
    text = re.sub(r"\*\*|(?<!\w)\*|\*(?!\w)", "", text)
    return re.split(r"(?<=[.!?:;])[)\"']*\s+", text)


def _read_python(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield from _split(text, node.body[0].lineno)
        if isinstance(node, ast.Raise | ast.Call):
            yield from _read_message(node)
    yield from _read_comments(source)


def _read_comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments; those in lines of their own that follow each other are one."""
    start, last, texts = 0, 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _DIRECTIVE.match(token.string):
            continue
        line, is_alone = token.start[0], token.line.lstrip().startswith("#")
        if texts and not (is_alone and last == line - 1):
            yield start, " ".join(texts)
            texts = []
        if not texts:
            start = line
        texts.append(token.string.lstrip("#").strip())
        last = line if is_alone else 0
    if texts:
        yield start, " ".join(texts)


def _read_message(node: ast.Raise | ast.Call) -> Iterator[tuple[int, str]]:
    """The text that a raised error, or a warning, is made with."""
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name != "warn":
            return
        call = node
    elif isinstance(node.exc, ast.Call):
        call = node.exc
    else:
        return
    for argument in call.args[:1]:
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        texts = [
            str(part.value) if isinstance(part, ast.Constant) else "X"
            for part in parts
            if isinstance(part, ast.Constant | ast.FormattedValue)
        ]
        yield node.lineno, "".join(texts)


def _split(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Paragraphs and items of lists of reStructuredText or Markdown, without code and tables."""
    paragraph: list[str] = []
    start = line
    code: int | None = None  # the indent of what introduces code
    is_fenced = is_doctest = is_item = False
    last_indent = 0
    for number, raw in enumerate(text.expandtabs().splitlines(), start=line):
        stripped = raw.strip()
        indent = len(raw) - len(raw.lstrip())
        if stripped.startswith("```"):
            is_fenced = not is_fenced
        if code is not None and stripped and indent <= code:
            code = None
        is_doctest = bool(stripped) and (is_doctest or stripped.startswith(">>>"))
        is_prose = (
            bool(stripped)
            and not (is_fenced or is_doctest or code is not None)
            and not re.match(r"```|\||\.\. |:\w[\w-]*:|[=~\-^#*]{3,}$|\$ |<", stripped)
        )
        item = re.match(r"([-*+]|\d+\.|#+) +", stripped)
        # A numpydoc parameter and its description have other indents, unlike lines of an item.
        if not is_prose or item or (indent != last_indent and not is_item):
            if paragraph:
                yield start, " ".join(paragraph)
            paragraph, is_item = [], bool(item)
        if is_prose:
            if not paragraph:
                start = number
            paragraph.append(stripped[item.end() :] if item else stripped)
            last_indent = indent
        is_directive = re.match(
            r"\.\. (code|literal|raw|list-table|toctree|autosummary|math|image|currentmodule)",
            stripped,
        )
        if is_directive or (stripped.endswith("::") and not stripped.startswith("..")):
            code = indent
    if paragraph:
        yield start, " ".join(paragraph)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
