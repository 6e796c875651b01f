"""Links in the documentation lead somewhere, and README leads to every page."""

import pathlib

from harness.documents import ROOT, anchors, documents, links


def local(page):
    """(line, path relative to the repository, fragment) of each link that stays in the repository."""
    for line, target in links(page):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        yield line, pathlib.Path(path).resolve(), fragment


def test_links_lead_somewhere():
    broken = []
    for page in documents():
        for line, path, fragment in local(page):
            if not path.exists() or ROOT not in path.parents:
                broken.append(f"{page}:{line}: there is no {path}")
            elif fragment and path.suffix == ".md" and fragment not in anchors(path.relative_to(ROOT)):
                broken.append(f"{page}:{line}: no heading makes #{fragment} in {path.name}")
    assert not broken, "\n".join(broken)


def test_readme_leads_to_every_page():
    reached, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for _, path, _ in local(page):
            if path.is_dir():
                path = path / "README.md"
            if path.suffix == ".md" and ROOT in path.parents:
                todo.append(str(path.relative_to(ROOT)))
    assert reached >= set(documents()), sorted(set(documents()) - reached)
