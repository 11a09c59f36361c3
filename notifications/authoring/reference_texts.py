"""In French, for whoever replaces a template: what each one is, and what each name that it may use means (R68)."""

from collections.abc import Mapping
from typing import Any, Final

from notifications.messages import facts as c
from notifications.messages.catalogue import Document, Link, MailContext
from notifications.rendering import exports
from notifications.vocabulary import Kind, TransientMail

TITLES: Final[Mapping[str, str]] = {
    "mails/layout.j2": "charpente de tous les courriels : formule d'appel, signature, pied",
    "mails/frame.html.j2": "page HTML autour de tous les courriels",
    "mails/parts/by_operator.j2": "morceau : étape enregistrée par le rectorat",
    "mails/parts/delegates.j2": "morceau : les délégations à retirer, nommées",
    "mails/parts/documentation.j2": "morceau : la documentation, en liens et en pièces jointes",
    "mails/parts/handover.j2": "morceau : le code et sa remise en main propre",
    "mails/parts/remove_delegation.j2": "morceau : délégation à retirer dans DelegCE",
    "mails/parts/late.j2": "morceau : des demandes en retard, les plus anciennes nommées",
    "mails/parts/rupns.j2": "morceau : liste des RUPN",
    "mails/parts/sign_in.j2": "morceau : le lien de connexion et sa durée",
    "mails/parts/year.j2": "morceau : l'année scolaire et son dernier jour",
    "exports/removals.j2": "export : les retraits à faire sur le serveur ODA",
    "papers/charter.typ": "document : charte à signer",
    "papers/common.typ": "document : mise en page commune",
    "papers/handover_slip.typ": "document : bordereau de remise",
    "papers/year_end_report.typ": "document : bilan de fin d'année",
} | {f"mails/{kind.value}.j2": f"courriel : {kind.label}" for kind in (*Kind, *TransientMail)}
"""What each template is."""


ALWAYS: Final = {
    "kind": "le genre du courriel",
    "has_code": "le courriel porte-t-il un code ?",
    "for_operators": "est-il pour les opérateurs du rectorat ?",
    "here": "les réglages de l'académie",
    "slot": "la place du code ou du lien de connexion, à mettre seule sur sa ligne ; une seule fois dans un courriel"
    " qui en porte un, jamais ailleurs",
    "facts": "tous les faits de ce courriel, sous un seul nom",
}
"""What every mail is given beside its own facts."""


FRAME: Final = {
    "subject": "l'objet du courriel",
    "title": "l'objet sans son préfixe entre crochets",
    "preview": "la première phrase, que montrent les listes de courriels",
    "content": "le texte du courriel (indispensable)",
    "foot": "le pied : références et mentions ; parfois vide",
    "signature": "le nom du service",
    "academie": "le nom de l'académie",
}
"""What the HTML page is given."""


EXPORT: Final = {
    "lines": "les retraits à faire, dans l'ordre des références",
    "today": "le jour de l'export",
    "here": "les réglages de l'académie",
}
"""What an export is given."""


FILTERS: Final = {
    "day": ("une date en toutes lettres", "{{ year.last_day|day }}"),
    "plural": ("un nombre et son nom, accordé ; le pluriel se donne s'il n'est pas en s",
               '{{ days_left|plural("jour") }}'),
    "listing": ("une liste en une phrase : a, b et c", "{{ kept_for|listing }}"),
    "de": ("« de » devant un nom, élidé s'il le faut", "{{ here.academie|de }}"),
    "lower_first": ("la première lettre en minuscule", "{{ why|lower_first }}"),
    "short_day": ("une date en chiffres, 31/08/2027 ; rien si elle manque", "{{ year.last_day|short_day }}"),
    "iso_day": ("une date pour un programme, 2027-08-31 ; rien si elle manque", "{{ year.last_day|iso_day }}"),
    "csv": ("une valeur dans une case d'un fichier CSV : guillemets s'il en faut, rien qui passe pour une formule, rien"
            " pour ce qui manque, 31/08/2027 pour une date", "{{ one.expires_on|csv }}"),
}  # fmt: skip
"""The filters of this software, beside Jinja's own: what each gives, and how it is written."""


_NOTE = "précision écrite par qui a décidé ; parfois vide"


_DELEGATED = "une délégation est-elle à retirer dans DelegCE ?"


_ISSUED = "jour où le code a été émis"


_EXPIRES = "jour où la clé expire"


_WHEN = "jour où le changement prend effet"


