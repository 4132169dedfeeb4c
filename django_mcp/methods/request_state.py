"""Request state: a modern client carries it from one round of a call to the next, and can neither read nor change it.

It is encrypted with keys derived from `SECRET_KEY` (`SECRET_KEY_FALLBACKS` still decrypt), so every worker can continue
the call. It is bound to the caller, the server and the arguments, and expires after `MCP_REQUEST_STATE_TTL_SECONDS`.
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
"""The longest sealed state, in characters. It travels twice in every round."""

_SALT: Final = b"django_mcp.request_state"


def seal(inputs: Inputs, binding: str) -> str:
    """The encrypted state of a call. Raises `ValueError` when it is longer than `MAX_LENGTH`."""
    payload = {
        "answers": dict(inputs.answers),
        "state": inputs.state,
        "round": inputs.round,
        "asked": inputs.asked,
        "nonce": secrets.token_urlsafe(16),
        "call": inputs.call,
        "binding": binding,
    }
    sealed = _ring().encrypt(json.dumps(payload).encode()).decode()
    if len(sealed) > MAX_LENGTH:
        raise ValueError(f"The state of a call takes {len(sealed)} characters sealed, and {MAX_LENGTH} are allowed.")
    return sealed


def unseal(sealed: object, binding: str) -> Inputs:
    """The decrypted state that a client sent. Raises the same `ProtocolError` -32602 for every fault; the log has the
    reason.
    """
    try:
        if not isinstance(sealed, str) or len(sealed) > MAX_LENGTH:
            raise ValueError("not a text of legal length")
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(sealed)).decode() != sealed:
            # Base64 decoding ignores appended characters, so compare.
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
        call=payload.get("call", ""),
    )


def bind(principal: str, server: str, method: str, params: Mapping[str, Any]) -> str:
    """A digest that binds a state to its call: the principal, the server, the method and the arguments."""
    call = {key: value for key, value in params.items() if key not in ("_meta", "inputResponses", "requestState")}
    text = json.dumps([principal, server, method, call], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ring() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key))) for key in keys])


def _derive(key: str | bytes) -> bytes:
    return hmac.digest(key.encode() if isinstance(key, str) else key, _SALT, "sha256")
