"""Every page can be reached, and every link leads somewhere."""

from __future__ import annotations

import pytest

from tests.docs.pages import DOCS, PAGES, README, Page, pageIds

RUN = {"http", "js", "packets", "python", "sh", "yaml"}
SHOWN_ONLY = {"", "text", "ini", "nginx", "mermaid", "html"}


@pytest.mark.parametrize("page", PAGES, ids=pageIds)
def test_everyLinkLeadsToAFileAndToAHeadingInIt(page: Page) -> None:
    for link in page.links():
        name, _, anchor = link.target.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), f"{page.name}:{link.line}: {link.target}"
        if anchor:
            assert anchor in Page(target).headings(), f"{page.name}:{link.line}: {link.target}"


def test_theReadmeLinksToEveryPage() -> None:
    linked = {(README.parent / link.target.partition("#")[0]).resolve() for link in Page(README).links()}
    assert {path.name for path in DOCS.glob("*.md") if path.resolve() not in linked} == set()


@pytest.mark.parametrize("page", PAGES, ids=pageIds)
def test_everyBlockOfCodeIsOfALanguageThatIsRunOrOnlyShown(page: Page) -> None:
    assert {block.language for block in page.blocks} <= RUN | SHOWN_ONLY


@pytest.mark.parametrize("page", PAGES, ids=pageIds)
def test_noAnchorIsThereTwice(page: Page) -> None:
    headings = page.headings()
    assert sorted(set(headings)) == sorted(headings)
