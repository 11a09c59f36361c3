"""``oda deploy``: the files that put the service in place (units, proxies, container), as they came with it."""

from pathlib import Path
from typing import Any, Final

import click

from portal.cli.click_french import CommandGroup
from portal.cli.output import printable

_PACKAGED: Final = Path(__file__).resolve().parents[1] / "deploy"

_CHECKOUT: Final = Path(__file__).resolve().parents[2] / "deploy"


def deploy_files() -> dict[str, Path]:
    """Each file by its name, of the wheel or of the sources."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")}


def purpose_of(path: Path) -> str:
    """What the first line of a file says it is for; nothing when it is no comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ") if first.startswith("# ") else ""


class FileName(click.ParamType[str]):
    """The name of one of these files."""

    name = "nom"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in deploy_files():
            self.fail(f"« {value} » n'est pas un de ces fichiers : « oda deploy list » en donne la liste.", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[Any]":  # noqa: ARG002
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=purpose_of(path))
            for name, path in deploy_files().items()
            if name.startswith(incomplete)
        ]


@click.group(
    "deploy",
    cls=CommandGroup,
    help="Les fichiers qui mettent le service en place : unités systemd, serveur HTTPS, conteneur.",
)
def deploy() -> None:
    pass


@deploy.command("list", help="Les noms de ces fichiers, et à quoi chacun sert.")
def list_files() -> None:
    files = deploy_files()
    width = max(map(len, files))
    for name, path in files.items():
        click.echo(printable(f"{name:{width}}  {purpose_of(path)}"))


@deploy.command(
    "show", help="Écrit un de ces fichiers, à envoyer où il doit aller : oda deploy show nginx.conf > oda.conf"
)
@click.argument("name", metavar="NOM", type=FileName(), help="Le nom du fichier, d'après « oda deploy list ».")
def show_file(name: str) -> None:
    click.echo(deploy_files()[name].read_bytes(), nl=False)
