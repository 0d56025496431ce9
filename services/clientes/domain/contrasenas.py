"""Which passwords are refused: those that somebody who knows the person, or the usual lists, would try first.

NIST SP 800-63B, 5.1.1.2: length instead of composition rules, no expiry, and a comparison with what is commonly
used, with repetitions and sequences, and with words of the context.
"""

from __future__ import annotations

import re
import unicodedata

from shared.errors import DomainError, campo_invalido

#: A part of a correo or a name shorter than this is in too many good passwords.
_PARTE_MINIMA = 4
_DISTINTOS_MINIMOS = 4

#: Of the alphabet and of the keyboard's rows; the ñ is an n by the time that they are compared.
_SECUENCIAS = (
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiopasdfghjklnzxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_CAMBIADAS = str.maketrans("0134578@$!|", "oieastbasil")

#: Of the public lists of leaked passwords (English and Spanish), those that reach ten characters, and the words that
#: people lengthen with digits and signs until they do. Compared without accents, case or signs.
_COMUNES = frozenset(
    [
        "admin",
        "administrador",
        "administrator",
        "alejandra",
        "alejandro",
        "america",
        "amigos",
        "amorcito",
        "amormio",
        "angelito",
        "bienvenido",
        "bienvenidos",
        "cambiame",
        "cambieme",
        "carolina",
        "chocolate",
        "clave",
        "computadora",
        "contrasena",
        "contrasenia",
        "contrasenas",
        "contador",
        "contabilidad",
        "cruzazul",
        "cuentamaestra",
        "chivas",
        "daniela",
        "distribuidor",
        "dragon",
        "empresa",
        "estrella",
        "facturacion",
        "factura",
        "facturas",
        "factudesk",
        "familia",
        "fernando",
        "football",
        "futbol",
        "guadalajara",
        "hola",
        "holamundo",
        "iloveyou",
        "induxsoft",
        "invitado",
        "jesus",
        "jesucristo",
        "letmein",
        "losamo",
        "master",
        "mexico",
        "michelle",
        "miclave",
        "micontrasena",
        "mariposa",
        "monkey",
        "monterrey",
        "pass",
        "password",
        "passwordpassword",
        "prueba",
        "pruebas",
        "princesa",
        "princess",
        "qwerty",
        "qwertyuiop",
        "secreta",
        "secreto",
        "seguridad",
        "shadow",
        "sistema",
        "sistemas",
        "soporte",
        "starwars",
        "sunshine",
        "superman",
        "teamo",
        "teamomucho",
        "telcel",
        "temporal",
        "test",
        "timbrado",
        "timbres",
        "trustno",
        "tequiero",
        "tequieromucho",
        "tigres",
        "ultramar",
        "usuario",
        "welcome",
        "whatever",
    ]
)


def exigir_contrasena_fuerte(contrasena: str, *, correo: str, nombre: str, campo: str = "contrasena") -> None:
    """Raises `datos_invalidos` with what to do when the password is one of the first that anybody would try."""
    llano = _llano(contrasena)
    if _repetida(llano):
        raise _debil(campo, "repite los mismos caracteres o sigue una secuencia")
    for parte in _partes(correo, nombre):
        if parte in llano:
            raise _debil(campo, "contiene su correo o su nombre")
    if _comun(llano):
        raise _debil(campo, "es de las más usadas y se adivina en segundos")


def _debil(campo: str, porque: str) -> DomainError:
    return campo_invalido(
        campo,
        f"Esa contraseña {porque}. Elija otra: cuatro palabras que no vayan juntas son fáciles de recordar y difíciles"
        " de adivinar.",
    )


def _llano(texto: str) -> str:
    """Without accents or case: what a guess would not be stopped by."""
    sin_acentos = unicodedata.normalize("NFKD", texto)
    return "".join(x for x in sin_acentos if not unicodedata.combining(x)).casefold()


def _partes(correo: str, nombre: str) -> set[str]:
    usuario, _, dominio = _llano(correo).partition("@")
    trozos = {
        usuario,
        dominio.rpartition(".")[0],
        *re.split(r"\W+", usuario),
        *re.split(r"\W+", _llano(nombre)),
    }
    return {x for x in trozos if len(x) >= _PARTE_MINIMA}


def _repetida(llano: str) -> bool:
    """Few distinct characters, one piece over and over, or keys in a row."""
    if len(set(llano)) < _DISTINTOS_MINIMOS:
        return True
    # A text that is a repetition is found inside its own double, before its end.
    if (llano + llano).find(llano, 1) < len(llano):
        return True
    return any(llano in s * 2 or llano in s[::-1] * 2 for s in _SECUENCIAS)


def _comun(llano: str) -> bool:
    """A common word with digits and signs around it or in it, or some letters written as digits."""
    medio = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", llano)
    formas = (medio, medio.translate(_CAMBIADAS), llano.translate(_CAMBIADAS), re.sub(r"[\W\d_]+", "", llano))
    return any(forma in _COMUNES for forma in formas)
