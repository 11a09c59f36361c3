"""The facts of each mail, frozen when it is enqueued (R56): plain values that go to JSON and come back equal."""

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final

from states.vocabulary import (
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

if TYPE_CHECKING:  # a child process that fills templates has no use for them, and starts the sooner
    from states.model import Establishment, Request
    from states.school_calendar import YearEnd


@dataclass(frozen=True, slots=True)
class Doc:
    """The meaning of a value, in French, for the author of a template: docs/modeles.md is made of it (R68)."""

    text: str


UNKNOWN_UAI: Final = "?"
"""The UAI of an establishment that nobody knows any more, in an alert about its mail."""

_REFERENCE: Final = Doc("la référence de la demande")
_ESTABLISHMENT: Final = Doc("l'établissement")
_DRANE: Final = Doc("jour de la déclaration à la DRANE, si le chef l'a dit")
_BY_RUPN: Final = Doc("est-ce le RUPN lui-même qui l'a dit, sur sa page ?")
_ISSUED: Final = Doc("jour où le code a été émis")
_EXPIRES: Final = Doc("jour où la clé expire")
_WHEN: Final = Doc("jour où le changement prend effet")
_NOTE: Final = Doc("précision écrite par qui a décidé ; parfois vide")
_ANSWERS: Final = Doc("les changements signalés que cela règle ; le plus souvent aucun")
_DELEGATED: Final = Doc("une délégation est-elle à retirer dans DelegCE ?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The establishment, as a reader knows it."""

    uai: Annotated[str, Doc("le numéro UAI")]
    nom: Annotated[str, Doc("le nom de l'établissement")]
    commune: Annotated[str, Doc("la commune ; parfois vide")] = ""

    @property
    def full(self) -> Annotated[str, Doc("le nom, la commune et l'UAI, ensemble")]:
        """``Collège Jean-Jaurès, Colomiers (0310001H)``."""
        return f"{self.nom}, {self.commune} ({self.uai})" if self.commune else f"{self.nom} ({self.uai})"

    @classmethod
    def of(cls, establishment: "Establishment") -> "Place":
        return cls(uai=establishment.uai, nom=establishment.nom, commune=establishment.commune)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """The RUPN."""

    nom: Annotated[str, Doc("le nom")]
    prenom: Annotated[str, Doc("le prénom")]
    mail: Annotated[str, Doc("l'adresse professionnelle")]

    @property
    def full(self) -> Annotated[str, Doc("le prénom et le nom")]:
        return f"{self.prenom} {self.nom}"

    @classmethod
    def of(cls, request: "Request") -> "Person":
        return cls(nom=request.nom, prenom=request.prenom, mail=request.mail)


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """A school year: ``2026-2027``, its last day, and whether that day stands in for an unknown one (R22)."""

    label: Annotated[str, Doc("l'année scolaire")]
    last_day: Annotated[date, Doc("son dernier jour")]
    is_default: Annotated[bool, Doc("ce jour est-il retenu faute de connaître la rentrée suivante ?")] = False

    @classmethod
    @lru_cache(maxsize=32)
    def of(cls, end: "YearEnd") -> "Year":
        return cls(label=str(end.school_year), last_day=end.last_day, is_default=end.is_default)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRequest:
    """The facts of every mail about one request. ``by_operator``: an operator acted for the establishment (R5)."""

    reference: Annotated[str, _REFERENCE]
    establishment: Annotated[Place, _ESTABLISHMENT]
    rupn: Annotated[Person, Doc("la personne pour qui la clé est demandée")]
    year: Annotated[Year, Doc("l'année scolaire de la demande")]
    by_operator: Annotated[bool, Doc("un opérateur a-t-il agi au nom de l'établissement ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared(OnRequest):
    """``renews``: the reference of the request that is renewed (R33)."""

    drane_declared_on: Annotated[date | None, _DRANE] = None
    renews: Annotated[str | None, Doc("la référence de la demande renouvelée")] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegated(OnRequest):
    delegated_on: Annotated[date, Doc("jour de la délégation dans DelegCE")]


@dataclass(frozen=True, kw_only=True, slots=True)
class CharterSigned(OnRequest):
    signed_on: Annotated[date, Doc("jour de la signature")]
    version: Annotated[str, Doc("version de la charte signée")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted(OnRequest):
    submitted_on: Annotated[date, Doc("jour de l'envoi au rectorat")]
    drane_declared_on: Annotated[date | None, _DRANE] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SentBack(OnRequest):
    step: Annotated[Step, Doc("l'étape à refaire")]
    why: Annotated[str, Doc("pourquoi, écrit par l'opérateur")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question(OnRequest):
    question: Annotated[str, Doc("la question, écrite par l'opérateur")]


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeIssued(OnRequest):
    """The code itself is nowhere here: its slot is filled on the wire (R60)."""

    issued_on: Annotated[date, _ISSUED]
    expires_on: Annotated[date, _EXPIRES]


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeReissued(OnRequest):
    issued_on: Annotated[date, _ISSUED]
    expires_on: Annotated[date, _EXPIRES]
    reason: Annotated[ReissueReason, Doc("pourquoi un nouveau code")]
    answers: Annotated[tuple[Change, ...], _ANSWERS] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeToRead(OnRequest):
    """The code is read on its page of the portal; ``reason``: of a new one, why (R112)."""

    issued_on: Annotated[date, _ISSUED]
    expires_on: Annotated[date, _EXPIRES]
    reason: Annotated[ReissueReason | None, Doc("pourquoi un nouveau code, si c'en est un")] = None
    answers: Annotated[tuple[Change, ...], _ANSWERS] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyExtended(OnRequest):
    """Nothing tells which request the key comes from: it may be another establishment's.

    ``serves_elsewhere``: it comes from no request, but from another application.
    """

    expires_on: Annotated[date, _EXPIRES]
    serves_elsewhere: Annotated[bool, Doc("la clé vient-elle d'une autre application, et d'aucune demande ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeReported(OnRequest):
    """A receipt. ``is_due``: it takes effect today or has done so; ``delegated``: a delegation stands in DelegCE."""

    change: Annotated[Change, Doc("le changement signalé")]
    effective_on: Annotated[date, _WHEN]
    is_due: Annotated[bool, Doc("ce jour est-il arrivé ?")]
    delegated: Annotated[bool, Doc("une délégation est-elle en place dans DelegCE ?")] = False
    by_rupn: Annotated[bool, _BY_RUPN] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSettled(OnRequest):
    """``revoke_on``: the day of a dated revocation (R46); ``delegated``: a delegation stands in DelegCE."""

    change: Annotated[Change, Doc("le changement signalé")]
    reported_on: Annotated[date, Doc("jour du signalement")]
    settlement: Annotated[Settlement, Doc("la suite donnée")]
    why: Annotated[str, Doc("pourquoi, écrit par l'opérateur")]
    revoke_on: Annotated[date | None, Doc("jour où les droits seront retirés, pour une révocation datée")] = None
    delegated: Annotated[bool, Doc("une délégation est-elle en place dans DelegCE ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawn(OnRequest):
    reason: Annotated[WithdrawReason, Doc("le motif de l'abandon")]
    note: Annotated[str, _NOTE] = ""
    delegated: Annotated[bool, _DELEGATED] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Revoked(OnRequest):
    """``had_key``: a code was issued or a key extended; ``delegated``: a delegation is to be removed in DelegCE.

    ``foreseen``: the schedule did it, on the day that an operator had set (R46).
    """

    reason: Annotated[RevokeReason, Doc("le motif de la révocation")]
    note: Annotated[str, _NOTE] = ""
    had_key: Annotated[bool, Doc("un code avait-il été émis, ou une clé étendue ?")] = False
    delegated: Annotated[bool, _DELEGATED] = False
    answers: Annotated[tuple[Change, ...], _ANSWERS] = ()
    foreseen: Annotated[bool, Doc("était-ce prévu pour ce jour ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmedRemoval:
    """One RUPN of such a mail; ``kept``: the key serves another request of the same establishment (R48)."""

    rupn: Annotated[Person, Doc("la personne")]
    reference: Annotated[str, Doc("la référence de sa demande")]
    kept: Annotated[bool, Doc("la clé est-elle gardée pour une autre demande de l'établissement ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalConfirmed:
    """The rectorat's acts on the ODA server, for each RUPN of one establishment (R49)."""

    establishment: Annotated[Place, _ESTABLISHMENT]
    confirmed_on: Annotated[date, Doc("jour de la confirmation")]
    rupns: Annotated[tuple[ConfirmedRemoval, ...], Doc("les RUPN concernés")]

    @property
    def removed(self) -> Annotated[tuple[ConfirmedRemoval, ...], Doc("parmi eux, ceux qui n'ont plus de droits")]:
        return tuple(rupn for rupn in self.rupns if not rupn.kept)

    @property
    def kept(self) -> Annotated[tuple[ConfirmedRemoval, ...], Doc("parmi eux, ceux dont la clé est gardée")]:
        return tuple(rupn for rupn in self.rupns if rupn.kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReopenedRemoval:
    """One RUPN whose removal is to be made after all."""

    rupn: Annotated[Person, Doc("la personne")]
    reference: Annotated[str, Doc("la référence de sa demande")]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalReopened:
    """Confirmations that were a mistake, for each RUPN of one establishment, which was told of them (R49)."""

    establishment: Annotated[Place, _ESTABLISHMENT]
    reopened_on: Annotated[date, Doc("jour où l'erreur a été constatée")]
    rupns: Annotated[tuple[ReopenedRemoval, ...], Doc("les RUPN concernés")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """One RUPN among those of a year that ends."""

    rupn: Annotated[Person, Doc("la personne")]
    reference: Annotated[str, Doc("la référence de sa demande")]
    had_key: Annotated[bool, Doc("avait-elle une clé ?")]
    delegated: Annotated[bool, _DELEGATED]
    renewed: Annotated[bool, Doc("sa demande est-elle déjà renouvelée ? Connu dans l'annonce seulement")] = False

    @classmethod
    def of(cls, request: "Request", *, renewed: bool = False) -> "Ended":
        return cls(
            rupn=Person.of(request),
            reference=request.reference,
            had_key=request.has_key,
            delegated=request.delegated_on is not None,
            renewed=renewed,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OfEstablishment:
    """The facts of every mail about several RUPN of one establishment."""

    establishment: Annotated[Place, _ESTABLISHMENT]
    year: Annotated[Year, Doc("l'année scolaire qui finit")]
    rupns: Annotated[tuple[Ended, ...], Doc("les RUPN concernés")]

    @property
    def with_key(self) -> Annotated[tuple[Ended, ...], Doc("parmi eux, ceux qui avaient une clé")]:
        return tuple(r for r in self.rupns if r.had_key)

    @property
    def with_delegation(self) -> Annotated[tuple[Ended, ...], Doc("parmi eux, ceux dont la délégation est à retirer")]:
        return tuple(r for r in self.rupns if r.delegated)


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEnded(OfEstablishment):
    """The year has ended: one mail for the establishment (R54)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndNotice(OfEstablishment):
    """The year will end in ``days_left`` days; ``next_year_label`` is empty until its campaign opens."""

    days_left: Annotated[int, Doc("jours restants avant la fin de l'année")]
    next_year_label: Annotated[
        str, Doc("l'année suivante, comme 2027-2028, si ses déclarations sont ouvertes ; sinon vide")
    ] = ""

    @property
    def to_renew(self) -> Annotated[tuple[Ended, ...], Doc("parmi les RUPN, ceux qui ne sont pas encore renouvelés")]:
        return tuple(ended for ended in self.rupns if not ended.renewed)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalInvitation(OfEstablishment):
    """``year`` is the one to renew, ``is_over`` once it has ended; ``next_year`` the one whose campaign is open."""

    next_year: Annotated[Year, Doc("l'année dont les déclarations sont ouvertes")]
    is_over: Annotated[bool, Doc("l'année à renouveler est-elle finie ?")] = True


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRequest:
    """A request that waits for its establishment; ``state`` is where it stands since the day ``since``."""

    reference: Annotated[str, _REFERENCE]
    rupn: Annotated[Person, Doc("la personne pour qui la clé est demandée")]
    state: Annotated[State, Doc("où en est la demande")]
    since: Annotated[date, Doc("depuis quel jour")]
    to_read: Annotated[bool, Doc("son code attend-il d'être lu sur le portail ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminder(OnRequest):
    """The facts of a reminder, and of the other requests of the establishment that wait on that day (R79)."""

    other_requests: Annotated[
        tuple[WaitingRequest, ...], Doc("les autres demandes de l'établissement rappelées par ce même courriel")
    ] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HandoverReminder(Reminder):
    issued_on: Annotated[date, _ISSUED]
    to_read: Annotated[bool, Doc("le code attend-il d'être lu sur le portail ?")] = False

    @property
    def waiting(self) -> Annotated[tuple[WaitingRequest, ...], Doc("toutes les demandes rappelées")]:
        first = replace(_waiting(self, State.CODE_ISSUED, self.issued_on), to_read=self.to_read)
        return (first, *self.other_requests)


@dataclass(frozen=True, kw_only=True, slots=True)
class StalledReminder(Reminder):
    """``state`` is where the request stands since the day ``since``."""

    state: Annotated[State, Doc("où en est la demande")]
    since: Annotated[date, Doc("depuis quel jour")]

    @property
    def waiting(self) -> Annotated[tuple[WaitingRequest, ...], Doc("toutes les demandes rappelées")]:
        return (_waiting(self, self.state, self.since), *self.other_requests)


def _waiting(reminder: Reminder, state: State, since: date) -> WaitingRequest:
    return WaitingRequest(reference=reminder.reference, rupn=reminder.rupn, state=state, since=since)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRequest(OnRequest):
    """``others``: references of the person's other live requests (R19)."""

    submitted_on: Annotated[date, Doc("jour de l'envoi au rectorat")]
    others: Annotated[tuple[str, ...], Doc("références des autres demandes en cours de la même personne")] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalTask(OnRequest):
    """``kept_for``: references that relied on the same key when this was written (R48).

    ``reopened``: it had been confirmed, by mistake; ``note`` then says why it is to be made after all (R49).
    """

    task: Annotated[RemovalKind, Doc("ce qu'il y a à faire")]
    why: Annotated[str, Doc("le motif de la révocation ; vide pour un retrait rouvert")]
    note: Annotated[str, _NOTE] = ""
    kept_for: Annotated[
        tuple[str, ...], Doc("références qui reposaient sur la même clé quand ce courriel a été écrit")
    ] = ()
    rights_only: Annotated[
        bool, Doc("la clé peut-elle servir à d'autres applications, de sorte que seuls ses droits sont à retirer ?")
    ] = False
    reopened: Annotated[bool, Doc("le retrait avait-il été confirmé à tort ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeToHandle(OnRequest):
    """``is_due``: to be handled now, else on the day ``effective_on``; ``state`` as the request stands."""

    number: Annotated[int, Doc("le numéro du signalement")]
    change: Annotated[Change, Doc("le changement signalé")]
    effective_on: Annotated[date, _WHEN]
    is_due: Annotated[bool, Doc("est-il à traiter maintenant ?")]
    state: Annotated[State, Doc("où en est la demande")]
    note: Annotated[str, Doc("précision écrite par l'établissement ; parfois vide")] = ""
    by_rupn: Annotated[bool, _BY_RUPN] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeDue(OnRequest):
    number: Annotated[int, Doc("le numéro du signalement")]
    change: Annotated[Change, Doc("le changement signalé")]
    effective_on: Annotated[date, _WHEN]


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """A request that waits too long, since the day ``since``."""

    reference: Annotated[str, _REFERENCE]
    establishment: Annotated[Place, _ESTABLISHMENT]
    state: Annotated[State, Doc("où en est la demande")]
    since: Annotated[date, Doc("depuis quel jour")]


@dataclass(frozen=True, kw_only=True, slots=True)
class LateGroup:
    """Requests late in one way: ``total`` may exceed the ones listed, and 1,001 stands for more than 1,000."""

    total: Annotated[int, Doc("combien, qui peut dépasser la liste ; 1 001 veut dire plus de 1 000")] = 0
    requests: Annotated[tuple[Late, ...], Doc("les plus anciennes")] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldEnd:
    """A year's end that waits for an operator; ``why`` is a French clause without a full stop (R52)."""

    year: Annotated[Year, Doc("l'année scolaire")]
    why: Annotated[str, Doc("pourquoi sa fin est retenue, sans point final")]


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityWaves:
    """The counts of the security journal since the last digest, when it is many; 0 when it is not (R108).

    ``exports``: lists that one person took away; ``calls``: of the API, with a good token.
    """

    tokens: Annotated[int, Doc("jetons refusés, s'ils sont nombreux")] = 0
    forged: Annotated[int, Doc("formulaires qui ne venaient pas de nos pages, s'ils sont nombreux")] = 0
    forbidden: Annotated[int, Doc("pages ou actions demandées dans un autre rôle, si elles sont nombreuses")] = 0
    exports: Annotated[int, Doc("listes emportées par une même personne, si elles sont nombreuses")] = 0
    calls: Annotated[int, Doc("appels de programmes refusés malgré un bon jeton, s'ils sont nombreux")] = 0

    @property
    def number(self) -> Annotated[int, Doc("nombre de sortes de vagues")]:
        return sum(map(bool, (self.tokens, self.forged, self.forbidden, self.exports, self.calls)))


@dataclass(frozen=True, kw_only=True, slots=True)
class LateDigest:
    """All that is late on a day (R80); ``total`` and ``requests`` are of those that wait for the rectorat.

    ``stalled`` and ``not_handed``: past the last delay of reminders; ``undelivered``: codes that did not arrive;
    ``waiting_codes``: those that the relay has not taken yet, while there is time to help (R58);
    ``held_codes``: those that were drawn, and are not said to be on the ODA server (R97);
    ``unread_codes``: those that no chef has read on the portal (R112);
    ``answers``: to questions, that no operator has acted upon (R90);
    ``reports``: due and not settled; ``removals``: open for too long, of ``removals_open`` in all; ``machines``:
    those that their clock stopped; ``refused_sign_ins``: the limits of links reached in one window, each of a mailbox,
    when they are many (R74); ``waves``: other refusals, and exports, likewise; ``without_mailbox``: who asked
    for a link and has no mailbox; ``troubles``: what failed, in sentences; ``unerased``: requests that would be erased,
    had anybody confirmed their removal (R110). A digest of before those were counted has none of them.
    ``new_requests``, ``new_removals`` and ``new_reports`` have come since the last digest, and no mail of their own
    told of them (setting ``mail.operators``).
    """

    on: Annotated[date, Doc("jour du récapitulatif")]
    total: Annotated[int, Doc("nombre de demandes à traiter en retard, qui peut dépasser celui de la liste")]
    requests: Annotated[tuple[Late, ...], Doc("les demandes à traiter les plus en retard")]
    stalled: Annotated[LateGroup, Doc("demandes qui n'avancent pas, le dernier délai de rappel passé")] = LateGroup()
    not_handed: Annotated[
        LateGroup, Doc("codes dont la remise n'est pas confirmée, le dernier délai de rappel passé")
    ] = LateGroup()
    undelivered: Annotated[LateGroup, Doc("codes qui ne sont pas arrivés")] = LateGroup()
    waiting_codes: Annotated[LateGroup, Doc("codes que le relais n'a pas encore pris, un jour après")] = LateGroup()
    held_codes: Annotated[
        LateGroup, Doc("codes tirés il y a plus d'un jour, que personne n'a dits sur le serveur ODA")
    ] = LateGroup()
    unread_codes: Annotated[
        LateGroup, Doc("codes que l'établissement n'a pas encore lus sur le portail, le premier délai de rappel passé")
    ] = LateGroup()
    reports: Annotated[LateGroup, Doc("signalements à régler")] = LateGroup()
    answers: Annotated[LateGroup, Doc("demandes dont l'établissement a répondu à une question")] = LateGroup()
    removals: Annotated[LateGroup, Doc("retraits ouverts depuis trop longtemps")] = LateGroup()
    removals_open: Annotated[int, Doc("nombre de tous les retraits ouverts")] = 0
    unerased: Annotated[int, Doc("demandes finies que leur retrait jamais confirmé empêche d'effacer")] = 0
    held: Annotated[tuple[HeldEnd, ...], Doc("fins d'année retenues")] = ()
    machines: Annotated[tuple[str, ...], Doc("machines arrêtées par leur horloge")] = ()
    refused_sign_ins: Annotated[
        int, Doc("nombre de limites de liens de connexion atteintes ensemble, chacune celle d'une boîte")
    ] = 0
    waves: Annotated[
        SecurityWaves, Doc("ce que le journal de sécurité compte de trop nombreux depuis le dernier récapitulatif")
    ] = SecurityWaves()
    without_mailbox: Annotated[
        tuple[Place, ...], Doc("établissements sans boîte qui ont demandé un lien de connexion")
    ] = ()
    troubles: Annotated[tuple[str, ...], Doc("phrases sur ce que l'échéancier n'a pas pu faire ; parfois aucune")] = ()
    renewals: Annotated[str, Doc("combien de RUPN sont renouvelés, le lundi, pendant la campagne ; sinon vide")] = ""

    new_requests: Annotated[LateGroup, Doc("demandes arrivées depuis le dernier récapitulatif")] = LateGroup()
    new_removals: Annotated[LateGroup, Doc("retraits demandés depuis le dernier récapitulatif")] = LateGroup()
    new_reports: Annotated[LateGroup, Doc("signalements à venir reçus depuis le dernier récapitulatif")] = LateGroup()

    @property
    def news(self) -> Annotated[int, Doc("nombre de tout ce qui est arrivé depuis le dernier récapitulatif")]:
        return self.new_requests.total + self.new_removals.total + self.new_reports.total

    @property
    def to_handle(self) -> Annotated[LateGroup, Doc("les deux mêmes, en un seul groupe")]:
        """The requests that wait for the rectorat, as the other groups are."""
        return LateGroup(total=self.total, requests=self.requests)

    @property
    def points(self) -> Annotated[int, Doc("nombre de sortes de retard")]:
        """The number of kinds of things that are late; when none is, there is nothing to write."""
        groups = (
            self.to_handle,
            self.stalled,
            self.not_handed,
            self.undelivered,
            self.waiting_codes,
            self.held_codes,
            self.unread_codes,
            self.reports,
            self.answers,
            self.removals,
        )
        return (
            sum(bool(group.total) for group in groups)
            + len(self.held)
            + len(self.machines)
            + bool(self.refused_sign_ins)
            + self.waves.number
            + bool(self.without_mailbox)
            + bool(self.unerased)
            + len(self.troubles)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DepartementCount:
    """One département's share of a year's end; ``code`` as the directory has it, empty when it has none."""

    code: Annotated[str, Doc("le code du département dans l'annuaire ; parfois vide")]
    establishments: Annotated[int, Doc("nombre d'établissements")]
    revoked: Annotated[int, Doc("nombre de demandes révoquées")]
    removals: Annotated[int, Doc("nombre de droits à retirer")]
    questions: Annotated[int, Doc("nombre de clés peut-être activées, à vérifier")]


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndReport:
    """``removals`` rights to remove, ``questions`` keys perhaps enabled; ``without_mailbox`` had no mail (R15).

    ``departements`` is empty in a report of before they were counted.
    """

    year: Annotated[Year, Doc("l'année scolaire terminée")]
    revoked: Annotated[int, Doc("nombre de demandes révoquées")]
    establishments: Annotated[int, Doc("nombre d'établissements")]
    removals: Annotated[int, Doc("nombre de droits à retirer")]
    questions: Annotated[int, Doc("nombre de clés peut-être activées, à vérifier")]
    without_mailbox: Annotated[tuple[Place, ...], Doc("établissements sans boîte, donc pas prévenus")] = ()
    departements: Annotated[tuple[DepartementCount, ...], Doc("les mêmes nombres, par département ; parfois vide")] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BrakeAlert:
    """``why`` is a French clause without a full stop; ``requests`` are still live because of the brake (R52)."""

    year: Annotated[Year, Doc("l'année scolaire retenue")]
    requests: Annotated[int, Doc("nombre de demandes encore en cours")]
    why: Annotated[str, Doc("pourquoi elle est retenue, sans point final")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockAlert:
    """A machine that stopped acting (R82): its name, ``gap`` between its clock and the database's, ``since`` when.

    ``gap`` and ``since`` are in words; ``ahead``: its clock is fast, else slow. ``why``: the clock that judges is not
    believed (R52), ``gap`` being from the last sign of life; empty when it is another than the database's.
    """

    machine: Annotated[str, Doc("le nom de la machine dont l'horloge est à corriger")]
    gap: Annotated[str, Doc("de combien son horloge s'écarte de celle de la base")]
    ahead: Annotated[bool, Doc("son horloge avance-t-elle ? Sinon, elle retarde")]
    since: Annotated[str, Doc("depuis quand la machine s'abstient, en toutes lettres")]
    why: Annotated[str, Doc("pourquoi l'horloge elle-même n'est pas crue ; vide si elle s'écarte de la base")] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookFailing:
    """Another system that is told no more (R118): ``gone``, it said so; else messages to it were given up.

    ``since`` is in words, empty when it answers again; ``why`` a French clause without a full stop.
    """

    endpoint: Annotated[str, Doc("le nom de l'autre logiciel dans les réglages")]
    gone: Annotated[bool, Doc("a-t-il répondu qu'il ne veut plus être prévenu ?")]
    why: Annotated[str, Doc("le dernier motif d'échec, sans point final")]
    since: Annotated[str, Doc("depuis quand il est en panne, en toutes lettres ; parfois vide")] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalSealed:
    """The seal of the journal of a day, to be kept out of the service (R109). It holds nothing secret nor personal."""

    number: Annotated[int, Doc("le numéro du sceau")]
    sealed_on: Annotated[date, Doc("le jour du sceau")]
    chains: Annotated[int, Doc("nombre de chaînes du journal qu'il couvre")]
    changed: Annotated[int, Doc("nombre de chaînes qui ont changé depuis le sceau précédent")]
    lines: Annotated[tuple[str, ...], Doc("les lignes du sceau et de sa signature, à donner telles quelles")]
    new_key: Annotated[bool, Doc("annonce-t-il une nouvelle clé de signature ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LostMail:
    """A dead mail among others of the same cause; ``establishment`` as in a list."""

    mail: Annotated[int, Doc("son numéro")]
    title: Annotated[str, Doc("son genre, en clair")]
    establishment: Annotated[str, Doc("l'établissement : nom, commune et UAI")]
    reference: Annotated[str | None, _REFERENCE] = None
    code_lost: Annotated[bool, Doc("portait-il un code que personne ne recevra ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MailUndeliverable:
    """A dead mail, ``mail`` its number, and the ``others`` of the same cause that are told with it (R58).

    ``reply`` holds the server's words; ``cause`` the fault's code, by which they are listed and sent again together;
    ``count`` is of all of them, which may be more than those that are named. An alert of before it has none of these.
    """

    mail: Annotated[int | None, Doc("le numéro du courriel non remis, pour le renvoyer ou l'écarter")]
    title: Annotated[str, Doc("le genre du courriel non remis, en clair")]
    establishment: Annotated[Place, _ESTABLISHMENT]
    reference: Annotated[str | None, _REFERENCE]
    recipient: Annotated[str, Doc("la boîte destinataire ; parfois vide")]
    fault: Annotated[str, Doc("pourquoi il n'est pas remis")]
    reply: Annotated[str, Doc("la réponse du serveur ; parfois vide")] = ""
    code_lost: Annotated[bool, Doc("portait-il un code que personne ne recevra ?")] = False
    cause: Annotated[str, Doc("le nom du motif dans la commande oda et dans l'adresse de la liste")] = ""
    count: Annotated[int, Doc("nombre de tous les courriels que ce motif a arrêtés, celui-ci compris")] = 1
    others: Annotated[tuple[LostMail, ...], Doc("les autres, jusqu'à cent ; le plus souvent aucun")] = ()
    codes_lost: Annotated[int, Doc("parmi tous, nombre de ceux qui portaient un code")] = 0
    same_mailbox: Annotated[bool, Doc("allaient-ils tous à la même boîte ?")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayCheck:
    """A trial of the relay, sent at once: who asked for it, from which ``machine``, and how ``connection`` is made."""

    asked_by: Annotated[str, Doc("l'adresse de qui a demandé l'essai")]
    machine: Annotated[str, Doc("la machine d'où il part")]
    host: Annotated[str, Doc("le serveur SMTP")]
    port: Annotated[int, Doc("son port")]
    connection: Annotated[str, Doc("comment la connexion est chiffrée, ou qu'elle est en clair")]


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxChanged:
    """The mailbox of an establishment has become another: told to those who read the former one, ``before`` (R14)."""

    establishment: Annotated[Place, _ESTABLISHMENT]
    before: Annotated[str, Doc("l'ancienne adresse ; vide s'il n'y en avait pas")]
    after: Annotated[str, Doc("la nouvelle adresse ; vide s'il n'y en a plus")]
    at: Annotated[str, Doc("quand elle a changé, en toutes lettres")]


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxToConfirm(MailboxChanged):
    """The same, told to the operators; a code waits until ``codes_from`` for a second one to confirm (R14)."""

    operator: Annotated[str, Doc("l'opérateur qui l'a changée")]
    why: Annotated[str, Doc("la raison qu'il a donnée")]
    codes_from: Annotated[str, Doc("à partir de quand un code y part sans confirmation ; vide si c'est aussitôt")] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityBound:
    """Somebody signs in for an establishment by an identity provider from now on, its mailbox having opened the way.

    ``others`` have the same mailbox, and were bound by the same link (R103).
    """

    establishment: Annotated[Place, _ESTABLISHMENT]
    name: Annotated[str, Doc("le nom de la personne, tel que le donne le fournisseur d'identité ; parfois vide")]
    provider: Annotated[str, Doc("le fournisseur d'identité, tel que chacun le connaît")]
    at: Annotated[str, Doc("quand, en toutes lettres")]
    until: Annotated[str, Doc("le dernier jour de la liaison, en toutes lettres")]
    others: Annotated[
        tuple[Place, ...], Doc("les autres établissements de la même boîte, liés aussi ; parfois aucun")
    ] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSignIn:
    """A session of an operator or a reader began in a browser that was never seen for them (R107)."""

    address: Annotated[str, Doc("l'adresse de la personne")]
    at: Annotated[str, Doc("quand la connexion a commencé, en toutes lettres")]
    browser: Annotated[str, Doc("le navigateur et le système, en toutes lettres")]
    network: Annotated[str, Doc("l'adresse du réseau ; vide si elle n'est pas connue")]
    door: Annotated[str, Doc("le moyen de connexion")]


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorChanged:
    """The second factor of an operator was added, removed, or replaced for once by a recovery code (R106)."""

    what: Annotated[FactorChange, Doc("ce qui s'est passé")]
    address: Annotated[str, Doc("l'adresse de la personne")]
    at: Annotated[str, Doc("quand, en toutes lettres")]
    by: Annotated[str, Doc("qui l'a fait")]
    codes_left: Annotated[int, Doc("nombre de codes de secours qui restent")] = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Substituted:
    """Somebody may act in another's stead on the portal, or may no longer, before the last day (R114).

    ``ended`` ends the sentence « finie … »; empty when it was just given.
    """

    role: Annotated[Role, Doc("le rôle de la personne suppléée")]
    giver: Annotated[str, Doc("la personne suppléée : son adresse, ou son nom et l'UAI de son établissement")]
    substitute: Annotated[str, Doc("qui supplée, de même")]
    first_day: Annotated[date, Doc("le premier jour")]
    last_day: Annotated[date, Doc("le dernier jour, compris")]
    ended: Annotated[str, Doc("comment elle a pris fin avant son terme ; vide quand elle vient d'être donnée")] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubstitutedChef(Substituted):
    """The same, told to the mailboxes of both establishments."""

    establishment: Annotated[Place, Doc("l'établissement dont la boîte reçoit ce courriel")]


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInRectorat:
    """A link to sign in (R72). ``minutes`` it is valid, until ``until``; both instants are written in French.

    ``asked_at``, ``browser`` and ``network`` tell those who share a mailbox whose it is (R104); an older mail has none.

    The link itself is nowhere here: its slot is filled on the wire.
    """

    minutes: Annotated[int, Doc("combien de minutes le lien est valable")]
    until: Annotated[str, Doc("jusqu'à quand, en toutes lettres")]
    asked_at: Annotated[str, Doc("quand il a été demandé, en toutes lettres ; parfois vide")] = ""
    browser: Annotated[str, Doc("de quel navigateur, comme « Firefox sur Windows » ; parfois vide")] = ""
    network: Annotated[str, Doc("de quel réseau, dont la fin est ôtée ; parfois vide")] = ""
    proves: Annotated[bool, Doc("vrai si la personne, déjà connectée, confirme que c'est elle")] = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInRupn(SignInRectorat):
    """The same, to the RUPN's own address (R113)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn(SignInRectorat):
    """The same for an establishment; ``others`` share its mailbox, and come in by the same link.

    With a ``provider``, the link is to bind the person of this ``identity`` to the establishment (R103).
    """

    establishment: Annotated[Place, Doc("l'établissement pour lequel on se connecte")]
    others: Annotated[
        tuple[Place, ...], Doc("les autres établissements de la même boîte, que le lien ouvre aussi ; parfois aucun")
    ] = ()
    identity: Annotated[str, Doc("la personne à lier, telle que le fournisseur d'identité la nomme ; souvent vide")] = (
        ""
    )
    provider: Annotated[str, Doc("ce fournisseur d'identité ; vide quand personne n'est à lier")] = ""
