"""What docs/modeles.md says before its tables, and before that of the papers."""

from typing import Final

INTRODUCTION: Final = """\
# Les modèles de courriels et de documents

Pour qui veut changer les mots d'un courriel, ou mettre la charte de son académie. Cette page est produite à partir du
code (`python -m notifications.reference`) : ne pas la modifier à la main. La règle est R68 de
[processus.md](processus.md).

## Remplacer un modèle

1. Créer un dossier à côté de `config.yaml`, par exemple « modeles », et régler `templates.directory` sur ce nom.
2. Y copier le modèle d'origine, sous le même nom :

   ```sh
   oda mail templates
   mkdir -p modeles/mails
   oda mail templates declared --source > modeles/mails/declared.j2
   ```

3. Changer le texte, puis regarder ce qu'il donne et ce que le logiciel en dit :

   ```sh
   oda mail preview declared
   oda mail preview declared --open
   oda check-config
   ```

4. Relancer le service : les modèles sont lus une fois, au démarrage.

Un modèle fautif empêche le service de démarrer, avec son fichier et sa ligne : une faute de syntaxe, un nom que ce
courriel ne connaît pas, un courriel qui échoue avec un des exemples, un code sans sa place. De même un fichier qui ne
remplace rien, sauf s'il est caché, si son nom finit par `~` ou commence par README. Un courriel déjà écrit garde ses
mots ; celui qui attend encore prendra les nouveaux.

Ne remplacer que ce qui change : un modèle d'origine suit les mises à jour du logiciel, un modèle remplacé non. Après
une mise à jour, comparer les siens à ceux que donne `oda mail templates declared --source` sans dossier réglé.

Le sous-dossier `pages` est celui des textes du portail : voir [pages.md](pages.md).

## Écrire un courriel

Un modèle est un texte Jinja. Sa première ligne est l'objet ; le bloc « subject » la donne, le bloc « body » donne le
texte, et la charpente les entoure. Le même texte fait le courriel en texte et celui en HTML :

| au début d'une ligne | ce que c'est |
|---|---|
| rien | un paragraphe, qu'une ligne vide finit |
| `## ` | un titre |
| `- ` | un point d'une liste |
| `1. ` | une étape ; les numéros sont recomptés |
| `= Titre : valeur` | un fait important |
| `! ` | un avertissement |
| `\\| ` | une ligne qui reste seule sur sa ligne |
| quatre espaces | une ligne laissée telle quelle, comme une commande |
| `--` seul | ce qui suit est le pied |

Les espaces insécables du français sont mises par le logiciel. Rien n'est à protéger pour l'HTML : aucun nom, aucun
texte saisi ne peut y ajouter de balise.

Un modèle ne peut rien d'autre que mettre en mots ce qu'on lui donne : ni lire un fichier, ni appeler le réseau, ni
atteindre ce qui commence par un tiret bas. Il inclut d'autres modèles par leur nom entre guillemets. Un nom mal écrit
est une erreur, jamais un vide ; une valeur qui peut manquer (« ou rien ») s'entoure de `{% if … %}`.
"""

PAPERS: Final = """\
## Les documents

Les documents sont des modèles typst, compilés sans accès au disque ni au réseau. Les valeurs que chacun reçoit sont
décrites au début de son modèle. La première ligne de la charte porte sa version, qui est celle du réglage
`charter.version`. Chaque modèle remplacé est compilé au démarrage avec tous les exemples.
"""

EXPORTS: Final = """
## L'export des retraits

Le fichier que donnent « Exporter la liste » et `oda removal export` est fait par un modèle, `exports/removals.j2`, qui
se remplace comme les autres : y mettre la forme qu'attend la console du serveur ODA. Il écrit ce qu'on y lit, tel quel,
sans espaces insécables ni mise en page ; ce qu'il y a à faire est celui de l'instant de l'export (R48). Le nom du
fichier, son codage et ses fins de ligne sont des réglages (`removals.export`).

```sh
mkdir -p modeles/exports
oda mail templates removals --source > modeles/exports/removals.j2
oda removal export --example
```

La dernière commande l'essaie sur des exemples, sans base de données. Rien n'est protégé de soi-même : passer chaque
texte par `csv` dans un CSV, par `tojson` dans du JSON, par `e` dans du XML. La liste peut être longue : elle se
parcourt par `{% for one in lines %}`, sans que rien dise d'avance combien elle a de lignes. Une instruction qui finit
une ligne en mange la fin : l'écrire `{% endif +%}` pour la garder. Il connaît :
"""
