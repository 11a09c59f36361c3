"""Our own OpenAPI document, made once: FastAPI's, in French, with refusals, headers, and an example of every answer.

Each field of an answer has its sentence here, and each group of operations.
"""

import json
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from notifications import vocabulary as mail_vocabulary
from portal.api.problems import HEADER, MEDIA_TYPE, Problem, example_of_status
from portal.api.requests import PREFIX
from states import vocabulary
from states.rules import revocation, schedule
from states.vocabulary import Labelled
from workflow.database import file_tables
from workflow.journal import event_kinds
from workflow.schedule import upcoming
from workflow.year_end import preview

_AT, _DAY = "2026-09-14T08:00:00Z", "2026-09-14"

ANSWERS: Final[dict[str, tuple[str, Any]]] = {
    "action": ("Ce qui est à faire, ou sera fait.", None),
    "actions": ("Les actions ouvertes aujourd'hui au porteur du jeton.", None),
    "actor": ("Qui a agi, comme le journal le nomme ; à un chef : « le rectorat » ou « le logiciel » (R3).",
              "le rectorat"),
    "address": ("L'opérateur qui s'en occupe ; null si personne.", "camille.roux@ac-toulouse.fr"),
    "after": ("La boîte désormais en vigueur ; null s'il n'y en a pas.", "ce.0310001h@ac-toulouse.fr"),
    "anomalies": ("Ce qui mérite un regard ; vide s'il n'y a rien.", None),
    "aside": ("Les lignes laissées de côté, avec leur raison.", None),
    "at": ("L'instant, en UTC.", _AT),
    "author": ("Qui l'a écrite.", "camille.roux@ac-toulouse.fr"),
    "attempts": ("Combien de fois l'envoi a été tenté.", 1),
    "audience": ("À qui le courriel s'adresse.", None),
    "avoidable": ("Le frein ne la retiendra pas si l'échéancier tourne sans trou d'ici là.", True),
    "before": ("Ce qui valait avant.", None),
    "ChefChangeOut.before": ("Le dernier chef connu jusque-là ; null si aucun ne l'était.", "Anne Vidal"),
    "ChefChangeOut.after": ("Le dernier chef connu désormais.", "Brigitte Nouvelle"),
    "before_school_year": ("L'année scolaire comptée au jour de comparaison.", "2025-2026"),
    "browser": ("Le navigateur, en quelques mots ; null pour un programme ou une commande.", None),
    "can_discard": ("L'écarter serait accepté.", True),
    "can_retry": ("Le renvoyer serait accepté.", True),
    "change": ("Ce qui a changé.", None),
    "changed": ("Combien de lignes disent autre chose.", 2),
    "changed_at": ("Quand la demande a changé pour la dernière fois.", _AT),
    "channel": ("Par où l'action est venue.", None),
    "charter_signed_on": ("Le jour de la signature de la charte.", _DAY),
    "charter_version": ("La version signée de la charte.", "2026-1"),
    "checked_on": ("Le jour de la vérification.", _DAY),
    "checks": ("Les deux vérifications (R34).", None),
    "chef_name": ("Le nom du chef d'établissement, s'il l'a donné ; vide sinon.", "Mme Martin"),
    "closed_at": ("Quand le retrait a été confirmé ; null tant qu'il reste à faire.", _AT),
    "closed_by": ("Qui l'a confirmé ; null tant qu'il reste à faire.", "le rectorat"),
    "code_fate": ("Ce que devient le code (R58).", None),
    "code_issued_at": ("Quand le code a été délivré ; null avant.", _AT),
    "codes_from": ("L'instant à partir duquel un code peut partir vers cette boîte ; null : tout de suite (R14).", _AT),
    "code": ("Ce qui identifie la raison pour un programme.", "changed_meanwhile"),
    "columns": ("Le titre de chaque colonne, par sa clé.", {"departement": "Département", "total": "Total"}),
    "commune": ("La commune.", "Toulouse"),
    "compared": ("Ce que la comparaison des demandes avec la liste a donné, en une phrase chacun.", []),
    "confirmed_at": ("Quand un second opérateur a confirmé la boîte fixée ; null tant qu'il ne l'a pas fait.", _AT),
    "created_at": ("Quand cela a été créé.", _AT),
    "list_date": ("Le jour de la liste.", _DAY),
    "day": ("Le jour, ou le premier de la période.", _DAY),
    "decided_at": ("Quand un opérateur a décidé de la boîte pour la dernière fois ; null si aucun ne l'a fait.", _AT),
    "decided_by": ("Qui en a décidé.", "camille.roux@ac-toulouse.fr"),
    "decided_why": ("Pourquoi ; null une fois effacé.", "boîte remplacée"),
    "delegated_on": ("Le jour de la délégation dans DelegCE.", _DAY),
    "delegation": ("Celle de la délégation dans DelegCE ; null si elle n'est pas faite.", None),
    "delegation_why": ("Pourquoi la délégation est faite ; vide avant elle.", "accueil des familles"),
    "departement": ("Le département.", "031"),
    "departement_name": ("Le nom du département.", "Haute-Garonne"),
    "departements": ("Combien de demandes par département.", {"031": 12}),
    "details": ("Ce que le journal en garde, en français.", None),
    "doubtful": ("Ce qui l'empêche tant que personne ne l'a accepté, par son code.", []),
    "directory_mailbox": ("La boîte que donne l'annuaire ; null s'il n'en donne pas.", "ce.0310001h@ac-toulouse.fr"),
    "done": ("Ce qui a été fait.", None),
    "done_at": ("Quand « c'est fait » a été dit pour tout le lot ; null tant qu'un code attend.", _AT),
    "doubted_at": ("Quand on a cessé de savoir si le relais l'a pris ; null d'ordinaire.", None),
    "drane_declared_on": ("Le jour de la déclaration à la DRANE ; null : pas encore (R25).", _DAY),
    "drawn_at": ("Quand les codes ont été tirés.", _AT),
    "drawn_by": ("Qui les a tirés.", "camille.roux@ac-toulouse.fr"),
    "earlier_removals": ("Les retraits encore à confirmer d'années plus anciennes, par année.", {"2025-2026": 3}),
    "effective_on": ("À partir de quel jour.", "2026-10-01"),
    "establishment": ("Le nom de l'établissement.", "Collège Jean-Jaurès"),
    "RequestOut.establishment": ("L'établissement.", None),
    "Me.establishments": ("Les UAI d'un chef ou d'un adjoint ; vide pour le rectorat.", ["0310001H"]),
    "Me.who": ("Pour qui le programme agit, comme le journal le nomme.", "camille.roux@ac-toulouse.fr"),
    "Me.token": ("Le nom du jeton.", "tableau de bord"),
    "establishments": ("Combien d'établissements ; null quand on ne peut le dire.", 9),
    "expires_at": ("Jusqu'à quand le jeton sert.", "2026-12-13T08:00:00Z"),
    "expires_on": ("L'expiration que porte la clé ; null si aucune n'est connue (R43).", "2027-08-31"),
    "expiry_differs": ("La clé ne porte pas la date de fin de l'année (R43).", False),
    "extends": ("La demande dont la clé sert aussi à celle-ci ; null sinon (R40).", None),
    "fault": ("Ce qui a empêché l'envoi ; null si rien.", None),
    "field": ("Le champ en cause, par son chemin ; null s'il n'y en a pas un seul.", "expected_version"),
    "href": ("L'adresse à laquelle l'envoyer (POST).", "/api/v1/requests/ODA-2027-00001/delegate"),
    "files_taken": ("Combien de fois le fichier de ce lot a été pris.", 1),
    "following": ("Les demandes de la même personne qui suivent celle-ci.", []),
    "gone": ("Combien de lignes n'y sont plus.", 1),
    "handed_on": ("Le jour de la remise du code en main propre ; null avant.", _DAY),
    "has_key": ("La personne a une clé par cette demande.", True),
    "history": ("Ce qui a été fait de ce courriel, le premier d'abord.", None),
    "hold": ("Ce qui retiendrait la fin de l'année ; null si rien (R51, R52).", None),
    "id": ("Le numéro.", 12),
    "imported_at": ("Quand la liste a été importée.", _AT),
    "is_done": ("Cela a été fait ; sinon, rien n'a changé.", True),
    "is_open": ("L'établissement est ouvert, ou le lot attend encore.", True),
    "items": ("Ce qui est demandé, dans l'ordre.", None),
    "kept_for": ("Les demandes pour lesquelles la clé est gardée.", []),
    "key": ("Le nom du tableau, pour un programme.", "declared"),
    "kind": ("De quel genre.", None),
    "EstablishmentOut.kind": ("Le type d'établissement, comme dans l'annuaire.", "Collège"),
    "EstablishmentWhole.kind": ("Le type d'établissement, comme dans l'annuaire.", "Collège"),
    "label": ("En quelques mots.", "déléguer"),
    "last_day": ("Le dernier jour de l'année scolaire.", "2027-08-31"),
    "leaves_as": ("Le numéro sous lequel il part.", 13),
    "listing": ("Celle de la liste de la DRANE ; null si elle n'est pas faite.", None),
    "live_requests": ("Combien de demandes y sont en cours.", 1),
    "mail": ("L'adresse académique du RUPN.", "zoe.durand@ac-toulouse.fr"),
    "DiscardedOut.mail": ("Le numéro du courriel.", 12),
    "RetriedOut.mail": ("Le numéro du courriel.", 12),
    "ScheduledOut.mail": ("Quel rappel, pour un rappel ; null sinon.", None),
    "mailbox": ("La boîte en vigueur ; null s'il n'y en a pas.", "ce.0310001h@ac-toulouse.fr"),
    "MailWhole.mailbox": ("Où il partirait aujourd'hui ; null s'il n'a nulle part où aller.",
                          "ce.0310001h@ac-toulouse.fr"),
    "mails": ("Combien de courriels partiraient, par genre.", {"year_end": 9}),
    "message": ("Ce qui ne va pas.", "La demande a changé depuis qu'elle a été lue"),
    "RowAside.message": ("Ce qui ne va pas, et que faire.",
                         "Ce n'est pas une référence : l'écrire comme ODA-2027-00042."),
    "name": ("Son nom.", "liste de la DRANE du 14 septembre 2026"),
    "SecurityEventOut.label": ("Ce qui est arrivé, en quelques mots.", "liste emportée"),
    "SecurityEventOut.kind": ("Le genre, pour un programme.", "exported"),
    "SecurityDetail.name": ("De quoi il s'agit.", "liste"),
    "SecurityDetail.value": ("Ce qu'il en est.", "les demandes"),
    "networks": ("Les adresses du réseau d'où c'est venu, tant qu'elles sont gardées.", ["192.0.2.7"]),
    "new": ("Combien de lignes sont nouvelles.", 5),
    "next": ("L'adresse de la page suivante ; null à la fin.", None),
    "next_attempt_at": ("Quand l'envoi sera tenté de nouveau ; null s'il ne le sera pas.", None),
    "next_step": ("Ce que la demande attend ; null si elle n'attend rien.", None),
    "nature": ("La nature, vide si l'annuaire ne la donne pas.", "COLLEGE"),
    "telephone": ("Vide si l'annuaire ne le donne pas.", "05 61 00 00 00"),
    "chef_civility": ("La civilité du chef d'établissement, vide si l'annuaire ne la donne pas.", "Madame"),
    "nom": ("Le nom.", "Durand"),
    "EstablishmentEndOut.nom": ("Le nom de l'établissement.", "Collège Jean-Jaurès"),
    "EstablishmentOut.nom": ("Le nom de l'établissement.", "Collège Jean-Jaurès"),
    "EstablishmentWhole.nom": ("Le nom de l'établissement.", "Collège Jean-Jaurès"),
    "School.nom": ("Le nom de l'établissement.", "Collège Jean-Jaurès"),
    "note": ("Comment le tableau est compté ; vide s'il se lit seul.", ""),
    "notes": ("Les textes libres, par champ ; null une fois effacés.", {"why": "accueil des familles"}),
    "number": ("Le numéro.", 1),
    "on": ("Le jour, à son soir.", _DAY),
    "opened_at": ("Quand le retrait est devenu à faire.", _AT),
    "others": ("Les autres demandes en cours de la même personne.", None),
    "outcome": ("Ce qui a été fait, ou trouvé.", None),
    "person": ("Qui l'a fait, ou de qui il s'agit, comme le journal le nomme.", "camille.roux@ac-toulouse.fr"),
    "prenom": ("Le prénom.", "Zoé"),
    "problem": ("Le refus ; null si rien n'a été refusé.", None),
    "ready": ("Les lignes comprises, qui peuvent être confirmées.", None),
    "recipient": ("La boîte à laquelle il part, ou est parti.", "ce.0310001h@ac-toulouse.fr"),
    "reference": ("La référence de la demande.", "ODA-2027-00001"),
    "references": ("Les demandes du lot.", ["ODA-2027-00001"]),
    "remedy": ("Que faire.", "La relire, puis recommencer."),
    "removal": ("Le retrait des droits ; null s'il n'y en a pas.", None),
    "removals": ("Combien de retraits s'ouvriraient, par genre.", {"remove_rights": 12}),
    "renewed": ("Déjà renouvelées pour l'année suivante : combien, ou celle-ci.", None),
    "renews": ("La demande de l'année précédente que celle-ci renouvelle ; null sinon.", None),
    "replaced_by": ("Le numéro du courriel parti à sa place ; null s'il n'y en a pas.", 13),
    "replaces_id": ("Le numéro du courriel qu'il remplace ; null s'il n'en remplace pas.", None),
    "ListReportOut.reasons": ("Ce qui empêche l'import.", []),
    "refused": ("Combien de lignes n'ont pas été prises.", 0),
    "reported_at": ("Quand le changement a été signalé.", _AT),
    "reports": ("Les changements signalés.", None),
    "requests": ("Les demandes.", None),
    "ScheduledOut.requests": ("Combien de demandes ; null quand on ne peut le dire.", 12),
    "YearOut.requests": ("Combien de demandes seraient révoquées.", 12),
    "results": ("Un résultat par ligne ou par commande, dans l'ordre.", None),
    "role": ("À quel titre (R2).", None),
    "rule": ("La règle de docs/processus.md ; null pour une erreur de forme.", "R9"),
    "row": ("Le rang de la ligne, à partir de 1.", 1),
    "rows": ("Les lignes ; chacune a les clés des colonnes. La dernière est celle de l'académie.",
             [{"departement": "Académie", "total": 12}]),
    "ListReportOut.rows": ("Combien de lignes la liste a.", 240),
    "ListImportOut.rows": ("Combien de lignes la liste a.", 240),
    "school_year": ("L'année scolaire.", "2026-2027"),
    "scope": ("Ce que le jeton permet.", None),
    "sent_at": ("Quand le relais l'a pris ; null avant.", _AT),
    "sentence": ("En une phrase, pour une personne.", "fin de l'année scolaire 2026-2027"),
    "seq": ("Le rang de l'événement dans sa chaîne (R8).", 1),
    "set_mailbox": ("La boîte qu'un opérateur a fixée ; null s'il n'y en a pas.", None),
    "settled_at": ("Quand le signalement a été réglé ; null tant qu'il est ouvert.", None),
    "settlement": ("La suite donnée ; null tant qu'il est ouvert.", None),
    "size": ("Combien de codes le lot avait.", 1),
    "source": ("D'où.", None),
    "CheckOut.source": ("Où l'on a regardé.", "liste de la DRANE du 14 septembre"),
    "stage": ("Où il en est.", None),
    "state": ("L'état de la demande.", None),
    "states": ("Combien de demandes par état.", {"code_issued": 12}),
    "stuck_mails": ("Combien de courriels morts faute de boîte peuvent être renvoyés (R15).", 0),
    "tables": ("Les tableaux de la page « Chiffres ».", None),
    "target": ("L'état où l'action l'a menée.", None),
    "text": ("La note.", "le chef rappelle jeudi"),
    "Problem.type": ("urn:oda:refus: suivi du code de la première raison.", "urn:oda:refus:changed_meanwhile"),
    "Problem.title": ("La première raison, en quelques mots.", "La demande a changé depuis qu'elle a été lue"),
    "Problem.status": ("Le statut HTTP.", 409),
    "Problem.detail": ("Tout ce qui ne va pas et que faire, en français.",
                       "La demande a changé depuis qu'elle a été lue. La relire, puis recommencer."),
    "Problem.instance": ("Le numéro de la requête, à donner à qui aide : l'en-tête X-Request-Id.",
                         "urn:oda:requete:9F0C2A7B41D6"),
    "title": ("Son titre.", "Établissements qui ont un RUPN déclaré"),
    "to_verify": ("À vérifier sur le serveur ODA avant d'agir.", False),
    "todo": ("Ce qu'il y a à faire aujourd'hui ; null une fois confirmé (R48).", None),
    "trigger": ("L'action.", None),
    "uai": ("L'UAI de l'établissement.", "0310001H"),
    "unchanged": ("Combien de lignes disent la même chose.", 232),
    "undelivered": ("Combien de courriels non remis peuvent être renvoyés à cette boîte (R15).", 0),
    "ListImportOut.who": ("Qui l'a importée.", "camille.roux@ac-toulouse.fr"),
    "until": ("Le dernier jour d'une période ; null pour un seul jour.", None),
    "AssignmentOut.until": ("Jusqu'à quand.", _AT),
    "version": ("La version de la demande : à renvoyer dans expected_version (R9).", 1),
    "waiting": ("Les demandes dont le code tiré attend encore.", ["ODA-2027-00001"]),
    "FiguresOut.warnings": ("Les objectifs qui ne sont pas atteints, en une phrase chacun.", []),
    "warnings": ("Ce qui n'empêche pas, mais qu'il faut savoir.", None),
    "what": ("Ce qui est attendu.", "déléguer dans DelegCE"),
    "who": ("Qui.", None),
    "MailEventOut.who": ("Qui l'a fait.", "camille.roux@ac-toulouse.fr"),
    "MailEventOut.action": ("Ce qui a été fait.", "renvoyé"),
    "why": ("Pourquoi ; null si rien n'a été dit.", None),
    "without_mailbox": ("Les UAI des établissements que personne ne pourrait prévenir.", []),
    "written_at": ("Quand.", _AT),
    "written": ("Ce que la ligne dit, abrégé.", "ODA-2027"),
    "year_end_is_default": ("Aucune date n'est connue : le 31 août tient lieu de fin (R22).", False),
    "year_ends_on": ("Le dernier jour de son année scolaire (R22).", "2027-08-31"),
    "years": ("Les années scolaires qui finiraient.", None),
}  # fmt: skip
"""A field's sentence and example, of every answer or of one (``Schema.field``); None: its form has its own."""

