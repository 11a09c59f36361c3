"""One or two examples of every mail and export, with the settings of an académie."""

from dataclasses import replace
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from notifications.messages.catalogue import Document, Link, MailContext
from notifications.messages.facts import (
    BrakeAlert,
    ChangeDue,
    ChangeReported,
    ChangeToHandle,
    CharterSigned,
    ClockAlert,
    CodeIssued,
    CodeReissued,
    CodeToRead,
    ConfirmedRemoval,
    Declared,
    Delegated,
    DepartementCount,
    Ended,
    FactorChanged,
    HandoverReminder,
    HeldEnd,
    IdentityBound,
    JournalSealed,
    KeyExtended,
    Late,
    LateDigest,
    LateGroup,
    LostMail,
    MailboxChanged,
    MailboxToConfirm,
    MailUndeliverable,
    NewRequest,
    NewSignIn,
    Person,
    Place,
    Question,
    RelayCheck,
    RemovalConfirmed,
    RemovalReopened,
    RemovalTask,
    RenewalInvitation,
    ReopenedRemoval,
    ReportSettled,
    Revoked,
    SecurityWaves,
    SentBack,
    SignIn,
    SignInRectorat,
    SignInRupn,
    StalledReminder,
    Submitted,
    Substituted,
    SubstitutedChef,
    WaitingRequest,
    WebhookFailing,
    Withdrawn,
    Year,
    YearEnded,
    YearEndNotice,
    YearEndReport,
)
from notifications.rendering.renderer import DrawnCode, Removal
from notifications.vocabulary import AnyKind, Kind, TransientMail
from states.rules.schedule import ClockFault, Hold
from states.vocabulary import (
    Action,
    Change,
    FactorChange,
    ReissueReason,
    RemovalKind,
    RevokeReason,
    Role,
    Settlement,
    State,
    Step,
    WithdrawReason,
)

MAIL_CONTEXT: Final = MailContext(
    academie="Toulouse",
    timezone=ZoneInfo("Europe/Paris"),
    signature="Académie de Toulouse, clés ODA",
    contact="centre-de-service@ac-toulouse.fr",
    charter_version="2026-1",
    delegce_module="Administration des comptes EduConnect",
    links=(
        Link("Première connexion avec une clé ODA", "https://aide.ac-toulouse.fr/oda/premiere-connexion"),
        Link("EduConnect, aide et contacts", "https://educonnect.education.gouv.fr/educt-aide/contacts/"),
    ),
    drane_address="https://drane.ac-toulouse.fr/rupn",
    portal="https://oda.ac-toulouse.fr",
    rupn_page="https://oda.ac-toulouse.fr/rupn",
    oda_address="https://extranet.ac-toulouse.fr/oda",
    data_protection="dpd@ac-toulouse.fr",
)

SEAL_LINES: Final = (
    "oda-sceau 1",
    "installation 2026-09-01T08:00:00.000000Z",
    "numero 142",
    "jour 2027-01-29",
    "instant 2027-01-28T23:00:12.000000Z",
    f"precedent {'4a' * 32}",
    f"cle {'d7' * 32}",
    "suivante -",
    "chaines 455",
    f"tetes {'0c' * 32}",
    "changees 17",
    f"lignes {'9e' * 32}",
    f"signature {'51' * 32}",
    f"signature {'b3' * 32}",
)
"""The lines of a seal, as its mail quotes them."""

DOCUMENTED: Final = replace(
    MAIL_CONTEXT,
    documents=(
        Document(title="Guide de la clé ODA", filename="guide-oda.pdf", path="/etc/oda/documentation/guide-oda.pdf"),
    ),
)
"""The same with a file joined, which is nowhere: its names can be shown, nothing can be sent."""

PLACE: Final = Place(uai="0310001H", nom="Collège Jean-Jaurès", commune="Colomiers")

OTHER_PLACE: Final = Place(uai="0810004P", nom="Lycée Lapérouse", commune="Albi")

CLAIRE: Final = Person(nom="Martin", prenom="Claire", mail="claire.martin@ac-toulouse.fr")

OMAR: Final = Person(nom="de L'Étang-Benali", prenom="Omar", mail="omar.de-letang-benali@ac-toulouse.fr")

YEAR: Final = Year(label="2026-2027", last_day=date(2027, 8, 31))

GUESSED: Final = Year(label="2027-2028", last_day=date(2028, 8, 31), is_default=True)

