"""Codes of time: the window, each accepted once, tries counted before they are looked at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pyotp
import pytest
from cryptography.fernet import Fernet

from services.clientes import domain
from services.clientes.segundo_factor import TotpReal
from services.clientes.use_cases import perfiles, segundo_factor, sesiones
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.unit.clientes.fakes import AHORA, CredencialesFalsas, UowFalsa

PASO = int(AHORA.timestamp()) // 30


@pytest.fixture
def totp(tmp_path: Path) -> TotpReal:
    llaves = tmp_path / "llaves"
    llaves.write_bytes(Fernet.generate_key() + b"\n")
    return TotpReal(llaves)


class Escena:
    """A perfil with a second factor whose secret is known."""

    def __init__(self, totp: TotpReal) -> None:
        self.uow = cast(Any, UowFalsa())
        self.cred = CredencialesFalsas(self.uow)
        self.totp = totp
        self.secreto = totp.nuevo()
        self.perfil = perfiles.crear_perfil(
            self.uow,
            c.CrearPerfil(
                clave="k", nombre="Ana", correo="a@x.mx", movil="5512340001", contrasena="buena contraseña"
            ),
            self.cred,
        )
        self.uow.repo.factores[self.perfil.perfil_id] = domain.SegundoFactorGuardado(
            perfil_id=self.perfil.perfil_id,
            secreto=totp.sellar(self.secreto),
            creado_en=AHORA,
            confirmado_en=AHORA,
        )

    @property
    def factor(self) -> domain.SegundoFactorGuardado:
        guardado: domain.SegundoFactorGuardado = self.uow.repo.factores[self.perfil.perfil_id]
        return guardado

    def codigo(self, desfase: int = 0) -> str:
        return pyotp.TOTP(self.secreto).at((PASO + desfase) * 30)

    def entrar(self, codigo: str | None, contrasena: str = "buena contraseña") -> c.Sesion:
        peticion = c.IniciarSesion(usuario="a@x.mx", contrasena=contrasena, codigo=codigo)
        return sesiones.iniciar_sesion(self.uow, peticion, self.cred, totp=self.totp)


@pytest.fixture
def escena(totp: TotpReal) -> Escena:
    return Escena(totp)


def rechazo(codigo: Codigo) -> Any:
    return pytest.raises(DomainError, match=f"^{codigo}:")


def test_vectores_del_rfc_6238(totp: TotpReal) -> None:
    # Appendix B, SHA-1, its last six digits.
    secreto = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for segundos, codigo in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert totp.paso_de(secreto, codigo, [segundos // 30]) == segundos // 30
        assert totp.paso_de(secreto, codigo, [segundos // 30 + 1]) is None


@pytest.mark.parametrize(("desfase", "vale"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_ventana_de_un_paso(escena: Escena, desfase: int, vale: bool) -> None:
    if vale:
        escena.entrar(escena.codigo(desfase))
        assert escena.factor.ultimo_paso == PASO + desfase
    else:
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            escena.entrar(escena.codigo(desfase))


def test_un_codigo_se_acepta_una_vez_y_los_anteriores_ya_no(escena: Escena) -> None:
    escena.entrar(escena.codigo())
    for desfase in (0, -1):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            escena.entrar(escena.codigo(desfase))
    escena.entrar(escena.codigo(1))


def test_se_escribe_como_sea(escena: Escena) -> None:
    codigo = escena.codigo()
    escena.entrar(f" {codigo[:3]} {codigo[3:]}")


def test_sin_codigo_lo_pide_solo_con_la_contrasena_correcta(escena: Escena) -> None:
    with rechazo(Codigo.SEGUNDO_FACTOR_REQUERIDO):
        escena.entrar(None)
    for codigo in (None, escena.codigo()):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS) as error:
            escena.entrar(codigo, "otra contraseña")
        assert "codigo" not in error.value.errores
    assert escena.factor.fallos == 0
    assert escena.factor.ultimo_paso == 0


def test_cinco_fallos_lo_cierran_quince_minutos(escena: Escena) -> None:
    for _ in range(domain.FALLOS_MAXIMOS):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            escena.entrar("000000" if escena.codigo() != "000000" else "000001")
    with rechazo(Codigo.DEMASIADOS_INTENTOS) as error:
        escena.entrar(escena.codigo())
    assert error.value.datos["reintentar_en"] == 901
    assert [x.asunto for x in escena.uow.repo.correos] == ["Escribieron mal su código varias veces"]
    escena.uow.ahora = AHORA + domain.BLOQUEO + timedelta(seconds=1)
    escena.entrar(pyotp.TOTP(escena.secreto).at(escena.uow.ahora))
    assert (escena.factor.fallos, escena.factor.bloqueado_hasta) == (0, None)


def test_quien_no_sabe_la_contrasena_no_lo_cierra(escena: Escena) -> None:
    for _ in range(domain.FALLOS_MAXIMOS * 2):
        with rechazo(Codigo.CREDENCIALES_INVALIDAS):
            escena.entrar("000000", "otra contraseña")
    escena.entrar(escena.codigo())


def test_el_fallo_se_cuenta_antes_de_mirar_el_codigo(escena: Escena) -> None:
    antes = escena.uow.confirmaciones
    with rechazo(Codigo.CREDENCIALES_INVALIDAS):
        escena.entrar("12345x")
    # The reading before argon2, and the count.
    assert escena.uow.confirmaciones >= antes + 2
    assert escena.factor.fallos == 1


def test_el_token_dice_cuando_se_verifico(escena: Escena) -> None:
    sesion = escena.entrar(escena.codigo())
    assert escena.cred.leer(sesion.acceso)["sf"] == int(AHORA.timestamp())  # type: ignore[index]
    escena.uow.ahora = AHORA + timedelta(minutes=8)
    renovada = sesiones.renovar_sesion(escena.uow, c.RenovarSesion(renovacion=sesion.renovacion), escena.cred)
    assert escena.cred.leer(renovada.acceso)["sf"] == int(AHORA.timestamp())  # type: ignore[index]


def test_codigos_de_recuperacion() -> None:
    codigos = domain.nuevos_codigos()
    assert len(set(codigos)) == 10
    assert {len(x) for x in codigos} == {19}
    assert domain.huella_de_codigo(codigos[0]) == domain.huella_de_codigo(
        f" {codigos[0].upper().replace('-', ' ')}"
    )
    assert domain.es_de_aplicacion(codigos[0]) is None


def test_el_secreto_se_guarda_sellado_y_las_llaves_rotan(tmp_path: Path, totp: TotpReal) -> None:
    secreto = totp.nuevo()
    sellado = totp.sellar(secreto)
    assert secreto not in sellado
    rotadas = tmp_path / "rotadas"
    rotadas.write_text(f"{Fernet.generate_key().decode()}\n{(tmp_path / 'llaves').read_text()}")
    assert TotpReal(rotadas).abrir(sellado) == secreto
    ajenas = tmp_path / "ajenas"
    ajenas.write_bytes(Fernet.generate_key())
    for otra in (TotpReal(ajenas), TotpReal(None)):
        with rechazo(Codigo.NO_DISPONIBLE):
            otra.abrir(sellado)


def test_qr_y_direccion(totp: TotpReal) -> None:
    uri = totp.uri("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "a@x.mx")
    assert uri.startswith(
        "otpauth://totp/Cuenta%20Maestra:a%40x.mx?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Cuenta%20Maestra"
    )
    assert totp.qr(uri).startswith("data:image/svg+xml;base64,")


def test_quitarlo_o_verificar_sin_tenerlo(escena: Escena) -> None:
    escena.uow.repo.factores.clear()
    assert segundo_factor.contar_intento(escena.uow, escena.perfil.perfil_id) is None
    with rechazo(Codigo.CONFLICTO):
        segundo_factor.aceptar_codigo(escena.uow, escena.perfil.perfil_id, "123456", escena.totp)
