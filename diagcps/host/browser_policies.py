"""What administrators' policies say on the access of pages to this machine's own programs.

Chrome and Edge: « Chrome Enterprise policy list »; Microsoft, « Microsoft Edge browser policies ».
Firefox: Mozilla, « LocalNetworkAccess » of the Firefox administrator reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diagcps.browsing import BrowserKind, BrowserPolicy

OF_CHROMIUM = (
    "LocalNetworkAccessAllowedForUrls", "LocalNetworkAllowedForUrls",
    "LoopbackNetworkAllowedForUrls",
)  # fmt: skip
"""Lists of addresses; the first one alone until version 145."""
OF_FIREFOX = "LocalNetworkAccess"
SKIPPED, ENABLED = "SkipDomains", "Enabled"
"""Keys of Firefox's policy: a list of domains, and whether anything is restricted at all."""


def of_chromium(kind: BrowserKind, values: object) -> Iterator[BrowserPolicy]:
    """The policies of Chrome or a relative among `values`, which may be anything."""
    if not isinstance(values, Mapping):
        return
    for name in OF_CHROMIUM:
        listed = values.get(name)
        if isinstance(listed, list) and listed:
            yield BrowserPolicy(browser=kind, name=name)


def of_firefox(values: object) -> Iterator[BrowserPolicy]:
    """The policies of Firefox among `values`, which may be anything."""
    own = values.get(OF_FIREFOX) if isinstance(values, Mapping) else None
    if not isinstance(own, Mapping):
        return
    listed, enabled = own.get(SKIPPED), own.get(ENABLED)
    if isinstance(listed, list) and listed:
        yield BrowserPolicy(browser=BrowserKind.FIREFOX, name=f"{OF_FIREFOX}.{SKIPPED}")
    # Windows writes a number.
    if enabled is not None and not isinstance(enabled, str) and not enabled:
        yield BrowserPolicy(browser=BrowserKind.FIREFOX, name=f"{OF_FIREFOX}.{ENABLED}")
