"""Named crash points: places where a chaos test kills the process, as kill -9 would.

In production `CRASH_DIR` is unset and a point is one attribute look-up. In a chaos test, a file named
after the point in that folder arms it for one death: the file is removed first, so that the restarted
process lives. A file's content, if any, is how many passes to let go by before dying.
"""

from __future__ import annotations

import os
import signal

from shared.config import settings

_DIR = settings().crash_dir

#: Every point that the code names, so that the chaos suite can prove that it visits them all.
POINTS = (
    "timbrado.antes_de_retener",
    "timbrado.despues_de_retener",
    "timbrado.despues_del_pac",
    "timbrado.antes_de_captura",
    "timbrado.despues_de_captura",
    "relevo.antes_de_cambiar",
    "relevo.despues_de_cambiar",
    "conciliador.despues_del_pac",
    "masiva.despues_de_recibir",
    "masiva.antes_de_iniciar",
    "masiva.despues_de_resolver",
    "masiva.despues_de_mover",
    "masiva.antes_de_confirmar",
    "masiva.despues_de_confirmar",
    "cancelacion.despues_de_guardar",
    "cancelacion.despues_del_pac",
    "cancelacion.despues_de_asentar",
    "cancelacion.conciliador_despues_del_pac",
    "guarda.antes_de_confirmar",
    "outbox.antes_de_confirmar",
    "relay.antes_de_publicar",
    "relay.despues_de_publicar",
    "inbox.antes_de_confirmar",
    "inbox.despues_de_confirmar",
    "rpc.antes_de_responder",
    "ilimitada.al_solicitar",
    "ilimitada.al_activar",
    "ilimitada.al_cancelar",
    "ilimitada.al_devolver",
    "ilimitada.al_vigilar",
    "venta_automatica.despues_de_tomar",
    "venta_automatica.antes_de_confirmar",
    "venta_automatica.despues_de_confirmar",
    "renovacion.al_solicitar",
    "renovacion.al_aplicar",
    "renovacion.al_devolver",
    "renovacion.al_vigilar",
    "renovacion.al_extender",
    "importacion.despues_de_recibir",
    "importacion.despues_de_escribir",
    "importacion.antes_de_confirmar",
    "importacion.despues_de_confirmar",
    "cargo.al_cobrar",
    "cargo.al_devolver",
    "correos.despues_de_enviar",
    "auditoria.antes_de_sellar",
)


def crash_point(name: str) -> None:
    """Die here with SIGKILL if a chaos test armed `name`; otherwise do nothing."""
    if _DIR is None:
        return
    trigger = _DIR / name
    try:
        remaining = int(trigger.read_text() or "0")
        if remaining > 0:
            trigger.write_text(str(remaining - 1))
            return
        trigger.unlink()
    except (FileNotFoundError, ValueError):
        return
    os.kill(os.getpid(), signal.SIGKILL)
