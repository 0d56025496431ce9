"""What a distributor reads by mail of its own life."""

from __future__ import annotations

from datetime import date, datetime

from services.clientes.domain.correos import Boton, Mensaje
from services.clientes.domain.cuentas import Estado
from services.clientes.domain.vigencia import en_palabras


def confirmar_alta(cuenta: str, padre: str, token: str, hasta: datetime) -> Mensaje:
    """To whoever was given as the new distributor; the link leads to the form, or to accept with an own perfil."""
    return Mensaje(
        asunto=f"Confirme su cuenta de distribuidor «{cuenta}»",
        parrafos=(
            f"{padre} dio de alta la Cuenta Maestra «{cuenta}» con este correo.",
            "Si aún no tiene un perfil, lo creará al confirmar; si ya lo tiene, solo acepte.",
            (
                f"El enlace sirve hasta el {en_palabras(hasta)}. Si usted no lo esperaba, ignore este correo: no se creará"
                " ningún perfil."
            ),
        ),
        boton=Boton(texto="Confirmar mi cuenta", ruta=f"/distribuidores/confirmar?token={token}"),
    )


def alta_con_otro_correo(cuenta: str, padre: str) -> Mensaje:
    """To whom an alta was sent before its correo was corrected; it does not say which one is right."""
    return Mensaje(
        asunto=f"El enlace para confirmar «{cuenta}» ya no sirve",
        sin_secretos=True,
        parrafos=(
            (
                f"{padre} corrigió los datos del titular de la Cuenta Maestra «{cuenta}», y el enlace que se envió a este"
                " correo ya no sirve."
            ),
            f"Si usted la esperaba, comuníquese con {padre}; si no, no tiene que hacer nada.",
        ),
    )


def por_activar(cuenta: str, titular: str, cuenta_id: str) -> Mensaje:
    """To the parent: someone waits."""
    return Mensaje(
        asunto=f"«{cuenta}» está lista para activarse",
        sin_secretos=True,
        parrafos=(
            f"{titular} confirmó su perfil y la Cuenta Maestra «{cuenta}» quedó sin activar.",
            "Actívela en Clientes, Distribuidores, pestaña Sin activar, para que pueda usarla.",
        ),
        boton=Boton(texto="Ver el distribuidor", ruta=f"/distribuidores/{cuenta_id}"),
    )


def activada(cuenta: str, vence_en: datetime) -> Mensaje:
    return Mensaje(
        asunto=f"Su Cuenta Maestra «{cuenta}» está activa",
        sin_secretos=True,
        parrafos=(
            f"Su distribuidor activó «{cuenta}»: ya puede usarla con normalidad.",
            f"Vence el {en_palabras(vence_en)}; le avisaremos antes para que la renueve.",
        ),
        boton=Boton(texto="Entrar", ruta="/"),
    )


def suspendida(cuenta: str, motivo: str) -> Mensaje:
    return Mensaje(
        asunto=f"Su Cuenta Maestra «{cuenta}» fue suspendida",
        sin_secretos=True,
        parrafos=(
            f"Su distribuidor suspendió «{cuenta}». Motivo: {motivo}",
            (
                "Puede entrar a consultar y a renovar; sus clientes siguen timbrando con lo que tienen. Para reactivarla,"
                " comuníquese con su distribuidor."
            ),
        ),
    )


def reactivada(cuenta: str) -> Mensaje:
    return Mensaje(
        asunto=f"Su Cuenta Maestra «{cuenta}» está activa de nuevo",
        sin_secretos=True,
        parrafos=(f"Su distribuidor reactivó «{cuenta}»: ya puede usarla con normalidad.",),
        boton=Boton(texto="Entrar", ruta="/"),
    )


def cancelada(cuenta: str, motivo: str, se_elimina: date) -> Mensaje:
    return Mensaje(
        asunto=f"La Cuenta Maestra «{cuenta}» fue cancelada",
        sin_secretos=True,
        parrafos=(
            f"«{cuenta}» fue cancelada. Motivo: {motivo}",
            (
                f"Se eliminará definitivamente el {se_elimina:%d/%m/%Y}, con los datos personales de sus usuarios en ella."
                " Hasta entonces puede entrar a consultar."
            ),
        ),
    )


def con_otro_distribuidor(cuenta: str, anterior: str, nuevo: str) -> Mensaje:
    """To a CM whose parent was cancelled."""
    return Mensaje(
        asunto=f"El distribuidor de «{cuenta}» es ahora {nuevo}",
        sin_secretos=True,
        parrafos=(
            f"{anterior} dejó de ser el distribuidor del que depende la Cuenta Maestra «{cuenta}». Desde hoy es {nuevo}.",
            "Su cuenta, sus clientes, sus saldos y sus contratos siguen como estaban; no tiene que hacer nada.",
        ),
    )


def por_vencer(cuenta: str, vence_en: datetime, dias: int) -> Mensaje:
    cuando = "hoy" if dias == 0 else "mañana" if dias == 1 else f"en {dias} días"
    return Mensaje(
        asunto=f"Su Cuenta Maestra «{cuenta}» vence {cuando}",
        sin_secretos=True,
        parrafos=(
            f"«{cuenta}» vence {cuando}, el {en_palabras(vence_en)}, con los contratos que tiene.",
            "Renuévela para seguir vendiendo; si vence, solo podrá consultar y renovar.",
        ),
        boton=Boton(texto="Renovar", ruta="/cuenta/renovacion"),
    )


def vencida(cuenta: str, vence_en: datetime) -> Mensaje:
    return Mensaje(
        asunto=f"Su Cuenta Maestra «{cuenta}» venció",
        sin_secretos=True,
        parrafos=(
            (
                f"«{cuenta}» venció el {en_palabras(vence_en)}. Puede entrar a consultar y a renovar; sus clientes siguen"
                " timbrando con lo que tienen."
            ),
        ),
        boton=Boton(texto="Renovar", ruta="/cuenta/renovacion"),
    )


def renovada(cuenta: str, vence_en: datetime, antes: str, ahora: str) -> Mensaje:
    """`antes`, `ahora`: its states before and after."""
    parrafos: tuple[str, ...] = (
        f"«{cuenta}» se renovó con sus contratos y ahora vence el {en_palabras(vence_en)}.",
    )
    if antes == Estado.SUSPENDIDO and ahora == Estado.ACTIVO:
        parrafos += ("Está activa de nuevo: ya puede usarla con normalidad.",)
    if ahora == Estado.SUSPENDIDO:
        parrafos += ("Sigue suspendida: comuníquese con su distribuidor para reactivarla.",)
    return Mensaje(asunto=f"Su Cuenta Maestra «{cuenta}» se renovó", sin_secretos=True, parrafos=parrafos)


def no_renovada(cuenta: str, motivo: str) -> Mensaje:
    return Mensaje(
        asunto=f"No se renovó la Cuenta Maestra «{cuenta}»",
        sin_secretos=True,
        parrafos=(f"«{cuenta}» no se renovó: {motivo}",),
        boton=Boton(texto="Renovar", ruta="/cuenta/renovacion"),
    )
