"""What the site shows beside docs/: the files of the repository that its pages link to, and the diagrams' script.

mkdocs loads it as a hook (https://www.mkdocs.org/user-guide/configuration/#hooks). A page links to a file as any forge
shows it, `../environments/dev.yaml`; in the site that file is a page too. A link to what is not there stays as it is,
and mkdocs refuses it.
"""

from __future__ import annotations

import posixpath
from typing import Any

from mkdocs.structure.files import File

from tools import links

DOCS, REPOSITORY = "docs/", "repository/"  # a folder of the repository; one of the site
MERMAID = links.ROOT / "build" / "docs-assets" / "mermaid.min.js"
SCRIPT = "assets/mermaid.min.js"
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".tf": "terraform", ".hcl": "terraform", ".sh": "bash"}


def in_site(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return f"{REPOSITORY}{path}" + ("" if path.endswith(".md") else ".md")


def on_files(files: Any, *, config: Any) -> Any:
    """Add what the pages link to, and what that links to in turn."""
    todo = [f"{DOCS}{file.src_uri}" for file in files if file.is_documentation_page()]
    known = set(todo)
    while todo:
        path = todo.pop()
        if not path.startswith(DOCS):
            files.append(File.generated(config, in_site(path), content=_page(path)))
        if not path.endswith(".md"):
            continue
        reached = {
            file
            for target in links.found((links.ROOT / path).read_text("utf-8"))
            if not links.is_external(target) and (file := links.file_of(target, within=path))
        }
        todo += sorted(each for each in reached - known if not each.startswith(DOCS))
        known |= reached
    files.append(File.generated(config, SCRIPT, abs_src_path=str(MERMAID)))
    return files


def _page(path: str) -> str:
    """A file of the repository as a page: not found by search, and its links made to fit the site."""
    text = (links.ROOT / path).read_text("utf-8")
    front = "---\nsearch:\n  exclude: true\n---\n"
    if not path.endswith(".md"):
        language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
        return f"{front}# {posixpath.basename(path)}\n\n`{path}`\n\n~~~~~ {language}\n{text.rstrip()}\n~~~~~\n"
    return front + _fitted(text, path)


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Links to files of the repository become links to where the site has them."""
    generated = page.file.src_uri.startswith(REPOSITORY)
    return markdown if generated else _fitted(markdown, f"{DOCS}{page.file.src_uri}")


def _fitted(text: str, path: str) -> str:
    here = posixpath.dirname(in_site(path)) or "."

    def there(target: str) -> str:
        file = None if links.is_external(target) else links.file_of(target, within=path)
        if file is None or target.startswith("#"):
            return target
        _, mark, anchor = target.partition("#")
        return posixpath.relpath(in_site(file), here) + mark + anchor

    return links.rewritten(text, there)


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """The diagrams' script where there is one: the theme takes what is there, and loads none from elsewhere."""
    if 'class="mermaid"' not in output:
        return output
    script = posixpath.relpath(SCRIPT, posixpath.dirname(page.url) or ".")
    return output.replace("</head>", f'<script src="{script}"></script></head>', 1)
