"""``oda request``: every trigger of a request as a command, the worklist, one request whole."""

from portal.cli.click_french import CommandGroup

_E, _R, _C = "portal.cli.request.chef", "portal.cli.request.operator", "portal.cli.request.operator"


request = CommandGroup(
    "request",
    lazy={
        "list": ("portal.cli.request.show", "list_", "La liste des demandes, celles à traiter d'abord."),
        "show": ("portal.cli.request.show", "show", "Une demande, son histoire, ce qu'on peut en faire."),
        "declare": ("portal.cli.request.chef", "declare", "Déclare un RUPN (R25)."),
        "delegate": (_E, "delegate", "Atteste la délégation faite dans DelegCE (R26)."),
        "sign-charter": (_E, "sign_charter", "Enregistre la charte signée (R27)."),
        "submit": (_E, "submit", "Envoie la demande au rectorat (R28)."),
        "amend": (_E, "amend", "Corrige une demande pas encore envoyée (R29)."),
        "withdraw": (_E, "withdraw", "Abandonne une demande (R30)."),
        "confirm-handover": (_E, "confirm_handover", "Confirme la remise du code en main propre (R31)."),
        "renew": ("portal.cli.request.chef", "renew", "Renouvelle une demande (R33)."),
        "check-listing": (_R, "check_listing", "Enregistre la vérification de la liste des RUPN (R34)."),
        "check-delegation": (_R, "check_delegation", "Enregistre la vérification de la délégation (R34)."),
        "send-back": (_R, "send_back", "Renvoie la demande à l'établissement (R38)."),
        "issue-code": ("portal.cli.request.operator", "issue_code", "Émet le code, ou étend la clé (R39 à R43)."),
        "reissue-code": ("portal.cli.request.operator", "reissue_code", "Réémet un code (R44)."),
        "confirm-expiry": (_R, "confirm_expiry", "Coche la date d'expiration portée sur le serveur ODA (R43)."),
        "report-change": (_C, "report_change", "Signale un changement (R32)."),
        "settle-change": (_C, "settle_change", "Règle un signalement (R46)."),
        "revoke": (_C, "revoke", "Révoque des demandes (R45)."),
        "confirm-removal": (_C, "confirm_removal", "Confirme le retrait des droits (R49)."),
    },
    help="Les demandes : les suivre et agir.",
    epilog="L'aide d'une action : oda request ACTION --help",
)
