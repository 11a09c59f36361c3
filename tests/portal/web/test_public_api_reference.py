"""/aide/api: the whole description, to read without a script."""

import html
import re

from tests.kit.portal import Portal


def test_page__has_every_operation_its_example_and_no_script(portal: Portal) -> None:
    client = portal.client()
    page = client.get("/aide/api")
    assert page.status_code == 200
    text = html.unescape(page.text)
    document = client.get("/api/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {path}</code>" in text
            assert f'id="{operation["operationId"].replace("_", "-")}"' in text
    anchors = re.findall(r'id="([^"]+)"', page.text)
    assert len(anchors) == len(set(anchors))
    assert text.count("Réponse :") > 40
    assert "urn:oda:refus" in text
    assert re.findall(r'<script[^>]*src="(?!/static/)', page.text) == []
