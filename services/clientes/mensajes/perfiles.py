"""Mails about a perfil: confirming it, recovering its password, and notices of what changed."""

from __future__ import annotations

from services.clientes.domain import Boton, Mensaje

_NO_FUE = (
    "Si no fue usted, cambie su contraseña ahora con el enlace «Recuperar contraseña» y avise a soporte."
)


def _sin_enlaces(nombre: str) -> str:
    """A name that a stranger wrote, for a mail to somebody else: short, and nothing in it becomes a link."""
    return " ".join(nombre.replace(".", ". ").replace("/", " ").replace("@", " ").split())[:60]


def confirmar_registro(nombre: str, movil: str, token: str) -> Mensaje:
    """Says what was typed, so that nobody confirms what somebody else wrote."""
    return Mensaje(
        asunto="Confirme su correo para activar su perfil",
        parrafos=(
            (
                f"Alguien registró un perfil de Cuenta Maestra a nombre de «{_sin_enlaces(nombre)}», con el móvil"
                f" que termina en {movil[-4:]} y este correo."
            ),
            (
                "Si fue usted, confírmelo en las próximas 48 horas. Si no reconoce estos datos, no abra el enlace: el"
                " perfil se borrará solo."
            ),
        ),
        boton=Boton(texto="Confirmar mi correo", ruta=f"/confirmar?token={token}"),
    )


def elegir_contrasena(nombre: str, movil: str, token: str) -> Mensaje:
    """To the mailbox of a claim: who opens it chooses the password, whoever registered."""
    return Mensaje(
        asunto="Elija su contraseña para activar su perfil",
        parrafos=(
            (
                "Pidieron otro enlace para el perfil de Cuenta Maestra que se registró con este correo, a nombre de"
                f" «{_sin_enlaces(nombre)}» y con el móvil que termina en {movil[-4:]}."
            ),
            (
                "Con este enlace elige usted la contraseña y confirma su correo; la que se escribió al registrarse deja"
                " de servir. Sirve una vez y durante 48 horas; si pidió otro después, sólo sirve el más reciente."
            ),
            (
                "Si el nombre o el móvil no son los suyos, regístrese de nuevo o corríjalos después en «Mi perfil». Si"
                " no fue usted, ignore este correo."
            ),
        ),
        boton=Boton(texto="Elegir mi contraseña", ruta=f"/recuperar?token={token}"),
    )


def ya_tiene_perfil(nombre: str) -> Mensaje:
    """To the owner of a correo with which somebody tried to register."""
    return Mensaje(
        asunto="Ya tiene un perfil de Cuenta Maestra",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, alguien intentó registrarse con este correo, que ya es de su perfil. No se cambió nada.",
            "Si fue usted, inicie sesión. Si olvidó su contraseña, recupérela desde la misma página.",
            "Si no fue usted, no necesita hacer nada.",
        ),
        boton=Boton(texto="Iniciar sesión o recuperar mi contraseña", ruta="/entrar"),
    )


def correo_en_uso(nombre: str) -> Mensaje:
    """To the owner of a correo that another perfil wants."""
    return Mensaje(
        asunto="Alguien intentó usar su correo en otro perfil",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, alguien pidió que este correo fuera el de otro perfil. No se cambió nada.",
            "Si fue usted, inicie sesión con el perfil que ya tiene. Si no fue usted, no necesita hacer nada.",
        ),
        boton=Boton(texto="Iniciar sesión", ruta="/entrar"),
    )


def movil_en_uso(nombre: str) -> Mensaje:
    """To the owner of a móvil that somebody else gave."""
    return Mensaje(
        asunto="Alguien intentó usar su móvil en otro perfil",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, alguien escribió el móvil de su perfil en otro, con un correo distinto. No se cambió nada.",
            "Si fue usted, inicie sesión con el perfil que ya tiene. Si no fue usted, no necesita hacer nada.",
        ),
        boton=Boton(texto="Iniciar sesión", ruta="/entrar"),
    )


def recuperar_contrasena(nombre: str, token: str) -> Mensaje:
    return Mensaje(
        asunto="Recupere su contraseña",
        parrafos=(
            (
                f"{nombre}, pidieron recuperar la contraseña de su perfil. El enlace sirve una vez y durante una hora;"
                " si pidió otro después, sólo sirve el más reciente."
            ),
            "Si no fue usted, ignore este correo: su contraseña sigue igual.",
        ),
        boton=Boton(texto="Elegir otra contraseña", ruta=f"/recuperar?token={token}"),
    )


