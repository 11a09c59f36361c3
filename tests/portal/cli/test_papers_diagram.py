"""The picture and the table are one: nothing allowed is missing from it, nothing is drawn that is not allowed (R1)."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from portal import diagrams
from portal.cli.main import oda
from states.transitions import TABLE, UNBORN
from states.vocabulary import Role, State, Trigger

SVG = "{http://www.w3.org/2000/svg}"
ARROWS = {(line.trigger.value, a.value if a else UNBORN, b.value) for line in TABLE for a, b in line.arrows}


def show(*args: str) -> str:
    done = CliRunner().invoke(oda, ["diagram", *args])
    assert done.exit_code == 0, done.output
    return done.stdout


def texts(root: ElementTree.Element) -> str:
    return " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))


@pytest.mark.rule("R1", "R2")
def test_svg__shows_each_arrow_of_the_table_and_no_other() -> None:
    root = ElementTree.fromstring(show("--format", "svg"))
    groups = [group for group in root.iter(f"{SVG}g") if "data-trigger" in group.attrib]
    drawn = [(group.attrib["data-trigger"], group.attrib["data-from"], group.attrib["data-to"]) for group in groups]
    assert set(drawn) == ARROWS
    assert len(drawn) == len(ARROWS)


@pytest.mark.rule("R1")
def test_svg__names_each_state_and_each_action_in_french() -> None:
    root = ElementTree.fromstring(show("--format", "svg"))
    labels = texts(root)
    assert {box.attrib["data-state"] for box in root.iter(f"{SVG}g") if "data-state" in box.attrib} == set(State)
    for label in [trigger.label for trigger in Trigger] + [state.label.capitalize() for state in State]:
        assert label in labels


def test_svg__is_readable_in_any_width_and_by_who_does_not_see_it() -> None:
    root = ElementTree.fromstring(show("--format", "svg"))
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    assert (root.attrib["width"], root.attrib["height"]) == (str(width), str(height))
    assert width <= 375, "a telephone shows it whole"
    assert diagrams.SIZE * 343 / width >= 14, "pixels of a letter in a page of a telephone"
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    for y in (float(text.attrib["y"]) for text in root.iter(f"{SVG}text")):
        assert 0 < y < height


@pytest.mark.rule("R2")
def test_description__says_who_does_what_from_where() -> None:
    description = diagrams.description()
    assert "Déclarer le RUPN : le chef d'établissement." in description
    assert "État « demandée » : émettre le code (le rectorat) ; " in description
    assert (
        "État « révoquée » : confirmer le retrait des droits (le rectorat ou le connecteur du serveur ODA) ; "
        in description
    )
    roles = {role for role in Role if any(role in line.roles for line in TABLE)}
    assert roles - {Role.DEPUTY} == set(diagrams.LEGEND), "a deputy is named with the chef"


@pytest.mark.rule("R1")
def test_mermaid__has_each_arrow_of_the_table() -> None:
    lines = show().splitlines()
    assert lines[:4] == ["---", f"title: {diagrams.TITLE}", "---", "stateDiagram-v2"]
    assert not any(UNBORN in line for line in lines)
    for state in State:
        assert f'  state "{state.label}" as {state.value}' in lines
    edges = [line.strip() for line in lines if "-->" in line]
    for trigger, source, target in ARROWS:
        start = f"{'[*]' if source == UNBORN else source} --> {target}: "
        [edge] = [edge for edge in edges if edge.startswith(start)]
        assert Trigger(trigger).label in edge.removeprefix(start).split(" | ")
    assert sum(len(edge.split(" | ")) for edge in edges) == len(ARROWS)


def test_mermaid__needs_no_graphviz() -> None:
    script = "import sys; sys.modules['graphviz'] = sys.modules['pygraphviz'] = None\n"
    script += "from portal.diagrams import mermaid; print(mermaid())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
