"""Every text that the database holds: whether it is about a person, and how it goes (R110).

A test holds this to the tables, so that no new column is forgotten. The register's entry is written from it.
"""

from collections.abc import Mapping
from typing import Final

from states.vocabulary import Labelled


class Fate(Labelled):
    """A way in which a personal text goes; the label ends the sentence « effacé … »."""

    WITH_REQUEST = "with_request", "avec la demande"
    WITH_MAIL = "with_mail", "avec le texte du courriel, ou avec la demande"
    WITH_LIST = "with_list", "avec la ligne de la liste"
    OF_ACTOR = "of_actor", "quand ni une demande gardée ni l'installation ne connaît plus la personne"
    OF_TOKEN = "of_token", "après la fin du jeton, comme une demande"
    WITH_ROLE = "with_role", "avec le rôle de la personne, ou par elle"
    WITH_ADDRESSES = "with_addresses", "avec les adresses de réseau du journal de sécurité (`retention.addresses`)"
    BY_ITSELF = (
        "by_itself",
        "de lui-même : en heures, en jours, à la fin de l'année (rattachement), un an après (suppléance)",
    )


PERSONAL: Final[Mapping[str, Mapping[str, Fate]]] = {
    "delegation_request": dict.fromkeys(
        ("nom", "prenom", "mail", "folded_mail", "person", "sorted_name", "chef_name", "delegation_why",
         "listing_source", "listing_seen", "delegation_source", "delegation_seen", "drane_seen", "last_actor"),
        Fate.WITH_REQUEST,
    ),
    "request_word": {"word": Fate.WITH_REQUEST},
    "event_note": dict.fromkeys(("body", "nonce"), Fate.WITH_REQUEST),
    "private_note": {"body": Fate.WITH_REQUEST},
    "removal_call": dict.fromkeys(("asked", "answer"), Fate.WITH_REQUEST),
    "drane_transmission_line": {"seen": Fate.WITH_REQUEST},
    "outgoing_mail": dict.fromkeys(
        ("recipient", "context", "subject", "body", "html", "papers", "last_reply", "disputed", "dedupe_key"),
        Fate.WITH_MAIL,
    ),
    "evidence_entry": dict.fromkeys(
        ("nom", "prenom", "usage_name", "mail", "folded_mail", "other_mails", "person", "author"), Fate.WITH_LIST
    ),
    "actor": dict.fromkeys(("key", "label", "nonce"), Fate.OF_ACTOR),
    "establishment": {"chef_name": Fate.OF_ACTOR},
    "access_token": dict.fromkeys(("label", "subject"), Fate.OF_TOKEN),
    "sign_in_link": dict.fromkeys(("subject", "sent_to", "back", "browser", "browser_name", "network"), Fate.BY_ITSELF),
    "web_session": dict.fromkeys(("subject", "name", "browser", "identity", "identity_name"), Fate.BY_ITSELF),
    "identity_binding": dict.fromkeys(("identity", "name"), Fate.BY_ITSELF),
    "second_factor": dict.fromkeys(("address", "sealed_key"), Fate.WITH_ROLE),
    "recovery_code": {"address": Fate.WITH_ROLE},
    "substitution": dict.fromkeys(("giver", "giver_name", "substitute", "substitute_name"), Fate.BY_ITSELF),
    "kept_form": {"content": Fate.BY_ITSELF},
    "delegation_claim": {"seen": Fate.BY_ITSELF},
    "staged_import": {"content": Fate.BY_ITSELF},
    "idempotency_key": {"digest": Fate.BY_ITSELF},
    "try_count": dict.fromkeys(("key", "network", "browser"), Fate.BY_ITSELF),
    "security_address": dict.fromkeys(("network", "browser"), Fate.WITH_ADDRESSES),
    "seal": {"ciphertext": Fate.BY_ITSELF},
    "relay_pause": {"reply": Fate.BY_ITSELF},
}  # fmt: skip
"""The columns that say something of a person, by table."""

