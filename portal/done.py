"""What an accepted action did, in a few French words: the same on a page, in a terminal, in an answer to a program."""

from typing import Final

from states.vocabulary import Trigger

DONE: Final = {
    Trigger.DECLARE: "le RUPN est déclaré",
    Trigger.DELEGATE: "la délégation est attestée",
    Trigger.SIGN_CHARTER: "la charte signée est enregistrée",
    Trigger.SUBMIT: "la demande est envoyée au rectorat",
    Trigger.CHECK_LISTING: "la vérification de la liste est enregistrée",
    Trigger.CHECK_DELEGATION: "la vérification de la délégation est enregistrée",
    Trigger.SEND_BACK: "la demande est renvoyée à l'établissement",
    Trigger.ISSUE_CODE: "l'émission est enregistrée, le courriel va partir",
    Trigger.REISSUE_CODE: "le nouveau code est enregistré, le courriel va partir",
    Trigger.CONFIRM_HANDOVER: "la remise est confirmée",
    Trigger.CONFIRM_EXPIRY: "la date d'expiration est cochée",
    Trigger.REPORT_CHANGE: "le signalement est enregistré",
    Trigger.SETTLE_CHANGE: "le signalement est réglé",
    Trigger.AMEND: "la correction est enregistrée",
    Trigger.WITHDRAW: "la demande est abandonnée",
    Trigger.REVOKE: "la demande est révoquée",
    Trigger.CONFIRM_REMOVAL: "le retrait est confirmé",
    Trigger.RENEW: "la demande est renouvelée",
}
