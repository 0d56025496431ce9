"""Mails about who administers a cuenta maestra: to whom it happened, and to its titular."""

from __future__ import annotations

from datetime import datetime

from services.clientes.domain.correos import Boton, Mensaje
from services.clientes.domain.vigencia import en_palabras


def invitacion(cuenta: str, quien: str, rol: str, token: str, hasta: datetime) -> Mensaje:
    """The link proves the mailbox: it admits the perfil that has this correo, or leads to register one."""
    return Mensaje(
        asunto=f"Invitación para administrar «{cuenta}»",
        parrafos=(
            f"{quien} lo invitó a ser usuario de la Cuenta Maestra «{cuenta}», con el rol de {rol}.",
            (
                "Si ya tiene un perfil con este correo, acepte la invitación; si no, regístrese con este mismo correo y"
                " quedará admitido al confirmarlo."
            ),
            f"La invitación sirve hasta el {en_palabras(hasta)}. Si no la esperaba, ignore este correo.",
        ),
        boton=Boton(texto="Aceptar la invitación", ruta=f"/usuarios/invitacion?token={token}"),
    )


def admitido(cuenta: str, rol: str) -> Mensaje:
    return Mensaje(
        asunto=f"Ahora es usuario de «{cuenta}»",
        parrafos=(
            f"Su perfil ya puede administrar la Cuenta Maestra «{cuenta}», con el rol de {rol}.",
            "Si no reconoce esta cuenta, inicie sesión y comuníquese con su titular para que lo retire.",
        ),
        boton=Boton(texto="Entrar", ruta="/"),
        sin_secretos=True,
    )


def nuevo_usuario(cuenta: str, nombre: str, correo: str, rol: str) -> Mensaje:
    """To the titular, when it was not the titular's doing."""
    return Mensaje(
        asunto=f"«{cuenta}» tiene un usuario nuevo",
        parrafos=(
            f"{nombre} ({correo}) ya puede administrar «{cuenta}», con el rol de {rol}.",
            "Si no lo esperaba, elimínelo en Herramientas, Usuarios.",
        ),
        boton=Boton(texto="Ver los usuarios", ruta="/usuarios"),
        sin_secretos=True,
    )


def rol_cambiado(cuenta: str, antes: str, rol: str) -> Mensaje:
    return Mensaje(
        asunto=f"Su rol en «{cuenta}» cambió",
        parrafos=(f"En la Cuenta Maestra «{cuenta}» su rol era {antes} y ahora es {rol}.",),
        sin_secretos=True,
    )


def retirado(cuenta: str) -> Mensaje:
    return Mensaje(
        asunto=f"Ya no es usuario de «{cuenta}»",
        parrafos=(
            f"Su perfil ya no administra la Cuenta Maestra «{cuenta}».",
            "Su perfil sigue siendo suyo. Si no esperaba este cambio, comuníquese con el titular de la cuenta.",
        ),
        sin_secretos=True,
    )


def usuario_retirado(cuenta: str, nombre: str) -> Mensaje:
    """To the titular, when it was not the titular's doing."""
    return Mensaje(
        asunto=f"«{cuenta}» tiene un usuario menos",
        parrafos=(f"{nombre} ya no administra «{cuenta}».",),
        boton=Boton(texto="Ver los usuarios", ruta="/usuarios"),
        sin_secretos=True,
    )


def rol_de_usuario_cambiado(cuenta: str, nombre: str, antes: str, rol: str) -> Mensaje:
    """To the titular, when it was not the titular's doing."""
    return Mensaje(
        asunto=f"Cambió el rol de un usuario de «{cuenta}»",
        parrafos=(f"{nombre} era {antes} en «{cuenta}» y ahora es {rol}.",),
        boton=Boton(texto="Ver los usuarios", ruta="/usuarios"),
        sin_secretos=True,
    )


def titular_nuevo(cuenta: str, anterior: str) -> Mensaje:
    return Mensaje(
        asunto=f"Ahora es el titular de «{cuenta}»",
        parrafos=(
            f"{anterior} le cedió la titularidad de la Cuenta Maestra «{cuenta}».",
            "Los avisos de la cuenta le llegarán a usted. Sólo usted puede ceder la titularidad a otro usuario.",
        ),
        boton=Boton(texto="Entrar", ruta="/"),
        sin_secretos=True,
    )


def titularidad_cedida(cuenta: str, nuevo: str) -> Mensaje:
    return Mensaje(
        asunto=f"Cedió la titularidad de «{cuenta}»",
        parrafos=(
            f"{nuevo} es ahora el titular de la Cuenta Maestra «{cuenta}»; usted queda como administrador.",
            "Si no lo hizo usted, cambie su contraseña de inmediato y comuníquese con su distribuidor.",
        ),
        sin_secretos=True,
    )