STEP: Final[dict[str, Any]] = {
    "reference": "ODA-2027-00042",
    "establishment": PLACE,
    "rupn": CLAIRE,
    "year": YEAR,
}

ONE: Final = (Ended(rupn=CLAIRE, reference="ODA-2027-00042", had_key=True, delegated=True),)

TWO: Final = (*ONE, Ended(rupn=OMAR, reference="ODA-2027-00043", had_key=True, delegated=True))

THREE: Final = (*ONE, Ended(rupn=OMAR, reference="ODA-2027-00043", had_key=False, delegated=False))

LATE: Final = (
    Late(reference="ODA-2027-00042", establishment=PLACE, state=State.REQUESTED, since=date(2026, 10, 1)),
    Late(reference="ODA-2027-00007", establishment=OTHER_PLACE, state=State.REQUESTED, since=date(2026, 10, 12)),
)

STALLED: Final = (Late(reference="ODA-2027-00012", establishment=PLACE, state=State.DELEGATED, since=date(2026, 9, 4)),)

NOT_HANDED: Final = (
    Late(reference="ODA-2027-00003", establishment=OTHER_PLACE, state=State.CODE_ISSUED, since=date(2026, 9, 24)),
)

WAITING: Final = (
    WaitingRequest(reference="ODA-2027-00043", rupn=OMAR, state=State.CHARTER_SIGNED, since=date(2026, 9, 10)),
    WaitingRequest(
        reference="ODA-2027-00045", rupn=replace(CLAIRE, prenom="Élise"), state=State.DECLARED, since=date(2026, 9, 1)
    ),
)

REMOVALS: Final = (Late(reference="ODA-2026-00101", establishment=PLACE, state=State.REVOKED, since=date(2026, 9, 1)),)

ENDED: Final = Year(label="2025-2026", last_day=date(2026, 8, 31))

UNTIL: Final = "14 septembre 2026 à 10 h 30"

ASKED_AT: Final = "14 septembre 2026 à 10 h 00"

_LINK: Final[dict[str, Any]] = {
    "minutes": 15, "until": "14 septembre 2026 à 10 h 15", "asked_at": ASKED_AT, "browser": "Firefox sur Windows",
    "network": "192.0.2.0/24",
}  # fmt: skip

_SCHOOL: Final[dict[str, Any]] = {"establishment": PLACE, "year": YEAR}

_MAILBOXES: Final[dict[str, Any]] = {
    "before": "ce.0310001h@ac-toulouse.fr", "after": "college.jaures@ac-toulouse.fr",
    "at": "14 septembre 2026 à 10 h 12",
}  # fmt: skip

_SUBSTITUTION: Final[dict[str, Any]] = {
    "role": Role.OPERATOR, "giver": "camille.roux@ac-toulouse.fr", "substitute": "drane@ac-toulouse.fr",
    "first_day": date(2026, 9, 14), "last_day": date(2026, 9, 25),
}  # fmt: skip

_OF_CHEF: Final[dict[str, Any]] = _SUBSTITUTION | {
    "role": Role.CHEF, "giver": "Claire Martin (0310001H)", "substitute": "Luce Faure (0810004P)",
}  # fmt: skip

