"""The kinds of the installation's chain: what each is called in French, and which belong together (R63, R108)."""

from collections.abc import Mapping
from typing import Final

from states.vocabulary import Labelled


class EventGroup(Labelled):
    """A subject of the installation's events, for who looks for some of them."""

    SIGN_IN = "sign_in", "connexions"
    REFUSAL = "refusal", "refus"
    SUBSTITUTION = "substitution", "suppléances"
    TOKEN = "token", "jetons"
    MAILBOX = "mailbox", "boîtes des établissements"
    EXPORT = "export", "exports et fichiers"
    IMPORT = "import", "imports"
    PERSON = "person", "données personnelles"
    KEY = "key", "clés et sceaux"
    MAIL = "mail", "courriels"
    YEAR = "year", "fins d'année"
    CLOCK = "clock", "horloge et machines"


class EventKind(Labelled):
    """The kinds of events of the installation's chain."""

    SIGNED_IN = "signed_in", "connexion ouverte"
    PRESENTED = "presented", "nom de qui agit donné"
    NEW_CHEF = "new_chef", "nouveau chef d'établissement"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere", "déconnexion sur tous les appareils"
    IDENTITY_BOUND = "identity_bound", "identité liée à un établissement"
    BINDING_ENDED = "binding_ended", "liaison d'une identité finie"
    ACTOR_NAMED = "actor_named", "numéro donné à qui agit"
    SESSION_ENDED = "session_ended", "connexion finie"
    FACTOR_ALLOWED = "factor_allowed", "inscription d'un second facteur autorisée"
    FACTOR_ENROLLED = "factor_enrolled", "second facteur inscrit"
    FACTOR_REMOVED = "factor_removed", "second facteur retiré"
    RECOVERY_CODES_DRAWN = "recovery_codes_drawn", "codes de secours tirés"
    RECOVERY_CODE_USED = "recovery_code_used", "code de secours employé"
    ACCESS_ENDED = "access_ended", "accès finis, la personne n'étant plus dans les réglages"

    DOOR_REFUSED = "door_refused", "essais refusés"

    SUBSTITUTION_GIVEN = "substitution_given", "suppléance donnée"
    SUBSTITUTION_ENDED = "substitution_ended", "suppléance finie avant son terme"
    SUBSTITUTION_EXPIRED = "substitution_expired", "suppléance finie"

    TOKEN_CREATED = "token_created", "jeton fait"
    TOKEN_REVOKED = "token_revoked", "jeton fini avant son terme"

    MAILBOX_SET = "mailbox_set", "boîte d'un établissement fixée"
    MAILBOX_CONFIRMED = "mailbox_confirmed", "boîte d'un établissement confirmée"

    EXPORTED = "exported", "liste emportée"
    CODES_DOWNLOADED = "codes_downloaded", "fichier de codes téléchargé"
    DRANE_PREPARED = "drane_prepared", "transmission à la DRANE préparée"
    DRANE_GIVEN_UP = "drane_given_up", "transmission à la DRANE abandonnée"

    DIRECTORY_IMPORTED = "directory_imported", "annuaire importé"
    LIST_IMPORTED = "list_imported", "liste importée"
    LIST_ROWS_ERASED = "list_rows_erased", "lignes de listes effacées"
    ACTIVATION_IMPORTED = "activation_imported", "comptes activés importés"

    PERSONAL_DATA_ERASED = "personal_data_erased", "données personnelles effacées, leur durée passée"
    PERSON_TOLD = "person_told", "données d'une personne communiquées"
    PERSON_ERASED = "person_erased", "données d'une personne effacées"

    SEAL_KEY_ADDED = "seal_key_added", "nouvelle clé des codes"
    SEAL_KEY_ROTATED = "seal_key_rotated", "codes chiffrés de nouveau"
    JOURNAL_SEALED = "journal_sealed", "journal scellé"
    SIGNING_KEY_LOST = "signing_key_lost", "clé des sceaux perdue, et remplacée"

    MAIL_DEAD = "mail_dead", "courriel non remis"
    MAIL_RETRIED = "mail_retried", "courriel renvoyé"
    MAIL_DISCARDED = "mail_discarded", "courriel écarté"
    RELAY_REFUSED = "relay_refused", "relais de messagerie en refus"
    REMOVALS_ASKED_AGAIN = "removals_asked_again", "retraits redemandés au serveur ODA"
    WEBHOOKS_SENT_AGAIN = "webhooks_sent_again", "messages renvoyés à d'autres logiciels"

    YEAR_END_FORESEEN = "year_end_foreseen", "fin d'année prévue"
    YEAR_END_HELD = "year_end_held", "fin d'année retenue"
    YEAR_END_CONFIRMED = "year_end_confirmed", "fin d'année confirmée"
    YEAR_END_SET_ASIDE = "year_end_set_aside", "fin d'année mise de côté"
    YEAR_ENDED = "year_ended", "fin d'année faite"

    CLOCK_HELD = "clock_held", "horloge pas crue"
    CLOCK_RELEASED = "clock_released", "horloge crue de nouveau"
    CLOCK_CONFIRMED = "clock_confirmed", "horloge confirmée"
    CLOCK_REFUSED = "clock_refused", "machine arrêtée par son horloge"
    CLOCK_AGREED = "clock_agreed", "machine remise à l'heure"
    RESTORED = "restored", "base restaurée d'une sauvegarde"
    RESTORE_RELEASED = "restore_released", "envois repris après une restauration"

    @property
    def group(self) -> EventGroup:
        return _GROUPS[self]


