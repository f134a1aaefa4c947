"""What is whole on a page: numbers, times and ids each on one line, and every time by the one clock."""

from __future__ import annotations

import re

from playwright.sync_api import Page

_BROKEN = r"""() => {
  const whole = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{24,64}\b|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[A-Z]{3}|Z|\+00:00)?|\b[A-Z]{2,3}-[A-Z0-9]{2,}\b|\d[\d.,:]*\d( [AP]M [A-Z]{3,4}\b| [A-Z]{3}\b)?|\d+(\.\d+)? (s|ms|min|h|d)\b/g;
  const broken = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    if (text.parentElement.closest("script, style, noscript, #swagger-ui")) continue;
    for (const found of text.data.matchAll(whole)) {
      const range = document.createRange();
      range.setStart(text, found.index);
      range.setEnd(text, found.index + found[0].length);
      const lines = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(found[0]);
    }
  }
  return broken;
}"""

_SAID = """() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("pre, script, style, details, #swagger-ui").forEach((element) => element.remove());
  return copy.textContent;
}"""

_CLOCK = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]{3,5}"  # ours
    r"|\d{1,2}:\d\d:\d\d\s[AP]M\s[A-Z]{3,5}"  # the reader's own, in the shop
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"  # data, as it was sent
)
_SOME_CLOCK = re.compile(
    r"\d{1,2}:\d\d\b[^\n]{0,12}|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*\.? \d{1,2}, \d{4}, \d[^\n]{0,12}"
)


def broken_over_lines(page: Page) -> list[str]:
    """Numbers, times and ids that stand on more than one line."""
    found: list[str] = page.evaluate(_BROKEN)
    return found


def other_clocks(page: Page) -> list[str]:
    """Times without seconds, without a zone, or written in yet another way."""
    said = (
        str(page.evaluate(_SAID)).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    )
    return _SOME_CLOCK.findall(_CLOCK.sub("", said))