EXAMPLES: Final[dict[str, tuple[Kind, Any]]] = {
    "declared": (Kind.DECLARED, Declared(**STEP)),
    "declared_renewed": (
        Kind.DECLARED,
        Declared(**{**STEP, "year": GUESSED}, drane_declared_on=date(2026, 9, 1), renews="ODA-2026-00017"),
    ),
    "delegated": (Kind.DELEGATED, Delegated(**STEP, delegated_on=date(2026, 9, 14))),
    "delegated_by_operator": (Kind.DELEGATED, Delegated(**STEP, by_operator=True, delegated_on=date(2026, 9, 14))),
    "charter_signed": (
        Kind.CHARTER_SIGNED,
        CharterSigned(**STEP, signed_on=date(2026, 9, 15), version="2026-1"),
    ),
    "submitted": (
        Kind.SUBMITTED,
        Submitted(**STEP, submitted_on=date(2026, 9, 16), drane_declared_on=date(2026, 9, 1)),
    ),
    "submitted_undeclared": (Kind.SUBMITTED, Submitted(**STEP, submitted_on=date(2026, 9, 16))),
    "question": (
        Kind.QUESTION,
        Question(**STEP, question="Votre RUPN est-il bien M. Durand, ou celui de la liste de la DRANE ?"),
    ),
    "sent_back_declaration": (
        Kind.SENT_BACK,
        SentBack(**STEP, step=Step.DECLARATION, why="Le nom ne figure pas dans la liste des RUPN de la DRANE."),
    ),
    "sent_back_delegation": (
        Kind.SENT_BACK,
        SentBack(**STEP, step=Step.DELEGATION, why="La délégation porte sur un autre module."),
    ),
    "sent_back_charter": (
        Kind.SENT_BACK,
        SentBack(**STEP, step=Step.CHARTER, why="La charte signée est celle de l'an passé."),
    ),
    "sent_back_confirmation": (
        Kind.SENT_BACK,
        SentBack(**STEP, step=Step.CONFIRMATION, why="L'adresse est celle d'une autre personne."),
    ),
    "code_issued": (
        Kind.CODE_ISSUED,
        CodeIssued(**STEP, issued_on=date(2026, 9, 24), expires_on=date(2027, 8, 31)),
    ),
    "code_to_read": (
        Kind.CODE_TO_READ,
        CodeToRead(**STEP, issued_on=date(2026, 9, 24), expires_on=date(2027, 8, 31)),
    ),
    "code_to_read_again": (
        Kind.CODE_TO_READ,
        CodeToRead(
            **STEP, issued_on=date(2026, 10, 1), expires_on=date(2027, 8, 31), reason=ReissueReason.NOT_RECEIVED,
            answers=(Change.CODE_NOT_RECEIVED,),
        ),
    ),
    "code_to_read_typing_error": (
        Kind.CODE_TO_READ,
        CodeToRead(
            **STEP, issued_on=date(2026, 10, 1), expires_on=date(2027, 8, 31), reason=ReissueReason.TYPING_ERROR
        ),
    ),
    "code_reissued": (
        Kind.CODE_REISSUED,
        CodeReissued(
            **STEP, issued_on=date(2026, 10, 1), expires_on=date(2027, 8, 31), reason=ReissueReason.NOT_RECEIVED
        ),
    ),
    "code_reissued_answer": (
        Kind.CODE_REISSUED,
        CodeReissued(
            **STEP,
            issued_on=date(2026, 10, 1),
            expires_on=date(2027, 8, 31),
            reason=ReissueReason.PIN_FORGOTTEN,
            answers=(Change.PIN_FORGOTTEN,),
        ),
    ),
    "code_reissued_typing_error": (
        Kind.CODE_REISSUED,
        CodeReissued(
            **STEP, issued_on=date(2026, 10, 1), expires_on=date(2027, 8, 31), reason=ReissueReason.TYPING_ERROR
        ),
    ),
    "key_extended": (Kind.KEY_EXTENDED, KeyExtended(**STEP, expires_on=date(2027, 8, 31))),
    "key_extended_from_elsewhere": (
        Kind.KEY_EXTENDED,
        KeyExtended(**STEP, expires_on=date(2027, 8, 31), serves_elsewhere=True),
    ),
    "change_reported_now": (
        Kind.CHANGE_REPORTED,
        ChangeReported(**STEP, change=Change.KEY_COMPROMISED, effective_on=date(2027, 1, 11), is_due=True),
    ),
    "change_reported_by_rupn": (
        Kind.CHANGE_REPORTED,
        ChangeReported(
            **STEP, change=Change.NOT_RUPN, effective_on=date(2027, 1, 11), is_due=True, delegated=True, by_rupn=True
        ),
    ),
    "change_reported_later": (
        Kind.CHANGE_REPORTED,
        ChangeReported(**STEP, change=Change.DEPARTURE, effective_on=date(2027, 3, 1), is_due=False, delegated=True),
    ),
    "change_reported_code": (
        Kind.CHANGE_REPORTED,
        ChangeReported(**STEP, change=Change.CODE_NOT_RECEIVED, effective_on=date(2026, 9, 28), is_due=True),
    ),
    "report_settled_revoked": (
        Kind.REPORT_SETTLED,
        ReportSettled(
            **STEP,
            change=Change.DEPARTURE,
            reported_on=date(2027, 1, 11),
            settlement=Settlement.REVOKED,
            why="Départ confirmé par le secrétariat.",
            delegated=True,
        ),
    ),
    "report_settled_reissued": (
        Kind.REPORT_SETTLED,
        ReportSettled(
            **STEP,
            change=Change.CODE_REFUSED,
            reported_on=date(2027, 1, 11),
            settlement=Settlement.REISSUED,
            why="Un nouveau code est parti hier.",
        ),
    ),
    "report_settled_dated": (
        Kind.REPORT_SETTLED,
        ReportSettled(
            **STEP,
            change=Change.MISSION,
            reported_on=date(2027, 1, 11),
            settlement=Settlement.REVOCATION_DATED,
            why="La mission prend fin ce jour-là.",
            revoke_on=date(2027, 3, 1),
            delegated=True,
        ),
    ),
    "report_settled_listing_lost": (
        Kind.REPORT_SETTLED,
        ReportSettled(
            **STEP,
            change=Change.LISTING_LOST,
            reported_on=date(2027, 1, 11),
            settlement=Settlement.REVOCATION_DATED,
            why="Une autre personne est déclarée à la DRANE depuis janvier.",
            revoke_on=date(2027, 2, 1),
            delegated=True,
        ),
    ),
    "report_settled_no_effect": (
        Kind.REPORT_SETTLED,
        ReportSettled(
            **STEP,
            change=Change.ABSENCE,
            reported_on=date(2027, 1, 11),
            settlement=Settlement.NO_EFFECT,
            why="Le retour est prévu dans deux semaines.",
        ),
    ),
    "withdrawn": (
        Kind.WITHDRAWN,
        Withdrawn(**STEP, reason=WithdrawReason.OTHER_PERSON, note="Nouvelle répartition.", delegated=True),
    ),
    "withdrawn_early": (Kind.WITHDRAWN, Withdrawn(**STEP, reason=WithdrawReason.ERROR)),
    "revoked": (
        Kind.REVOKED,
        Revoked(**STEP, reason=RevokeReason.MISSION, note="Mutation.", had_key=True, delegated=True),
    ),
    "revoked_refusal": (
        Kind.REVOKED,
        Revoked(**STEP, reason=RevokeReason.REFUSAL, note="Ce collège n'utilise pas EduConnect."),
    ),
    "revoked_foreseen": (
        Kind.REVOKED,
        Revoked(
            **STEP,
            reason=RevokeReason.DEPARTURE,
            had_key=True,
            delegated=True,
            answers=(Change.DEPARTURE,),
            foreseen=True,
        ),
    ),
    "removal_confirmed_one": (
        Kind.REMOVAL_CONFIRMED,
        RemovalConfirmed(
            establishment=PLACE,
            confirmed_on=date(2027, 9, 6),
            rupns=(ConfirmedRemoval(rupn=CLAIRE, reference="ODA-2027-00042"),),
        ),
    ),
    "removal_confirmed_kept": (
        Kind.REMOVAL_CONFIRMED,
        RemovalConfirmed(
            establishment=PLACE,
            confirmed_on=date(2027, 9, 6),
            rupns=(
                ConfirmedRemoval(rupn=CLAIRE, reference="ODA-2027-00042"),
                ConfirmedRemoval(rupn=OMAR, reference="ODA-2027-00043", kept=True),
            ),
        ),
    ),
    "removal_reopened_one": (
        Kind.REMOVAL_REOPENED,
        RemovalReopened(
            establishment=PLACE, reopened_on=date(2027, 9, 7),
            rupns=(ReopenedRemoval(rupn=CLAIRE, reference="ODA-2027-00042"),),
        ),
    ),
    "removal_reopened_two": (
        Kind.REMOVAL_REOPENED,
        RemovalReopened(
            establishment=PLACE, reopened_on=date(2027, 9, 7),
            rupns=(
                ReopenedRemoval(rupn=CLAIRE, reference="ODA-2027-00042"),
                ReopenedRemoval(rupn=OMAR, reference="ODA-2027-00043"),
            ),
        ),
    ),
    "year_end_one": (Kind.YEAR_END, YearEnded(**_SCHOOL, rupns=ONE)),
    "year_end_two": (Kind.YEAR_END, YearEnded(**_SCHOOL, rupns=TWO)),
    "year_end_two_one_key": (Kind.YEAR_END, YearEnded(**_SCHOOL, rupns=THREE)),
    "handover_reminder": (Kind.HANDOVER_REMINDER, HandoverReminder(**STEP, issued_on=date(2026, 9, 24))),
    "handover_reminder_unread": (
        Kind.HANDOVER_REMINDER,
        HandoverReminder(**STEP, issued_on=date(2026, 9, 24), to_read=True),
    ),
    "stalled_reminder_declared": (
        Kind.STALLED_REMINDER,
        StalledReminder(**STEP, state=State.DECLARED, since=date(2026, 9, 1)),
    ),
    "stalled_reminder_charter_signed": (
        Kind.STALLED_REMINDER,
        StalledReminder(**STEP, state=State.CHARTER_SIGNED, since=date(2026, 9, 15)),
    ),
    "stalled_reminder_several": (
        Kind.STALLED_REMINDER,
        StalledReminder(**STEP, state=State.DELEGATED, since=date(2026, 9, 8), other_requests=WAITING),
    ),
    "handover_reminder_several": (
        Kind.HANDOVER_REMINDER,
        HandoverReminder(**STEP, issued_on=date(2026, 9, 24), other_requests=WAITING[:1]),
    ),
    "year_end_notice_one": (
        Kind.YEAR_END_NOTICE,
        YearEndNotice(**_SCHOOL, rupns=ONE, days_left=1, next_year_label=GUESSED.label),
    ),
    "year_end_notice_half_renewed": (
        Kind.YEAR_END_NOTICE,
        YearEndNotice(
            **_SCHOOL, rupns=(replace(TWO[0], renewed=True), TWO[1]), days_left=30, next_year_label=GUESSED.label
        ),
    ),
    "year_end_notice_renewed": (
        Kind.YEAR_END_NOTICE,
        YearEndNotice(**_SCHOOL, rupns=(replace(ONE[0], renewed=True),), days_left=30, next_year_label=GUESSED.label),
    ),
    "year_end_notice_two": (
        Kind.YEAR_END_NOTICE,
        YearEndNotice(establishment=PLACE, year=GUESSED, rupns=TWO, days_left=30),
    ),
    "renewal_invitation_one": (
        Kind.RENEWAL_INVITATION,
        RenewalInvitation(**_SCHOOL, rupns=ONE, next_year=GUESSED),
    ),
    "renewal_invitation_june": (
        Kind.RENEWAL_INVITATION,
        RenewalInvitation(**_SCHOOL, rupns=TWO, next_year=GUESSED, is_over=False),
    ),
    "renewal_invitation_two": (
        Kind.RENEWAL_INVITATION,
        RenewalInvitation(**_SCHOOL, rupns=TWO, next_year=GUESSED),
    ),
    "new_request": (Kind.NEW_REQUEST, NewRequest(**STEP, submitted_on=date(2026, 9, 16))),
    "new_request_others": (
        Kind.NEW_REQUEST,
        NewRequest(
            **STEP, by_operator=True, submitted_on=date(2026, 9, 16), others=("ODA-2027-00007", "ODA-2027-00009")
        ),
    ),
    "removal_task": (
        Kind.REMOVAL_TASK,
        RemovalTask(**STEP, task=RemovalKind.REMOVE_RIGHTS, why="départ", note="Le 3 mars."),
    ),
    "removal_task_reopened": (
        Kind.REMOVAL_TASK,
        RemovalTask(
            **STEP, task=RemovalKind.REMOVE_RIGHTS, why="", note="Confirmé sur la ligne d'au-dessus.", rights_only=True,
            reopened=True,
        ),
    ),
    "removal_task_rights_only": (
        Kind.REMOVAL_TASK,
        RemovalTask(**STEP, task=RemovalKind.REMOVE_RIGHTS, why="départ", rights_only=True),
    ),
    "removal_task_kept": (
        Kind.REMOVAL_TASK,
        RemovalTask(**STEP, task=RemovalKind.REMOVE_RIGHTS, why="départ", kept_for=("ODA-2027-00007",)),
    ),
    "removal_task_question": (
        Kind.REMOVAL_TASK,
        RemovalTask(**STEP, task=RemovalKind.KEY_ENABLED, why="demande refusée", rights_only=True),
    ),
    "change_to_handle_now": (
        Kind.CHANGE_TO_HANDLE,
        ChangeToHandle(
            **STEP,
            number=1,
            change=Change.KEY_COMPROMISED,
            effective_on=date(2027, 1, 11),
            is_due=True,
            state=State.CODE_ISSUED,
            note="Code PIN peut-être connu d'un tiers.",
        ),
    ),
    "change_to_handle_later": (
        Kind.CHANGE_TO_HANDLE,
        ChangeToHandle(
            **STEP,
            by_operator=True,
            number=2,
            change=Change.DEPARTURE,
            effective_on=date(2027, 3, 1),
            is_due=False,
            state=State.DELEGATED,
        ),
    ),
    "change_to_handle_by_rupn": (
        Kind.CHANGE_TO_HANDLE,
        ChangeToHandle(
            **STEP, number=1, change=Change.NOT_RUPN, effective_on=date(2027, 1, 11), is_due=True,
            state=State.CODE_ISSUED, by_rupn=True,
        ),
    ),
    "change_due": (
        Kind.CHANGE_DUE,
        ChangeDue(**STEP, number=2, change=Change.DEPARTURE, effective_on=date(2027, 3, 1)),
    ),
    "late_digest_one": (Kind.LATE_DIGEST, LateDigest(on=date(2026, 11, 2), total=1, requests=LATE[:1])),
    "late_digest_two": (
        Kind.LATE_DIGEST,
        LateDigest(
            on=date(2026, 11, 2),
            total=5,
            requests=LATE,
            stalled=LateGroup(total=1, requests=STALLED),
            not_handed=LateGroup(total=1, requests=NOT_HANDED),
            undelivered=LateGroup(total=1, requests=NOT_HANDED),
            reports=LateGroup(total=2, requests=(*NOT_HANDED, *STALLED)),
            answers=LateGroup(total=1, requests=NOT_HANDED),
            removals=LateGroup(total=1001, requests=REMOVALS),
            removals_open=1204,
            unerased=3,
            held=(HeldEnd(year=ENDED, why=Hold.ABSENCE.label),),
            machines=("oda-2",),
            refused_sign_ins=34,
            without_mailbox=(OTHER_PLACE,),
            renewals="212 RUPN sur 300 renouvelés pour 2027-2028",
            troubles=("Le travail « les rappels » a échoué (ValueError).",),
        ),
    ),
    "late_digest_news": (
        Kind.LATE_DIGEST,
        LateDigest(
            on=date(2026, 11, 2),
            total=0,
            requests=(),
            waiting_codes=LateGroup(total=1, requests=NOT_HANDED),
            held_codes=LateGroup(total=1, requests=NOT_HANDED),
            unread_codes=LateGroup(total=1, requests=NOT_HANDED),
            new_requests=LateGroup(total=12, requests=LATE),
            new_removals=LateGroup(total=1, requests=REMOVALS),
            new_reports=LateGroup(total=1, requests=STALLED),
            waves=SecurityWaves(tokens=212, forged=40, forbidden=57, exports=33, calls=140),
        ),
    ),
    "year_end_report": (
        Kind.YEAR_END_REPORT,
        YearEndReport(
            year=GUESSED,
            revoked=812,
            establishments=455,
            removals=730,
            questions=1,
            without_mailbox=(PLACE, OTHER_PLACE),
            departements=(
                DepartementCount(code="031", establishments=300, revoked=531, removals=480, questions=1),
                DepartementCount(code="081", establishments=155, revoked=281, removals=250, questions=0),
            ),
        ),
    ),
    "year_end_report_one": (
        Kind.YEAR_END_REPORT,
        YearEndReport(year=YEAR, revoked=1, establishments=1, removals=0, questions=0, without_mailbox=(PLACE,)),
    ),
    "brake_alert": (
        Kind.BRAKE_ALERT,
        BrakeAlert(year=YEAR, requests=812, why=Hold.ABSENCE.label),
    ),
    "clock_alert": (
        Kind.CLOCK_ALERT,
        ClockAlert(machine="oda-2", gap="12 minutes", ahead=True, since=UNTIL),
    ),
    "clock_alert_behind": (
        Kind.CLOCK_ALERT,
        ClockAlert(machine="oda-2", gap="90 secondes", ahead=False, since=UNTIL),
    ),
    "clock_alert_doubt": (
        Kind.CLOCK_ALERT,
        ClockAlert(machine="oda-2", gap="60 jours", ahead=True, since=UNTIL, why=ClockFault.ABSENCE.label),
    ),
    "webhook_failing": (
        Kind.WEBHOOK_FAILING,
        WebhookFailing(
            endpoint="tickets", gone=False, why="connexion refusée par « tickets.ac-toulouse.fr »", since=UNTIL
        ),
    ),
    "webhook_gone": (
        Kind.WEBHOOK_FAILING,
        WebhookFailing(endpoint="tickets", gone=True, why="l'autre logiciel ne veut plus être prévenu (réponse 410)"),
    ),
    "journal_seal": (
        Kind.JOURNAL_SEAL,
        JournalSealed(number=142, sealed_on=date(2027, 1, 29), chains=455, changed=17, lines=SEAL_LINES),
    ),
    "journal_seal_new_key": (
        Kind.JOURNAL_SEAL,
        JournalSealed(number=143, sealed_on=date(2027, 1, 29), chains=455, changed=1, lines=SEAL_LINES, new_key=True),
    ),
    "mail_undeliverable": (
        Kind.MAIL_UNDELIVERABLE,
        MailUndeliverable(
            mail=42,
            title="code à remettre",
            establishment=PLACE,
            reference="ODA-2027-00042",
            recipient="ce.0310001h@ac-toulouse.fr",
            fault="destinataire refusé",
            reply="550 5.1.1 User unknown",
            code_lost=True,
            cause="recipient_refused",
            codes_lost=1,
        ),
    ),
    "mail_undeliverable_several": (
        Kind.MAIL_UNDELIVERABLE,
        MailUndeliverable(
            mail=42,
            title="code à remettre",
            establishment=PLACE,
            reference="ODA-2027-00042",
            recipient="ce.0310001h@ac-toulouse.fr",
            fault="tous les essais ont échoué",
            reply="451 4.3.0 Temporary lookup failure",
            code_lost=True,
            cause="exhausted",
            count=120,
            others=(
                LostMail(
                    mail=44, title="code à remettre", establishment=OTHER_PLACE.full, reference="ODA-2027-00044",
                    code_lost=True,
                ),
                LostMail(mail=45, title="rappel : demande à poursuivre", establishment=OTHER_PLACE.full),
            ),
            codes_lost=2,
        ),
    ),
    "mail_undeliverable_same_mailbox": (
        Kind.MAIL_UNDELIVERABLE,
        MailUndeliverable(
            mail=42,
            title="code à remettre",
            establishment=PLACE,
            reference="ODA-2027-00042",
            recipient="ce.0310001h@ac-toulouse.fr",
            fault="destinataire refusé",
            reply="550 5.1.1 User unknown",
            code_lost=True,
            cause="recipient_refused",
            count=2,
            others=(LostMail(mail=45, title="rappel : demande à poursuivre", establishment=PLACE.full),),
            codes_lost=1,
            same_mailbox=True,
        ),
    ),
    "mail_undeliverable_no_mailbox": (
        Kind.MAIL_UNDELIVERABLE,
        MailUndeliverable(
            mail=43,
            title="droits révoqués",
            establishment=PLACE,
            reference="ODA-2027-00042",
            recipient="",
            fault="l'établissement n'a pas de boîte",
        ),
    ),
    "mailbox_changed": (Kind.MAILBOX_CHANGED, MailboxChanged(establishment=PLACE, **_MAILBOXES)),
    "mailbox_to_confirm": (
        Kind.MAILBOX_TO_CONFIRM,
        MailboxToConfirm(
            establishment=PLACE, **_MAILBOXES, operator="camille.roux@ac-toulouse.fr",
            why="l'établissement a fusionné", codes_from="15 septembre 2026 à 10 h 12",
        ),
    ),
    "mailbox_given_back": (
        Kind.MAILBOX_TO_CONFIRM,
        MailboxToConfirm(
            establishment=PLACE, **_MAILBOXES, operator="camille.roux@ac-toulouse.fr", why="l'annuaire est à jour"
        ),
    ),
    "identity_bound": (
        Kind.IDENTITY_BOUND,
        IdentityBound(
            establishment=PLACE, name="Claire Martin", provider="ProConnect", at=ASKED_AT, until="31 août 2027",
        ),
    ),
    "identity_bound_shared": (
        Kind.IDENTITY_BOUND,
        IdentityBound(
            establishment=PLACE, others=(OTHER_PLACE,), name="", provider="ProConnect", at=ASKED_AT,
            until="31 août 2027",
        ),
    ),
    "new_sign_in": (
        Kind.NEW_SIGN_IN,
        NewSignIn(
            address="camille.roux@ac-toulouse.fr", at=ASKED_AT, browser="Firefox sur Windows", network="192.0.2.17",
            door="lien reçu par courriel",
        ),
    ),
    **{
        f"factor_{what.value}": (
            Kind.FACTOR_CHANGED,
            FactorChanged(
                what=what, address="camille.roux@ac-toulouse.fr", at=ASKED_AT,
                by="dominique.bert@ac-toulouse.fr (opérateur du rectorat)", codes_left=9,
            ),
        )
        for what in FactorChange
    },
    "substitution": (Kind.SUBSTITUTION, Substituted(**_SUBSTITUTION)),
    "substitution_ended": (Kind.SUBSTITUTION, Substituted(**_SUBSTITUTION, ended="par un opérateur")),
    "substitution_chef": (Kind.SUBSTITUTION_CHEF, SubstitutedChef(establishment=PLACE, **_OF_CHEF)),
    "substitution_chef_ended": (
        Kind.SUBSTITUTION_CHEF,
        SubstitutedChef(establishment=OTHER_PLACE, **_OF_CHEF, ended="par la personne suppléée"),
    ),
    "sign_in": (Kind.SIGN_IN, SignIn(establishment=PLACE, **_LINK)),
    "sign_in_shared": (Kind.SIGN_IN, SignIn(establishment=PLACE, others=(OTHER_PLACE,), **_LINK)),
    "sign_in_binding": (
        Kind.SIGN_IN, SignIn(establishment=PLACE, identity="Claire Martin", provider="ProConnect", **_LINK),
    ),
    "sign_in_rectorat": (Kind.SIGN_IN_RECTORAT, SignInRectorat(**_LINK)),
    "sign_in_proof": (Kind.SIGN_IN_RECTORAT, SignInRectorat(**_LINK, proves=True)),
    "sign_in_rupn": (Kind.SIGN_IN_RUPN, SignInRupn(**_LINK)),
}  # fmt: skip

