"""Which variables hold secrets that are to be made, which come from elsewhere, and what shape one has."""

from __future__ import annotations

import re
from typing import Any, Final

from tomo.spec.check import looks_secret

_WORDS: Final = frozenset(
    {"true", "false", "yes", "no", "on", "off", "none", "null", "disabled", "enabled", "optional", "required"}
)
_ABOUT: Final = re.compile(
    r"_(?:EXPIR\w*|TTL|SECONDS|MINUTES|HOURS|DAYS|LIFETIME|LIFESPAN|TIMEOUT|SCOPES?|ENABLED?|DISABLED?|REQUIRED|IN|"
    r"HEADER|ALGORITHM|ISSUER|AUDIENCE|RESET|POLICY|LENGTH|ROUNDS|TYPE|SIZE|LIMIT|COUNT|MAX|MIN|PREFIX|ID|LOGIN|ENDPOINT)$"
)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?\s?(?:ms|s|m|h|d)?")
_ENDS_SECRET: Final = re.compile(r"(?:PASSWORD|PASSWD|PASS|SECRET|TOKEN|KEY)\d?$")
_OUTSIDE: Final = re.compile(
    r"SMTP|MAIL|OPENAI|ANTHROPIC|GEMINI|GOOGLE|GITHUB|GITLAB|AWS|S3|AZURE|OAUTH|OIDC|CLIENT_SECRET|STRIPE|"
    r"TWILIO|SLACK|DISCORD|TELEGRAM|SENTRY|CLOUDFLARE|TUNNEL|LDAP|LICENSE|CAPTCHA|FACEBOOK|TWITTER|API_?KEY|"
    r"WEBHOOK|BOT_TOKEN|ACCESS_TOKEN|AUTHKEY|PROXY|VPN|WIREGUARD|PLEX|CLAIM"
)


def holds_secret(variable: str, known: str | None = None) -> bool:
    """Whether a variable holds a secret, by its name and by the value that its source gives it.

    `TOKEN_TTL`, `RANDOM_ROOT_PASSWORD: yes` and paths of files that hold secrets are none.
    """
    upper = variable.upper()
    if not looks_secret(upper) or _ABOUT.search(upper):
        return False
    if known is None or known == "":
        return True
    plain = known.strip()
    if plain.lower() in _WORDS or plain.startswith(("/", "http://", "https://")):
        return False
    return not _NUMBER.fullmatch(plain) or (plain not in ("0", "1") and bool(_ENDS_SECRET.search(upper)))


def from_outside(*variables: str) -> bool:
    """Whether a secret is one that another service gives out, such as a mail server or a sign-in."""
    return bool(_OUTSIDE.search(" ".join(variables).upper()))


def shape_of(known: str) -> dict[str, Any]:
    """How a secret is made that is to look like a known one."""
    if re.fullmatch(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", known):
        return {"kind": "uuid"}
    if re.fullmatch(r"(?:[0-9a-f]{2}){16,}", known):
        return {"kind": "hex", "length": len(known) // 2}
    if re.fullmatch(r"[A-Za-z0-9+/]{42,}={1,2}", known):
        return {"kind": "base64", "length": len(known) * 3 // 4 - known.count("=")}
    return {"length": len(known)} if len(known) > 32 else {}  # noqa: PLR2004  # what is made by default
