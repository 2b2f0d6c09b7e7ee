"""What a script element holds cannot leave it."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.reports.template import json_in_html

PIECES = st.sampled_from(["</script>", "<!--", "<script>", "-->", "&lt;", "]]>", "\u2028", '"', "\\", "x"])


class _Scripts(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.held = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.held += data


@given(st.lists(PIECES, max_size=8).map("".join))
def test_any_string_arrives_and_none_ends_the_script(text):
    whole = json_in_html({"name": text})
    assert not set(whole) & set("<>&")
    parsed = _Scripts(f'<script type="application/json">{whole}</script>')
    assert parsed.tags == ["script"]
    assert json.loads(parsed.held) == {"name": text}
