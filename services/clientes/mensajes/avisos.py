"""What a CM has to know, by mail. The list is in the portal; no mail carries it whole."""

from __future__ import annotations

from services.clientes.domain.correos import Boton, Mensaje

#: Type of notice → what the subject says of it.
TITULOS = {
    "cancelacion_cancelada": "un comprobante se canceló",
    "cancelacion_rechazada": "se rechazó una cancelación",
    "conciliacion_pac": "hay diferencias con un PAC",
    "cti_congelada": "se congeló una cuenta de timbrado",
    "ilimitada_no_contratada": "no se contrató una CTI ilimitada",
    "ilimitada_por_vencer": "una CTI ilimitada está por vencer",
    "ilimitada_vencida": "una CTI ilimitada venció",
    "venta_automatica_cuenta": "la venta automática está detenida",
    "venta_automatica_sin_existencia": "faltan timbres para la venta automática",
    "venta_automatica_tope": "la venta automática llegó a su tope del mes",
}
_OTRO = "tiene un aviso"
_BOTON = Boton(texto="Ver los avisos", ruta="/avisos")
_DEJAR = "Si no quiere recibir avisos por correo, desactívelos en Avisos, Preferencias."


def aviso(cuenta: str, tipo: str, mensaje: str) -> Mensaje:
    """One notice, as soon as it is made."""
    return Mensaje(
        asunto=f"{_de(cuenta)}: {TITULOS.get(tipo, _OTRO)}",
        parrafos=(mensaje, _DEJAR),
        boton=_BOTON,
        sin_secretos=True,
    )


def resumen(cuenta: str, tipo: str, cuantos: int, ultimo: str) -> Mensaje:
    """What was counted since the last mail of this type."""
    if cuantos == 1:
        return aviso(cuenta, tipo, ultimo)
    return Mensaje(
        asunto=f"{_de(cuenta)}: {TITULOS.get(tipo, _OTRO)} ({cuantos:,} avisos)",
        parrafos=(
            f"Desde el correo anterior hubo {cuantos:,} avisos de este tipo. El más reciente dice:",
            ultimo,
            "Véalos todos en Avisos. Mientras sigan llegando le escribiremos una vez por hora.",
            _DEJAR,
        ),
        boton=_BOTON,
        sin_secretos=True,
    )


def _de(cuenta: str) -> str:
    """A name for a subject: one line, and short."""
    return "".join(x if x.isprintable() else " " for x in cuenta)[:80]
