"""Brings into the site what lies outside docs/: README as its start, and all that pages link to.

MkDocs calls the two functions whose names begin with "on_". A link in a page stays what it is on
GitHub, relative to the file; here its file becomes a part of the site, and the link leads there.
"""

import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")
_sources: dict[str, str] = {}  # The place of a page in the site -> its file in the repository.
_ROOTS = ("README.md", "WORKSPACE.md", "CHANGELOG.md")  # Pages of the navigation to begin with.


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds the files that are linked to, and those that these link to in turn."""
  waiting = [*_ROOTS, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
  known = set(waiting)
  for path in waiting:
    text = _text(path)
    _sources[_place(path)] = path
    if not path.startswith("docs/"):
      file = File.generated(config, _place(path), abs_src_path=str(_ROOT / path))
      if text is not None:  # A notebook becomes a page.
        file.content_string = text
      files.append(file)
    for link in _LINK.findall(text or ""):
      target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
      if target not in known and (_ROOT / target).is_file():
        known.add(target)
        waiting.append(target)
  return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
  """Leads the links of a page to where their files are in the site."""
  here = page.file.src_uri
  path = _sources[here]

  def lead(found: re.Match[str]) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[1]))
    return posixpath.relpath(_place(target), posixpath.dirname(here))

  return _LINK.sub(lead, markdown)


def _place(path: str) -> str:
  """Returns the place in the site of a file of the repository."""
  if path == "README.md":
    return "index.md"
  place = path.removeprefix("docs/").replace(".ipynb", ".md")
  # A browser shows a text, and would keep a file of a kind that it does not know.
  return f"{place}.txt" if Path(place).suffix in ("", ".py") else place


def _text(path: str) -> str | None:
  """Returns the Markdown of a page or a notebook; None for any other file."""
  file = _ROOT / path
  if file.suffix == ".md":
    return file.read_text(encoding="utf-8")
  if file.suffix != ".ipynb":
    return None
  cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
  texts = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
  return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for kind, text in texts)