CHECK_EXAMPLE: Final = RelayCheck(
    asked_by="camille.roux@ac-toulouse.fr",
    machine="oda-1",
    host="relais.ac-toulouse.fr",
    port=587,
    connection="chiffrée par STARTTLS, TLS 1.3",
)


def examples_of(kind: AnyKind) -> dict[str, Any]:
    """The facts of each example of a mail, by its name."""
    if isinstance(kind, TransientMail):
        return {kind.value: CHECK_EXAMPLE}
    return {name: facts for name, (owner, facts) in EXAMPLES.items() if owner is kind}


DAY: Final = date(2027, 9, 1)

_SINCE: Final = date(2027, 8, 31)

_ODD: Final = Person(nom='Le "Grand" ; Roux', prenom="-Anaïs", mail="anais.roux@ac-toulouse.fr")

REMOVAL_LINES: Final = (
    Removal(
        reference="ODA-2027-00042", establishment=PLACE, departement="31", rupn=CLAIRE, school_year="2026-2027",
        action=Action.KEEP_KEY, asks=False, since=_SINCE, expires_on=date(2027, 8, 31), new_expiry=date(2028, 8, 31),
        kept_for=("ODA-2028-00003",), following=("ODA-2028-00009",), to_verify=True,
    ),
    Removal(
        reference="ODA-2027-00043", establishment=PLACE, departement="31", rupn=OMAR, school_year="2026-2027",
        action=Action.REMOVE_KEY, asks=False, since=_SINCE, expires_on=date(2027, 8, 31),
    ),
    Removal(
        reference="ODA-2027-00044", establishment=OTHER_PLACE, departement="81", rupn=_ODD, school_year="2026-2027",
        action=Action.REMOVE_KEY, asks=True, since=_SINCE, following=("ODA-2028-00001", "ODA-2028-00002"),
    ),
    Removal(
        reference="ODA-2027-00045", establishment=OTHER_PLACE, departement="", rupn=CLAIRE, school_year="2026-2027",
        action=Action.CHANGE_EXPIRY, asks=False, since=_SINCE, new_expiry=date(2028, 8, 31),
        kept_for=("ODA-2028-00003", "ODA-2028-00004"),
    ),
)  # fmt: skip
"""Removals as an export has them, by reference: each action that there can be, with the most awkward of names."""

CODE_LINES: Final = (
    DrawnCode(
        reference="ODA-2027-00042", establishment=PLACE, departement="31", rupn=CLAIRE, school_year="2026-2027",
        expires_on=date(2027, 8, 31), has_key=False, batch=3, code="K7M4RT9X",
    ),
    DrawnCode(
        reference="ODA-2027-00044", establishment=OTHER_PLACE, departement="", rupn=_ODD, school_year="2026-2027",
        expires_on=None, has_key=True, batch=3, code="W4CK9HNA3T",
    ),
)  # fmt: skip
"""Codes drawn, as their file has them: for a first key, and again with the most awkward of names."""