MEANINGS: Final[Mapping[type[Any], Mapping[str, str]]] = {
    c.Place: {
        "uai": "le numéro UAI",
        "nom": "le nom de l'établissement",
        "commune": "la commune ; parfois vide",
        "full": "le nom, la commune et l'UAI, ensemble",
    },
    c.Person: {
        "nom": "le nom",
        "prenom": "le prénom",
        "mail": "l'adresse professionnelle",
        "full": "le prénom et le nom",
    },
    c.Year: {
        "label": "l'année scolaire",
        "last_day": "son dernier jour",
        "is_default": "ce jour est-il retenu faute de connaître la rentrée suivante ?",
    },
    c.OnRequest: {
        "reference": "la référence de la demande",
        "establishment": "l'établissement",
        "rupn": "la personne pour qui la clé est demandée",
        "year": "l'année scolaire de la demande",
        "by_operator": "un opérateur a-t-il agi au nom de l'établissement ?",
    },
    c.Declared: {
        "drane_declared_on": "jour de la déclaration à la DRANE, si le chef l'a dit",
        "renews": "la référence de la demande renouvelée",
    },
    c.Delegated: {"delegated_on": "jour de la délégation dans DelegCE"},
    c.CharterSigned: {"signed_on": "jour de la signature", "version": "version de la charte signée"},
    c.Submitted: {
        "submitted_on": "jour de l'envoi au rectorat",
        "drane_declared_on": "jour de la déclaration à la DRANE, si le chef l'a dit",
    },
    c.SentBack: {"step": "l'étape à refaire", "why": "pourquoi, écrit par l'opérateur"},
    c.CodeIssued: {"issued_on": _ISSUED, "expires_on": _EXPIRES},
    c.CodeReissued: {"issued_on": _ISSUED, "expires_on": _EXPIRES, "reason": "pourquoi un nouveau code"},
    c.KeyExtended: {"expires_on": _EXPIRES},
    c.ChangeReported: {
        "change": "le changement signalé",
        "effective_on": _WHEN,
        "is_due": "ce jour est-il arrivé ?",
        "delegated": "une délégation est-elle en place dans DelegCE ?",
    },
    c.Withdrawn: {"reason": "le motif de l'abandon", "note": _NOTE, "delegated": _DELEGATED},
    c.Revoked: {
        "reason": "le motif de la révocation",
        "note": _NOTE,
        "had_key": "un code avait-il été émis, ou une clé étendue ?",
        "delegated": _DELEGATED,
    },
    c.Ended: {
        "rupn": "la personne",
        "reference": "la référence de sa demande",
        "had_key": "avait-elle une clé ?",
        "delegated": _DELEGATED,
    },
    c.OfEstablishment: {
        "establishment": "l'établissement",
        "year": "l'année scolaire qui finit",
        "rupns": "les RUPN concernés",
        "with_key": "parmi eux, ceux qui avaient une clé",
        "with_delegation": "parmi eux, ceux dont la délégation est à retirer",
    },
    c.YearEndNotice: {"days_left": "jours restants avant la fin de l'année"},
    c.RenewalInvitation: {"next_year": "l'année dont les déclarations sont ouvertes"},
    c.HandoverReminder: {"issued_on": _ISSUED},
    c.StalledReminder: {"state": "où en est la demande", "since": "depuis quel jour"},
    c.NewRequest: {
        "submitted_on": "jour de l'envoi au rectorat",
        "others": "références des autres demandes en cours de la même personne",
    },
    c.RemovalTask: {
        "task": "ce qu'il y a à faire",
        "why": "le motif de la révocation",
        "note": _NOTE,
        "kept_for": "références qui reposaient sur la même clé quand ce courriel a été écrit",
    },
    c.ChangeToHandle: {
        "number": "le numéro du signalement",
        "change": "le changement signalé",
        "effective_on": _WHEN,
        "is_due": "est-il à traiter maintenant ?",
        "state": "où en est la demande",
        "note": "précision écrite par l'établissement ; parfois vide",
    },
    c.ChangeDue: {"number": "le numéro du signalement", "change": "le changement signalé", "effective_on": _WHEN},
    c.Late: {
        "reference": "la référence de la demande",
        "establishment": "l'établissement",
        "state": "où en est la demande",
        "since": "depuis quel jour",
    },
    c.LateGroup: {
        "total": "combien, qui peut dépasser la liste ; 1 001 veut dire plus de 1 000",
        "requests": "les plus anciennes",
    },
    c.HeldEnd: {"year": "l'année scolaire", "why": "pourquoi sa fin est retenue, sans point final"},
    c.LateDigest: {
        "on": "jour du récapitulatif",
        "total": "nombre de demandes à traiter en retard, qui peut dépasser celui de la liste",
        "requests": "les demandes à traiter les plus en retard",
        "to_handle": "les deux mêmes, en un seul groupe",
        "points": "nombre de sortes de retard",
        "stalled": "demandes qui n'avancent pas, le dernier délai de rappel passé",
        "not_handed": "codes dont la remise n'est pas confirmée, le dernier délai de rappel passé",
        "undelivered": "codes qui ne sont pas arrivés",
        "reports": "signalements à régler",
        "removals": "retraits ouverts depuis trop longtemps",
        "removals_open": "nombre de tous les retraits ouverts",
        "held": "fins d'année retenues",
        "machines": "machines arrêtées par leur horloge",
    },
    c.DepartementCount: {
        "code": "le code du département dans l'annuaire ; parfois vide",
        "establishments": "nombre d'établissements",
        "revoked": "nombre de demandes révoquées",
        "removals": "nombre de droits à retirer",
        "questions": "nombre de clés peut-être activées, à vérifier",
    },
    c.YearEndReport: {
        "year": "l'année scolaire terminée",
        "revoked": "nombre de demandes révoquées",
        "establishments": "nombre d'établissements",
        "removals": "nombre de droits à retirer",
        "questions": "nombre de clés peut-être activées, à vérifier",
        "without_mailbox": "établissements sans boîte, donc pas prévenus",
        "departements": "les mêmes nombres, par département ; parfois vide",
    },
    c.BrakeAlert: {
        "year": "l'année scolaire retenue",
        "requests": "nombre de demandes encore en cours",
        "why": "pourquoi elle est retenue, sans point final",
    },
    c.ClockAlert: {
        "machine": "le nom de la machine dont l'horloge est à corriger",
        "gap": "de combien son horloge s'écarte de celle de la base",
        "ahead": "son horloge avance-t-elle ? Sinon, elle retarde",
        "since": "depuis quand la machine s'abstient, en toutes lettres",
    },
    c.MailUndeliverable: {
        "mail": "le numéro du courriel non remis, pour le renvoyer ou l'écarter",
        "title": "le genre du courriel non remis, en clair",
        "establishment": "l'établissement",
        "reference": "la référence de la demande",
        "recipient": "la boîte destinataire ; parfois vide",
        "fault": "pourquoi il n'est pas remis",
        "reply": "la réponse du serveur ; parfois vide",
        "code_lost": "portait-il un code que personne ne recevra ?",
    },
    c.SignInRectorat: {
        "minutes": "combien de minutes le lien est valable",
        "until": "jusqu'à quand, en toutes lettres",
    },
    c.SignIn: {
        "establishment": "l'établissement pour lequel on se connecte",
        "others": "les autres établissements de la même boîte, que le lien ouvre aussi ; parfois aucun",
    },
    c.RelayCheck: {
        "asked_by": "l'adresse de qui a demandé l'essai",
        "machine": "la machine d'où il part",
        "host": "le serveur SMTP",
        "port": "son port",
        "connection": "comment la connexion est chiffrée, ou qu'elle est en clair",
    },
    Link: {"title": "le titre du lien", "url": "son adresse"},
    Document: {
        "title": "le titre du document",
        "filename": "le nom du fichier joint",
        "path": "où est ce fichier sur le serveur ; à ne pas montrer",
    },
    MailContext: {
        "academie": "le nom de l'académie",
        "timezone": "le fuseau horaire",
        "signature": "le nom du service, en fin de courriel",
        "contact": "à qui s'adresser",
        "charter_version": "la version de la charte en vigueur",
        "delegce_module": "le nom du module délégué dans DelegCE",
        "expected_days": "délai de traitement annoncé, en jours",
        "code_keep_days": "durée de conservation du code, en jours",
        "links": "les liens de documentation",
        "documents": "les PDF joints aux courriels qui portent un code ou étendent une clé ; parfois aucun",
        "drane_address": "l'adresse de l'application de la DRANE, si elle est réglée",
        "drane_sent_by_us": "le rectorat transmet-il lui-même les déclarations à la DRANE ?",
        "one_key_a_person": "une personne n'a-t-elle qu'une clé ?",
        "portal": "l'adresse du portail",
    },
    exports.Removal: {
        "reference": "la référence de la demande",
        "establishment": "l'établissement",
        "departement": "le code du département ; parfois vide",
        "rupn": "la personne dont les droits sont à retirer",
        "school_year": "l'année scolaire de la demande",
        "action": "ce qu'il y a à faire aujourd'hui",
        "asks": "faut-il d'abord regarder si une clé a été activée ?",
        "since": "jour depuis lequel le retrait attend",
        "expires_on": "l'expiration enregistrée pour cette demande",
        "new_expiry": "le dernier jour que doit porter la clé, si elle est gardée",
        "kept_for": "les références des autres demandes qui gardent la clé ; parfois aucune",
        "following": "celles de la même personne qui n'ont pas encore de clé ; parfois aucune",
        "to_verify": "une de ces demandes n'est-elle de la même personne que par le nom ?",
        "to_do": "ce qu'il y a à faire, en mots",
        "remarks": "ce qu'il faut savoir avant de le faire ; parfois rien",
    },
}
"""The meaning of each field and property, in the class that declares it."""


def meaning(record: type[Any], name: str) -> str:
    """What a field or a property means. Raises StopIteration when nobody wrote it."""
    return next(MEANINGS[one][name] for one in record.__mro__ if name in MEANINGS.get(one, ()))


# What docs/modeles.md says before its tables, and before that of the papers.


INTRODUCTION: Final = """\
# Les modèles de courriels et de documents

Pour qui veut changer les mots d'un courriel, ou mettre la charte de son académie. Cette page est produite à partir du
code (`python -m notifications.authoring.reference`) : ne pas la modifier à la main. La règle est R68 de
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
