"""``oda diagram``: draw the states of a request."""

import click


@click.command(
    "diagram",
    help="Dessine les états d'une demande et ce qui mène de l'un à l'autre, d'après la table même que le logiciel"
    " applique. En SVG c'est une image ; en Mermaid, un texte qu'une forge ou un wiki dessine.",
)
@click.option(
    "--format", "form", type=click.Choice(["svg", "mermaid"]), default="mermaid", show_default=True, metavar="FORME",
    help="svg ou mermaid.",
)  # fmt: skip
def diagram(form: str) -> None:
    from portal.diagrams import mermaid, svg

    click.echo((svg() if form == "svg" else mermaid()).encode(), nl=False)