def contrasena_cambiada(nombre: str) -> Mensaje:
    return Mensaje(
        asunto="Su contraseña cambió",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, la contraseña de su perfil cambió y las demás sesiones se cerraron.",
            _NO_FUE,
        ),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )


def confirmar_correo_nuevo(nombre: str, token: str) -> Mensaje:
    return Mensaje(
        asunto="Confirme su nuevo correo",
        parrafos=(
            (
                f"{_sin_enlaces(nombre)} pidió que este sea el correo de su perfil de Cuenta Maestra. Confírmelo en las"
                " próximas 48 horas; mientras tanto sigue el anterior."
            ),
            "Si no fue usted, no abra el enlace.",
        ),
        boton=Boton(texto="Confirmar mi nuevo correo", ruta=f"/confirmar?token={token}"),
    )


def correo_por_cambiar(nombre: str) -> Mensaje:
    """To the correo in use: the other is not told here, lest a stolen mailbox learn it."""
    return Mensaje(
        asunto="Pidieron cambiar el correo de su perfil",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, pidieron cambiar el correo de su perfil. Seguirá siendo este hasta que el nuevo se confirme.",
            _NO_FUE,
        ),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )


def correo_cambiado(nombre: str) -> Mensaje:
    """To the correo that was in use."""
    return Mensaje(
        asunto="El correo de su perfil cambió",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, este ya no es el correo de su perfil: se confirmó otro. Para iniciar sesión use el nuevo.",
            "Si no fue usted, avise a soporte cuanto antes.",
        ),
    )


def movil_cambiado(nombre: str, movil: str) -> Mensaje:
    return Mensaje(
        asunto="El móvil de su perfil cambió",
        sin_secretos=True,
        parrafos=(f"{nombre}, el móvil de su perfil ahora termina en {movil[-4:]}.", _NO_FUE),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )


def segundo_factor_puesto(nombre: str) -> Mensaje:
    return Mensaje(
        asunto="Su perfil tiene segundo factor",
        sin_secretos=True,
        parrafos=(
            (
                f"{nombre}, desde ahora iniciar sesión pide también el código de su aplicación de autenticación. Guarde"
                " sus códigos de recuperación fuera del teléfono: son la única forma de entrar si lo pierde."
            ),
            _NO_FUE,
        ),
    )


def segundo_factor_quitado(nombre: str) -> Mensaje:
    return Mensaje(
        asunto="Su perfil ya no tiene segundo factor",
        sin_secretos=True,
        parrafos=(f"{nombre}, iniciar sesión ya no pide un código, sólo la contraseña.", _NO_FUE),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )


def segundo_factor_retirado(nombre: str) -> Mensaje:
    """By the root's staff, because somebody proved to be this person."""
    return Mensaje(
        asunto="Retiramos el segundo factor de su perfil",
        sin_secretos=True,
        parrafos=(
            (
                f"{nombre}, a petición suya y después de comprobar su identidad, el personal de Cuenta Maestra retiró el"
                " segundo factor de su perfil y cerró todas sus sesiones."
            ),
            "Inicie sesión con su contraseña y active uno nuevo en su perfil.",
            (
                "Si no fue usted quien lo pidió, cambie su contraseña ahora con el enlace «Recuperar contraseña» y"
                " avise a soporte: alguien pudo hacerse pasar por usted."
            ),
        ),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )


def codigos_nuevos(nombre: str) -> Mensaje:
    return Mensaje(
        asunto="Sus códigos de recuperación son otros",
        sin_secretos=True,
        parrafos=(
            f"{nombre}, se generaron códigos de recuperación nuevos y los anteriores ya no sirven.",
            _NO_FUE,
        ),
    )


def segundo_factor_bloqueado(nombre: str) -> Mensaje:
    return Mensaje(
        asunto="Escribieron mal su código varias veces",
        sin_secretos=True,
        parrafos=(
            (
                f"{nombre}, alguien que conoce su contraseña o tiene una sesión suya escribió mal cinco veces el código"
                " del segundo factor. Esperará 15 minutos para intentar de nuevo."
            ),
            _NO_FUE,
        ),
        boton=Boton(texto="Recuperar contraseña", ruta="/recuperar"),
    )
