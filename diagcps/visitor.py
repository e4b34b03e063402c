"""The browser in which the person signs in: the one that shows this page, or that they name."""

from __future__ import annotations

from dataclasses import dataclass

from diagcps.browsing import BrowserKind, How, PageBrowser


@dataclass
class Visitor:
    """What is known of that browser. What the person names goes before what the page shows."""

    named: BrowserKind | None = None
    seen: PageBrowser | None = None
    """What the page, or the request for it, said last."""

    def __call__(self) -> PageBrowser | None:
        """The browser in which the person signs in; None while nothing says which."""
        if self.named is None or (self.seen is not None and self.seen.kind is self.named):
            return self.seen
        return PageBrowser(kind=self.named, version="", extension=None, how=How.NAMED)
