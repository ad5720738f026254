"""What a portal's page says after the post: yes, no, or nothing that can be relied on. English and French."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    YES = "yes"
    NO = "no"
    WAIT = "wait"  # still going on, or nothing said
    DOUBT = "doubt"


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    text: str = ""
    reference: str | None = None


_DONE = (
    r"(?:accept|upload|process|read|sav|receiv|complet|support|allow|sen[dt]|submit|valid|"
    r"recogni|pars|open|stor|permit|found)"
)
_YES = re.compile(
    r"\bthank you\b|\bthanks\b|\breceived\b|\bsuccess(?:ful|fully)?\b|\buploaded\b|\bsubmitted\b"
    r"|\b(?:has|have) been (?:sent|submitted|accepted)\b|\b(?:was|were) (?:sent|submitted|accepted)\b"
    r"|\bsubmission (?:is )?(?:complete|accepted|received)\b|\bupload(?: is)? completed?\b"
    r"|\bwe(?:['’]ve| have) got (?:your|it)\b"
    r"|\bmerci\b|\breçue?s?\b|\bsuccès\b|\btéléversée?s?\b|\btéléversement (?:est )?(?:terminé|réussi)\b|\bbien été\b"
    r"|\b(?:a|ont) été (?:envoyé|transmis|déposé|chargé|accepté|soumis)|\btransmise?s? avec\b"
    r"|\b(?:dépôt|envoi) (?:est )?(?:effectué|terminé|réussi)\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\berrors?\b|\bfail(?:ed|ure|s)?\b|\bunable\b|\binvalid\b|\breject(?:ed|s)?\b|\brefused?\b|\bdenied\b"
    rf"|(?:n['’]t|\bnot|\bcannot)(?: yet)?(?: been| be)? {_DONE}"
    r"|\bunsupported\b|\btoo (?:large|big|many)\b|\bexceed(?:s|ed)\b|\btry again\b|\bwent wrong\b|\b(?:a|the) problem\b"
    r"|\bplease (?:select|choose|fill|enter|add|provide|correct|check)\b|\b(?:is|are) required\b|\bmissing\b"
    r"|\bduplicate\b|\balready (?:been )?(?:uploaded|received|exists)\b|\bexpired\b|\bsorry\b|\bunexpected\b"
    r"|\b(?:no|0) files?\b|\bcorrupt|\bforbidden\b|\bunauthori[sz]ed\b|\bvirus\b"
    r"|\berreurs?\b|\béchec\b|\béchoué|\bimpossible\b|\binvalide\b|\bn['’](?:a|ont|est|y) p(?:as|u)\b|\bne peut\b"
    r"|\brefusée?s?\b|\brejetée?s?\b|\bnon (?:pris|valide|autorisé|accepté|reçu)|\btrop (?:grand|gros|volumineux|lourd)"
    r"|\bréessayer\b|\bveuillez (?:sélectionner|choisir|remplir|saisir|entrer|ajouter|réessayer|corriger|vérifier)"
    r"|\bobligatoire|\bmanquant|\bdéjà (?:été )?(?:reçu|téléversé|envoyé)|\bdésolé|\binattendue?\b|\baucun fichier\b"
    r"|\bpas (?:été )?(?:reçu|accepté|envoyé|téléversé)",
    re.IGNORECASE,
)
# Said of nothing having gone wrong.
_NO_TROUBLE = re.compile(
    r"\b(?:no|0|without(?: any)?|zero|aucune?|sans) (?:errors?|problems?|erreurs?|problèmes?)\b"
    r"|\b(?:errors?|erreurs?) ?: ?0\b"
    r"|\bn(?:o|othing) (?:further |other |else )?(?:action )?(?:is |are )?(?:required|needed)\b"
    r"|\baucune (?:autre )?action (?:n['’]est )?(?:requise|nécessaire)\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(r"^\W*(?:if|should|in case|when|si|en cas|pour tout)\b", re.IGNORECASE)
_PENDING = re.compile(
    r"\buploading\b|\bprocessing\b|\bin progress\b|\bplease wait\b|\bsending\b|\bvalidating\b|\bscanning\b|\bbeing\b"
    r"|\bqueued\b|\bpending\b|\ben cours\b|\bpatientez\b|\ben attente\b|\btraitement\b|\benvoi\.\.\.|\b\d{1,2} ?%",
    re.IGNORECASE,
)
# What is promised or supposed has not happened.
_NOT_YET = re.compile(
    r"\bonce\b|\bwhen\b|\bafter\b|\bif\b|\bwill be\b|\buntil\b|\bbefore\b|\bhow to\b|\bnever\b"
    r"|\b(?:can|must|should|to) be\b"
    r"|\bune fois\b|\blorsqu|\bdès qu|\bsera\b|\bseront\b|\bsi\b|\bavant\b|\bdoi(?:t|vent)\b|\bpeu(?:t|vent) être\b",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"^\W*(?:uploaded|téléversée?s?|completed?|success|succès|100 ?%)(?:\W|\d|[kmg]b|[kmg]o|bytes|octets)*$",
    re.IGNORECASE,
)
_FILE = re.compile(r"\.(?:csv|txt|tsv|zip|xlsx?)\b", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\b(?:reference|référence|ref|réf|confirmation|ticket|tracking|receipt|submission|upload|transaction|dossier|reçu|suivi)"
    r"(?:[ \t]*(?:number|numéro|num|no|nº|n°|id|code|de|du|of|suivi|confirmation|dossier))*\.?"
    r"[ \t]*(?:is|est|was)?[ \t]*[:#№]*[\s#]*"
    r"((?=[A-Za-z-]*\d)[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)",
    re.IGNORECASE,
)


def sentences(lines: Iterable[str]) -> list[str]:
    """Lines cut into sentences; a full stop inside a file name or a number ends none."""
    cut: list[str] = []
    for line in lines:
        cut += [part.strip() for part in re.split(r"(?<=[.!?])\s+(?=[A-ZÀ-Ý])|(?<=[!?])\s+", line) if part.strip()]
    return cut


def judge(new_lines: Sequence[str], file_name: str, confirmation: str | None = None) -> Judgement:
    """What the lines that the page did not show before the post say about the file.

    A yes must be positive, finished, free of any word of failure, and name no other file than ours.
    """
    said = [(text, without_files(text, file_name)) for text in sentences(new_lines)]
    bad = [text for text, bare in said if _NO.search(_NO_TROUBLE.sub("", bare)) and not _SUPPOSED.search(bare)]
    good = [text for text, bare in said if text not in bad and _is_yes(bare, confirmation)]
    if bad:
        return Judgement(Verdict.DOUBT if good else Verdict.NO, _short([*good, *bad]))
    pending = [text for text, bare in said if _PENDING.search(bare)]
    if not good or pending:
        return Judgement(Verdict.WAIT, _short(pending))
    named = [text for text in new_lines if _FILE.search(text)]
    if named and not any(names(text, file_name) for text in named):
        return Judgement(Verdict.DOUBT, _short([*good, *named]))
    if any(_FILE.search(text) and not names(text, file_name) for text in good):
        return Judgement(Verdict.DOUBT, _short(good))
    return Judgement(Verdict.YES, _short(good), reference_in(new_lines, file_name))


def is_final(text: str, file_name: str) -> bool:
    """Whether a yes speaks of the whole submission, not only of a file that has been put into a list."""
    return not _WEAK.search(without_files(text, file_name))


def reference_in(lines: Iterable[str], file_name: str) -> str | None:
    match = _REFERENCE.search(without_files("\n".join(lines), file_name))
    return match[1] if match and len(match[1]) >= 3 else None


def names(text: str, file_name: str) -> bool:
    """Whether a text that names a file names this one; portals change dashes and spaces, put a date before, shorten."""
    ours = _letters(file_name.rpartition(".")[0])
    for match in _FILE.finditer(text):
        before = text[: match.start()]
        if _letters(before).endswith(ours):
            return True
        shortened = re.split(r"…|\.\.\.", before)
        if len(shortened) > 1:
            start, end = _letters(shortened[-2])[-6:], _letters(shortened[-1])
            if len(start) >= 4 and start in ours and ours.endswith(end):
                return True
    return False


def without_files(text: str, file_name: str) -> str:
    """The text without file names, in which any word may stand."""
    text = text.replace(file_name, " ")
    return re.sub(r"[^\s“”\"«»]*\.(?:csv|txt|tsv|zip|xlsx?)\b", " ", text, flags=re.IGNORECASE)


def _is_yes(bare: str, confirmation: str | None) -> bool:
    if confirmation and confirmation.casefold() in bare.casefold():
        return True
    return bool(_YES.search(bare)) and not _NOT_YET.search(bare) and not _PENDING.search(bare)


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def _short(texts: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(" ".join(text.split()) for text in texts))[:300]
