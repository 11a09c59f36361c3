"""No sign alone on its line, on any page; and what is typed, chosen or copied stays as it stands (R68)."""

import html
import re
from pathlib import Path

import pytest

from portal.web.rendering import typographic
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, STAFF, open_portal

PAGES = (
    (CHEF, "/etablissement"), (CHEF, "/etablissement/demandes/{}"), (STAFF, "/rectorat"), (DRANE, "/rectorat"),
    (STAFF, "/rectorat/demandes/{}"), (STAFF, "/rectorat/courriels"), (STAFF, "/rectorat/etablissements/0310001H"),
    (None, "/"), (None, "/demarche"), (None, "/contact"), (None, "/rien-ici"),
)  # fmt: skip
AS_TYPED = re.compile(r"<(pre|code|textarea|select)\b.*?</\1", re.DOTALL)
BREAKING = re.compile(r"[^\s] [:;?!»]|« \S|\d (?:septembre|août)\b")


@pytest.mark.parametrize(
    ("page", "typeset"),
    [
        ("<p>« Lire : a ; b ! » ?</p>", "<p>«_Lire_: a_; b_!_»_?</p>"),
        ("<p>Le <b>31 août</b> à 9 h 05, 10 jours</p>", "<p>Le <b>31_août</b> à 9_h_05, 10_jours</p>"),
        ("<p>« <strong>Lu</strong> » : <em>oui</em></p>", "<p>«_<strong>Lu</strong>_»_: <em>oui</em></p>"),
        ('<input value="a : b" title="« x »"> : y', '<input value="a : b" title="« x »">_: y'),
        ("<pre>a : <b>b</b> : c</pre> : d", "<pre>a : <b>b</b> : c</pre>_: d"),
        ("<code>a : b</code><textarea>c : d\n : e</textarea>", "<code>a : b</code><textarea>c : d\n : e</textarea>"),
        ("<select><option>a : b</option></select> : c", "<select><option>a : b</option></select>_: c"),
        ("<preface>a : b</preface>", "<preface>a_: b</preface>"),
        ("a : b", "a_: b"),
    ],
)
def test_typographic__only_what_is_read(page: str, typeset: str) -> None:
    assert typographic(page) == typeset.replace("_", "\u00a0")
    assert typographic(typographic(page)) == typographic(page)


def test_every_page__leaves_no_sign_alone(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        reference = portal.issued()
        for session_user, path in PAGES:
            sent = portal.client(session_user).get(path.format(reference)).content.decode()
            words = html.unescape(re.sub(r"<[^>]*>", "", AS_TYPED.sub("", sent)))
            assert BREAKING.findall(words) == [], path
            assert "\u00a0" in words, path
            assert [tag for tag in re.findall(r"<[^>]*>", sent) if "\u00a0" in tag] == [], path


def test_form__a_value_sent_back_is_what_was_typed(tmp_path: Path) -> None:
    """Through an input, a textarea and a hidden field, refused and shown again."""
    typed = "« accueil » : 3 jours ; le 1er mars !"
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        client = portal.client(CHEF)
        reference = portal.declared()
        place = f"/etablissement/demandes/{reference}/delegation"
        refused = send(client, form_to(client.get(place), "/delegation"), why=typed, made_on="")
        assert "Donner une date" in refused.text
        text = html.unescape(refused.content.decode())
        assert typed in text
        assert typed.replace(" :", "\u00a0:") not in text
