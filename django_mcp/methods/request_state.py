"""What a modern client carries from one round of a call to the next: sealed, so that it can neither read nor change it.

Encrypted with keys made from the project's `SECRET_KEY` (`SECRET_KEY_FALLBACKS` still open what they sealed), so every
worker can go on with what another began; bound to the caller, the server and the very call; and good for a short time.
"""

import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from django_mcp.conf import mcp_settings
from django_mcp.primitives.asking import Inputs
from django_mcp.protocol.errors import INVALID_PARAMS, ProtocolError

logger = logging.getLogger("django_mcp")

MAX_LENGTH: Final = 64 * 1024
"""Characters of a sealed state. It travels twice with every round."""

_SALT: Final = b"django_mcp.request_state"


def seal(inputs: Inputs, binding: str) -> str:
    """The state of a call as text for the client. Raises `ValueError` when it is too long to be carried around."""
    payload = {
        "answers": dict(inputs.answers),
        "state": inputs.state,
        "round": inputs.round,
        "asked": inputs.asked,
        "nonce": secrets.token_urlsafe(16),
        "binding": binding,
    }
    sealed = _ring().encrypt(json.dumps(payload).encode()).decode()
    if len(sealed) > MAX_LENGTH:
        raise ValueError(f"The state of a call takes {len(sealed)} characters sealed, and {MAX_LENGTH} are allowed.")
    return sealed


def unseal(sealed: object, binding: str) -> Inputs:
    """The state that a client brought back. Raises `ProtocolError` -32602, the same whatever is wrong with it: the log
    has the reason.
    """
    try:
        if not isinstance(sealed, str) or len(sealed) > MAX_LENGTH:
            raise ValueError("not a text of legal length")
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(sealed)).decode() != sealed:
            # What is appended to Base64 is passed over when it is decoded.
            raise ValueError("not as it was sent")
        payload = json.loads(_ring().decrypt(sealed.encode(), ttl=mcp_settings.REQUEST_STATE_TTL_SECONDS))
        if not hmac.compare_digest(payload["binding"], binding):
            raise ValueError("of another call, caller or server")
    except (InvalidToken, ValueError) as error:
        logger.warning("A requestState was refused: %s", str(error) or "tampered with, or expired")
        raise ProtocolError(INVALID_PARAMS, "Invalid or expired requestState") from None
    return Inputs(
        payload["answers"],
        payload["state"],
        payload["round"],
        asked=tuple(payload["asked"]),
        nonce=payload["nonce"],
    )


def bind(principal: str, server: str, method: str, params: Mapping[str, Any]) -> str:
    """What ties a state to its call: who makes it, of which server, and with which arguments."""
    call = {key: value for key, value in params.items() if key not in ("_meta", "inputResponses", "requestState")}
    text = json.dumps([principal, server, method, call], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ring() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key))) for key in keys])


def _derive(key: str | bytes) -> bytes:
    return hmac.digest(key.encode() if isinstance(key, str) else key, _SALT, "sha256")
