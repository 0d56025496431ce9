"""Stamping protocols of others, on our engine: existing programs switch to us by changing a URL and a password."""

from __future__ import annotations

from services.gateway.batcher import Batcher
from services.gateway.dialects import finkok, induxsoft, sw
from services.gateway.dialects.protocolo import Dialecto
from services.gateway.dialects.sw_token import Tokens
from shared.config import settings
from shared.messaging.rpc_client import RpcClient


def rutas(batcher: Batcher, cliente: RpcClient) -> dict[tuple[str, str], Dialecto]:
    """`(method, path)` → application, for the front; a path that ends in `*` is a beginning.

    RuntimeError if the key of SW's tokens lacks.
    """
    archivo = settings().dialectos_key_file
    if archivo is None:
        raise RuntimeError("DIALECTOS_KEY_FILE must be set")
    return {
        **induxsoft.rutas(batcher, cliente),
        **finkok.rutas(batcher, cliente),
        **sw.rutas(batcher, cliente, Tokens.de_archivo(archivo)),
    }