IMPERSONAL: Final[Mapping[str, frozenset[str]]] = {
    # a code of this software, a state, a number, a date in words
    "delegation_request": frozenset(
        ("reference", "uai", "school_year", "state", "charter_version", "listing_outcome", "delegation_outcome",
         "extends", "renews", "acted_on_behalf", "checks", "drane", "last_trigger", "written_by",
         "chain_head")
    ),
    "request_word": frozenset(("reference",)),
    "event": frozenset(("stream", "kind", "from_state", "to_state", "role", "canonical", "hash")),  # R64
    "event_note": frozenset(("stream", "field")),
    "private_note": frozenset(("reference",)),
    "assignment": frozenset(("reference",)),
    "removal_task": frozenset(("reference", "kind", "outcome")),
    "removal_call": frozenset(("reference", "stage")),
    "change_report": frozenset(("reference", "change", "settlement")),
    "drane_transmission_line": frozenset(("reference", "what")),
    "outgoing_mail": frozenset(("kind", "audience", "uai", "reference", "stage", "lease_token", "message_id", "fault",
                                "seal_id")),
    "mail_request": frozenset(("reference",)),
    # codes and numbers: a RUPN whom an endpoint is told of is read when the message leaves
    "webhook_delivery": frozenset(("endpoint", "webhook_id", "kind", "reference", "payload", "stage", "answer")),
    "webhook_endpoint": frozenset(("name", "gone_setting", "answer")),
    "evidence_entry": frozenset(("kind", "uai", "application")),
    "evidence_import": frozenset(("kind", "digest")),  # of a whole file
    # the open directory's data on a public establishment
    "establishment": frozenset(("uai", "nom", "kind", "commune", "departement", "mailbox", "set_mailbox", "telephone",
                                "departement_name", "nature", "chef_civility", "siret")),
    "stand_in": frozenset(("uai", "kind")),
    "access_token": frozenset(("digest", "role", "scope")),  # digests of random secrets
    "sign_in_link": frozenset(("digest", "role", "joins", "code_digest")),
    "web_session": frozenset(("digest", "role", "method", "provider", "ended_by")),
    "recovery_code": frozenset(("digest",)),
    "substitution": frozenset(("role", "ended_by")),
    "identity_binding": frozenset(("uai", "provider", "role")),
    "kept_form": frozenset(("digest", "session")),
    "delegation_claim": frozenset(("reference", "application")),
    "staged_import": frozenset(("digest", "kind")),
    "idempotency_key": frozenset(("trigger", "key", "reference")),
    "try_count": frozenset(("limit_name",)),
    "security_address": frozenset(("stream",)),
    "seal": frozenset(("id", "reference", "erased_why")),
    "relay_pause": frozenset(("fault",)),
    "code_batch": frozenset(("key", "download_key")),
    "code_batch_request": frozenset(("reference", "reason")),
    "column_choice": frozenset(("kind", "titles", "places")),
    # what the installation knows of itself, and numbers
    "installation": frozenset(("key_check", "chain_head")),
    "journal_seal": frozenset(("text", "signature")),
    "journal_seal_head": frozenset(("stream", "hash")),
    "journal_signing_key": frozenset(("public",)),
    "counter": frozenset(("school_year",)),
    "occurrence": frozenset(("key",)),
    "year_end": frozenset(("school_year", "held_why")),
    "node": frozenset(("host",)),
    "machine_counter": frozenset(("host", "boot")),
    "clock_hold": frozenset(("fault",)),
    "activation_count": frozenset(("place", "departement")),
    "daily_figure": frozenset(("school_year", "departement")),
    "handover_delay": frozenset(("school_year", "departement")),
    "figure_place": frozenset(("uai", "departement")),
    "figure_progress": frozenset(("rules",)),
}  # fmt: skip
"""The columns that say nothing of a person, by table."""