_MEMBERS: Final[Mapping[EventGroup, tuple[EventKind, ...]]] = {
    EventGroup.SIGN_IN: (
        EventKind.SIGNED_IN, EventKind.PRESENTED, EventKind.NEW_CHEF, EventKind.SIGNED_OUT_EVERYWHERE,
        EventKind.SESSION_ENDED, EventKind.FACTOR_ALLOWED, EventKind.FACTOR_ENROLLED, EventKind.FACTOR_REMOVED,
        EventKind.RECOVERY_CODES_DRAWN,
        EventKind.RECOVERY_CODE_USED, EventKind.ACCESS_ENDED, EventKind.IDENTITY_BOUND, EventKind.BINDING_ENDED,
        EventKind.ACTOR_NAMED,
    ),
    EventGroup.REFUSAL: (EventKind.DOOR_REFUSED,),
    EventGroup.SUBSTITUTION: (
        EventKind.SUBSTITUTION_GIVEN, EventKind.SUBSTITUTION_ENDED, EventKind.SUBSTITUTION_EXPIRED,
    ),
    EventGroup.TOKEN: (EventKind.TOKEN_CREATED, EventKind.TOKEN_REVOKED),
    EventGroup.MAILBOX: (EventKind.MAILBOX_SET, EventKind.MAILBOX_CONFIRMED),
    EventGroup.EXPORT: (
        EventKind.EXPORTED, EventKind.CODES_DOWNLOADED, EventKind.DRANE_PREPARED, EventKind.DRANE_GIVEN_UP,
    ),
    EventGroup.IMPORT: (
        EventKind.DIRECTORY_IMPORTED, EventKind.LIST_IMPORTED, EventKind.LIST_ROWS_ERASED,
        EventKind.ACTIVATION_IMPORTED,
    ),
    EventGroup.PERSON: (EventKind.PERSONAL_DATA_ERASED, EventKind.PERSON_TOLD, EventKind.PERSON_ERASED),
    EventGroup.KEY: (
        EventKind.SEAL_KEY_ADDED, EventKind.SEAL_KEY_ROTATED, EventKind.JOURNAL_SEALED, EventKind.SIGNING_KEY_LOST,
    ),
    EventGroup.MAIL: (
        EventKind.MAIL_DEAD, EventKind.MAIL_RETRIED, EventKind.MAIL_DISCARDED, EventKind.RELAY_REFUSED,
        EventKind.REMOVALS_ASKED_AGAIN, EventKind.WEBHOOKS_SENT_AGAIN,
    ),
    EventGroup.YEAR: (
        EventKind.YEAR_END_FORESEEN, EventKind.YEAR_END_HELD, EventKind.YEAR_END_CONFIRMED,
        EventKind.YEAR_END_SET_ASIDE, EventKind.YEAR_ENDED,
    ),
    EventGroup.CLOCK: (
        EventKind.CLOCK_HELD, EventKind.CLOCK_RELEASED, EventKind.CLOCK_CONFIRMED, EventKind.CLOCK_REFUSED,
        EventKind.CLOCK_AGREED, EventKind.RESTORED, EventKind.RESTORE_RELEASED,
    ),
}  # fmt: skip

_GROUPS: Final = {kind: group for group, kinds in _MEMBERS.items() for kind in kinds}

FROM_SOMEWHERE: Final = frozenset(
    kind.value
    for group in (
        EventGroup.SIGN_IN, EventGroup.REFUSAL, EventGroup.SUBSTITUTION, EventGroup.TOKEN, EventGroup.MAILBOX,
        EventGroup.EXPORT, EventGroup.PERSON, EventGroup.KEY,
    )
    for kind in _MEMBERS[group]
)  # fmt: skip
"""The kinds whose network address and browser are kept, apart from the chain and for a time (R108)."""


def kinds_of(group: EventGroup) -> tuple[EventKind, ...]:
    """Return the kinds of a group."""
    return tuple(kind for kind in EventKind if kind.group is group)


def kind_of(value: str) -> EventKind | None:
    """Return the kind stored as this value; None for one that an older or newer version wrote."""
    return next((kind for kind in EventKind if kind.value == value), None)


def kind_label(value: str) -> str:
    """Return the French words of a kind; the kind itself, of another version's."""
    kind = kind_of(value)
    return kind.label if kind else value
