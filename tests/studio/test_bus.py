"""The bus between Python and the page: every event is heard, and what comes again is harmless."""

import pytest

from tests.studio.test_around import drawer, opened, quick, run, shown_picture

pytestmark = pytest.mark.browser

EARS = """() => {
    window.heard = [];
    window.addEventListener('chorale:event', ({ detail }) => detail && window.heard.push(detail));
}"""
TYPES = "() => window.heard.map((event) => event.type)"
AGAIN = """() => {
    const detail = window.heard.find((event) => event.type === 'result');
    const altered = { ...detail, pictures: ['data:,'], seconds: -1, kept: null };
    for (const each of [detail, altered]) {
        window.dispatchEvent(new CustomEvent('chorale:event', { detail: each }));
    }
}"""


def test_a_result_is_sent_once_and_harmless_when_it_comes_again(visit):
    page = visit.page
    page.evaluate(EARS)
    opened(visit, quick("Heard once"))
    run(visit)
    page.wait_for_function("() => window.heard.some((event) => event.type === 'over')")
    visit.phase("done")
    page.wait_for_timeout(500)  # until what comes twice has come twice
    types = page.evaluate(TYPES)
    assert types[0] == "started"
    assert types.count("result") == 1
    assert types[types.index("result") + 1 :] in (["over"], ["over", "over"])
    picture = shown_picture(visit)
    page.evaluate(AGAIN)
    page.wait_for_timeout(300)
    visit.phase("done")
    assert shown_picture(visit) == picture
    shown = drawer(visit)
    shown.locator("li b").first.wait_for()
    assert shown.locator("li b").all_inner_texts() == ["Heard once"]