TAGS: Final[dict[str, str]] = {
    "jeton": "Qui appelle, pour quoi faire, jusqu'à quand.",
    "demandes": "Les demandes : leur liste, une seule, son histoire, ce que l'on peut en faire.",
    "actions": "Ce que l'on fait d'une demande, de la déclaration au retrait des droits.",
    "établissements": "L'annuaire, et la boîte de chaque établissement.",
    "courriels": "Les courriels sans leur texte : où ils en sont, les renvoyer, les écarter.",
    "retraits": "Les droits à retirer sur le serveur ODA.",
    "fin d'année et calendrier": "Ce que le logiciel fera de lui-même, et ce qu'une fin d'année ferait.",
    "documents": "Ce qui s'imprime : la charte, le bordereau de remise, la première connexion.",
    "travail à plusieurs": "Qui s'occupe d'une demande, et les notes des opérateurs.",
    "codes tirés": "Les lots de codes tirés, sans aucun code.",
    "listes": "La liste de la DRANE et celle des délégations.",
    "journal de sécurité": "Qui est entré, ce qui a été refusé, ce qui a été emporté.",
    "chiffres": "Ce que l'académie compte.",
}
"""The groups of operations, in the order of the page."""

TITLE: Final = "Délégations de clés ODA"

_ABOUT: Final = """\
Les mêmes commandes, les mêmes refus et la même histoire que le portail et la ligne de commande.

Chaque requête porte `Authorization: Bearer oda_…`, un jeton d'accès personnel avec une portée (lire, ou lire et agir)
et une fin. Les jours sont au format `2026-09-14` dans le calendrier de l'académie, les instants en UTC. Un champ
inconnu est refusé. Un refus est un `application/problem+json` dont `reasons` dit tout ce qui ne va pas et que faire.
Chaque réponse porte son numéro dans l'en-tête `X-Request-Id` : le donner à qui aide.
"""

