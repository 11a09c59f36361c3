"""Make in dist/site the site of the documentation, for a server of files or for a disk: ``./run docs``.

The index, docs/README.md, is its navigation: a section a reader. Sphinx resolves every link and every anchor, and any
doubt is a failure: a link that leads nowhere, a document that the index does not name. Nothing is asked of the network,
neither by the build nor by a page.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
INDEX: Final = Path("docs/README.md")
"""Whose sections are the navigation of the site."""

FOLDERS: Final = {
    Path("docs/adr"): "Les décisions et leurs raisons",
    Path("deploy"): "Les fichiers de mise en service",
}
"""Folders that a document may lead to: a page of the site lists what they hold."""

LINK: Final = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]+)?\)")
FOREIGN_REQUEST: Final = re.compile(
    r"""<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=["'](?:https?:)?//[^"']+|url\(["']?(?:https?:)?//[^)]+|@import[^;]+""",
    re.IGNORECASE,
)
"""What a browser would ask of another host when it shows a page."""

OPTIONS: Final = {
    "extensions": "myst_parser",
    "root_doc": "index",
    "language": "fr",
    "project": "Délégations de clés ODA",
    "html_theme": "furo",
    "html_title": "Délégations de clés ODA",
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_show_sphinx": False,
    "myst_heading_anchors": 4,
    "myst_enable_extensions": ["html_image"],
    "highlight_language": "none",
    "suppress_warnings": ["misc.highlighting_failure"],  # a request of HTTP is shown without its version
}


def main(root: Path, source: Path, target: Path) -> None:
    """Build the site of ``root`` in ``target``, by way of ``source``; both are made anew. Exits 1 on any doubt."""
    from sphinx.application import Sphinx  # in the environment of the documentation alone

    for folder in (source, target):
        shutil.rmtree(folder, ignore_errors=True)
    stage(root, source)
    site = Sphinx(
        str(source), None, str(target), str(source / ".doctrees"), "html", confoverrides=OPTIONS,
        status=None, warningiserror=True,
    )  # fmt: skip
    site.build()
    shutil.rmtree(target / ".doctrees", ignore_errors=True)
    (target / ".buildinfo").unlink(missing_ok=True)
    foreign = sorted({request for file in target.rglob("*") for request in foreign_requests(file)})
    if site.statuscode or foreign:
        sys.exit("\n".join([*foreign, "Le site n'est pas bon : voir ci-dessus."]))
    print(f"{len(list(target.rglob('*.html')))} pages : {target / 'index.html'}")


def stage(root: Path, source: Path) -> None:
    """Lay out what the site is made of as it lies in the repository, README.md as the index of its folder."""
    for document in (*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("portal/guides/*.md")):
        place = source / page_of(document.relative_to(root))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(as_a_page(root, document), encoding="utf-8")
    others = [root / "LICENSE", root / "docs" / "config.schema.json", *root.glob("deploy/*")]
    for file in (*others, *root.glob("docs/images/*"), *root.glob("portal/guides/images/*")):
        place = source / file.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    for folder, title in FOLDERS.items():
        (source / folder / "index.md").write_text(listing(root / folder, title), encoding="utf-8")
    with (source / "index.md").open("a", encoding="utf-8") as front:
        front.writelines(navigation((root / INDEX).read_text(encoding="utf-8")))


def page_of(document: Path) -> Path:
    """The place of a document on the site: a README is the index of its folder."""
    return document.with_name("index.md") if document.name == "README.md" else document


def as_a_page(root: Path, document: Path) -> str:
    """The text of a document; its links to a README or to a folder lead to the index that the site has there."""

    def lead_to_index(link: re.Match[str]) -> str:
        target, anchor = Path(link[1]), link[2] or ""
        if (document.parent / target).resolve().relative_to(root) in FOLDERS:
            target /= "index.md"
        return f"]({page_of(target).as_posix()}{anchor})"

    return LINK.sub(lead_to_index, document.read_text(encoding="utf-8"))


def navigation(index: str) -> Iterator[str]:
    """A tree of the site for each section of the index, in its order; a document stands where it is first named."""
    listed = {"index.md"}
    yield "\n```{toctree}\n:hidden:\n\ndocs/index.md\n```\n"
    for section in index.split("\n## ")[1:]:
        pages = []
        for target, _ in LINK.findall(section):
            place = (Path("/docs") / target).resolve().relative_to("/")
            page = (place / "index.md" if place in FOLDERS else page_of(place)).as_posix()
            if page.endswith(".md") and page not in listed:
                listed.add(page)
                pages.append(page)
        if pages:
            caption = f":caption: {section.splitlines()[0]}"
            yield "\n".join(["", "```{toctree}", ":hidden:", caption, "", *pages, "```", ""])


def listing(folder: Path, title: str) -> str:
    """A page that names all that a folder holds, documents by their titles."""
    files = sorted(folder.iterdir())
    documents = [file.name for file in files if file.suffix == ".md"]
    lines = [f"# {title}", ""]
    for file in files:
        heading = file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") if file.suffix == ".md" else ""
        lines.append(f"- [{heading or file.name}]({file.name})")
    if documents:
        lines += ["", "```{toctree}", ":hidden:", "", *documents, "```"]
    return "\n".join([*lines, ""])


def foreign_requests(file: Path) -> list[str]:
    """Each thing that showing this page would ask of another host."""
    if file.suffix not in (".html", ".css"):
        return []
    return [f"{file.name} : {request}" for request in FOREIGN_REQUEST.findall(file.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    main(ROOT, ROOT / ".tools" / "site", ROOT / "dist" / "site")
