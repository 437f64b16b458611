"""The node editor in a window of its own."""

import pytest

from tests.studio.conftest import Visit


@pytest.fixture
def visit(browser, address, request):
    """A first visit whose clipboard can be read; the story fails if the console complains."""
    width, height = getattr(request, "param", (1440, 900))
    context = browser.new_context(
        viewport={"width": width, "height": height},
        permissions=["clipboard-read", "clipboard-write"],
    )
    visiting = Visit(context.new_page()).open(address)
    visiting.page.wait_for_selector(".canvas.ready")
    yield visiting
    context.close()
    assert visiting.complaints == []