PUBLIC_NAMES: Final = {"CodeStatus": "CodeFate"}
"""Our classes whose schema bears another name in the published description."""

_MODULES: Final = (vocabulary, mail_vocabulary, revocation, schedule, upcoming, preview, file_tables, event_kinds)
"""Where the closed lists of the answers are."""

_REFERENCE: Final = "#/components/schemas/"

_NUMBER: Final = {
    "description": "Le numéro de la requête, que le journal du service porte aussi.",
    "schema": {"type": "string", "pattern": "^[0-9A-F]{12}$", "examples": ["9F0C2A7B41D6"]},
}

_LINK: Final = {
    "description": 'La première page (`rel="first"`) et la suivante (`rel="next"`), s\'il y en a une (RFC 8288).',
    "schema": {"type": "string", "examples": ['</api/v1/requests?limit=50>; rel="first"']},
}

_ANY_TEXT: Final = "…"
_TEXTS: Final = {"date": "2026-09-14", "date-time": "2026-09-14T08:00:00Z"}


def describe(app: FastAPI, address: str) -> None:
    """Serve our document, made at the first call; ``address`` is that of the portal, where people are asked."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, address)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _document(app: FastAPI, address: str) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, servers=[{"url": PREFIX}],
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        contact={"name": "Les contacts du portail", "url": f"{address.rstrip('/')}/contact"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )  # fmt: skip
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    classes = [value for module in _MODULES for value in vars(module).values() if isinstance(value, type)]
    enums = {kind.__name__: kind for kind in classes if issubclass(kind, Labelled) and kind is not Labelled}
    for name, schema in schemas.items():
        schema.pop("description", None)  # a class's docstring is for who reads the code
        if name in enums:
            schema["description"] = " ; ".join(f"{member.value} : {member.label}" for member in enums[name])
        if schema.get("additionalProperties") is not False:  # what is sent describes itself
            for field, member in schema.get("properties", {}).items():
                sentence, example = ANSWERS.get(f"{name}.{field}") or ANSWERS.get(field) or ("", None)
                if sentence:  # unless the class itself gave one
                    member.setdefault("description", sentence)
                if example is not None and not {"$ref", "const"} & member.keys():
                    member.setdefault("examples", [example])
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        _describe_operation(operation, schemas)
    return _with_public_names(document)


def _describe_operation(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        response.setdefault("headers", {})[HEADER] = _NUMBER
        if not status.startswith("2"):
            response["content"][MEDIA_TYPE]["example"] = example_of_status(int(status))
            continue
        content = response.get("content", {})
        response["description"] = (
            "La réponse." if "application/json" in content else "Le fichier." if content else "C'est fait."
        )
        answer = content.get("application/json")
        if answer:
            answer["example"] = example_of(answer["schema"], schemas)
            if {"items", "next"} <= _resolved(answer["schema"], schemas).get("properties", {}).keys():
                response["headers"]["Link"] = _LINK
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if not {"example", "examples"} & content.keys() and "$ref" in content["schema"]:
            content["examples"] = {
                "simple": {"summary": "L'essentiel", "value": example_of(content["schema"], schemas, required=True)}
            }


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, required: bool = False) -> Any:
    """A value that this schema accepts, of its own examples; ``required``: without what may be left out."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema:
        return example_of(_resolved(schema, schemas), schemas, required=required)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        value = example_of(alternatives[0], schemas, required=required)
        return None if value == _ANY_TEXT and {"type": "null"} in alternatives else value
    match schema.get("type"):
        case "object":
            names = schema.get("required", []) if required else schema.get("properties", {})
            return {name: example_of(schema["properties"][name], schemas, required=required) for name in names}
        case "array":
            return [example_of(schema["items"], schemas, required=required)]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return 12.5
        case "boolean":
            return False
        case "string":
            return _TEXTS.get(schema.get("format", ""), _ANY_TEXT)
    return None


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas[schema["$ref"].removeprefix(_REFERENCE)] if "$ref" in schema else schema
    return found


def _with_public_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas' names that clients know, whatever our classes are called."""
    text = json.dumps(document)
    for name, public in PUBLIC_NAMES.items():
        text = text.replace(f'"{_REFERENCE}{name}"', f'"{_REFERENCE}{public}"')
    renamed: dict[str, Any] = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name, public in PUBLIC_NAMES.items():
        schemas[public] = schemas.pop(name) | {"title": public}
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed
