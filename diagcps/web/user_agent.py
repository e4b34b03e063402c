"""Which browser a request comes from, by what it says of itself.

A claim and no proof: it decides which browser the diagnosis is about, and nobody is let in by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagcps.browsing import BrowserKind

_LONGEST = 512
"""How much of a header is looked at: those of today's browsers are half as long."""

_BRAND = re.compile(r'"([^"\\]{1,64})"\s*;\s*v="([0-9]{1,4})(?![0-9])')
"""An entry of Sec-CH-UA (User-Agent Client Hints, 3.1); invented brands may hold anything."""

_BRANDS: Mapping[str, BrowserKind] = {
    "Google Chrome": BrowserKind.CHROME,
    "Microsoft Edge": BrowserKind.EDGE,
    "HeadlessChrome": BrowserKind.CHROMIUM,
    "Chromium": BrowserKind.CHROMIUM,
}
_ENGINE = "Chromium"
_INVENTED = re.compile(r"not.?a.?brand", re.IGNORECASE)

# In this order: each browser below also claims to be one that stands after it.
_PRODUCTS: tuple[tuple[str, BrowserKind], ...] = (
    ("OPR", BrowserKind.OTHER),
    ("Vivaldi", BrowserKind.OTHER),
    ("SamsungBrowser", BrowserKind.OTHER),
    ("YaBrowser", BrowserKind.OTHER),
    ("SeaMonkey", BrowserKind.OTHER),
    ("PaleMoon", BrowserKind.OTHER),
    ("FxiOS", BrowserKind.OTHER),
    ("CriOS", BrowserKind.OTHER),
    ("EdgiOS", BrowserKind.OTHER),
    ("EdgA", BrowserKind.OTHER),
    ("Edge", BrowserKind.OTHER),
    ("Edg", BrowserKind.EDGE),
    ("Firefox", BrowserKind.FIREFOX),
    ("HeadlessChrome", BrowserKind.CHROMIUM),
    ("Chrome", BrowserKind.CHROME),
    ("MSIE", BrowserKind.INTERNET_EXPLORER),
)
_TRIDENT = re.compile(r"\bTrident/.{0,80}?\brv:([0-9]{1,4})(?![0-9])")
_SAFARI = re.compile(r"\bVersion/([0-9]{1,4})(?![0-9]).{0,80}\bSafari/")


def browser_of(headers: Mapping[str, str]) -> tuple[BrowserKind, str]:
    """The kind of browser that sent these headers, and its major version; empty when not told.

    Chromium's relatives that hide behind Chrome's name (Brave without client hints) count as it;
    any that says another name is OTHER: what is known of Chrome need not be true of it.
    """
    return _by_brands(headers.get("Sec-CH-UA", "")[:_LONGEST]) or _by_products(
        headers.get("User-Agent", "")[:_LONGEST]
    )


def is_chromium(headers: Mapping[str, str]) -> bool:
    """The browser says that it is built on Chromium (Sec-CH-UA), whatever its own name is."""
    return _ENGINE in _brands(headers.get("Sec-CH-UA", "")[:_LONGEST])


def _brands(said: str) -> dict[str, str]:
    return {name: version for name, version in _BRAND.findall(said) if not _is_invented(name)}


def _by_brands(said: str) -> tuple[BrowserKind, str] | None:
    """By the client hints of Chromium's relatives; None where there are none."""
    brands = _brands(said)
    if _ENGINE not in brands and not brands.keys() & _BRANDS.keys():
        return None
    own = next((name for name in brands if name != _ENGINE), _ENGINE)
    return _BRANDS.get(own, BrowserKind.OTHER), brands[own]


def _is_invented(brand: str) -> bool:
    """A brand such as « Not;A=Brand », by which Chromium keeps readers of this header honest."""
    return _INVENTED.search(re.sub(r"[^A-Za-z]+", " ", brand)) is not None


def _by_products(said: str) -> tuple[BrowserKind, str]:
    """By the products that User-Agent lists (RFC 9110, 10.1.5)."""
    for product, kind in _PRODUCTS:
        if found := re.search(rf"\b{product}[/ ]([0-9]{{1,4}})?(?![0-9])", said):
            return kind, found[1] or ""
    if found := _TRIDENT.search(said):
        return BrowserKind.INTERNET_EXPLORER, found[1]
    if found := _SAFARI.search(said):
        return BrowserKind.SAFARI, found[1]
    return BrowserKind.OTHER, ""
