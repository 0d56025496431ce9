"""Proofs of registered applications: who may stamp with an ilimitada, and each refusal in its own words."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.timbrado import aplicaciones
from services.timbrado.aplicaciones import Aplicaciones, leer_llave
from services.timbrado.domain.aplicaciones import AplicacionRegistrada
from shared.errors import Codigo, DomainError
from shared.testing.aplicaciones import prueba, publica

AHORA = datetime(2026, 11, 24, 12, tzinfo=UTC)
HORA = int(AHORA.timestamp())
CTI, XML = "IL1", "<cfdi:Comprobante Nombre='Ñandú'/>".encode()
LLAVE, ID = Ed25519PrivateKey.generate(), uuid4()


class Registro:
    """Applications by id, how often they were read, and a clock that a test moves."""

    def __init__(self, plataforma: str = "windows") -> None:
        self.filas = {ID: AplicacionRegistrada(ID, "FactuDesk", plataforma, leer_llave(publica(LLAVE)))}
        self.lecturas = 0
        self.hora = 0.0
        self.aplicaciones = Aplicaciones(self.leer, lambda: self.hora)

    def leer(self, id: UUID) -> AplicacionRegistrada | None:
        self.lecturas += 1
        return self.filas.get(id)

    def motivo(self, cabecera: str | None, cti: str = CTI, xml: bytes = XML) -> object:
        """Why it is refused; None when it is admitted. Every refusal is one sentence or more, as `no_permitido`."""
        try:
            self.aplicaciones.verificar(cabecera, cti, xml, AHORA)
        except DomainError as exc:
            bien_dicho = exc.code is Codigo.NO_PERMITIDO and exc.detail.endswith(".")
            return exc.datos["motivo"] if bien_dicho else exc.detail
        return None

    def revocar(self) -> None:
        una = self.filas[ID]
        self.filas[ID] = AplicacionRegistrada(ID, una.nombre, una.plataforma, una.llave, AHORA)


def buena(version: str = "10.0", momento: int = HORA) -> str:
    return prueba(LLAVE, ID, CTI, XML, version=version, momento=momento)


def test_a_proof_is_good_for_one_document_and_one_cti() -> None:
    registro = Registro()
    assert registro.motivo(buena()) is None
    assert registro.motivo(buena(), xml=XML + b" ") == "firma"
    assert registro.motivo(buena(), cti="IL2") == "firma"
    otra = Ed25519PrivateKey.generate()
    assert registro.motivo(prueba(otra, ID, CTI, XML, momento=HORA)) == "firma"
    # Nothing of it can be changed afterwards.
    assert registro.motivo(buena().replace(":10.0:", ":10.1:")) == "firma"
    assert registro.motivo(buena().replace(f":{HORA}:", f":{HORA + 1}:")) == "firma"


@pytest.mark.parametrize(
    ("plataforma", "version", "motivo"),
    [
        ("windows", "10", None),
        ("windows", "10.0.0.1", None),
        ("windows", "11.2", None),
        ("windows", "9.99", "version"),
        ("windows", "09.10", "version"),
        ("web", "1.0", None),
    ],
)
def test_windows_applications_from_version_10_on_and_the_web(
    plataforma: str, version: str, motivo: str | None
) -> None:
    assert Registro(plataforma).motivo(buena(version)) == motivo


@pytest.mark.parametrize(("segundos", "motivo"), [(0, None), (299, None), (301, "reloj"), (86_400, "reloj")])
def test_clocks_may_differ_five_minutes(segundos: int, motivo: str | None) -> None:
    for signo in (1, -1):
        assert Registro().motivo(buena(momento=HORA + signo * segundos)) == motivo


@pytest.mark.parametrize(
    "cabecera",
    [
        "x",
        "cm1:::::",
        "cm2" + buena()[3:],
        buena()[:-1],
        buena() + "=",
        buena("10.0.0.0.0"),
        buena("v10"),
        buena("١٠"),
        buena().upper(),
        buena().replace(":10.0:", ":-10:"),
        "cm1:" + "é" * 200,
        "cm1:" * 5000,
    ],
)
def test_what_is_not_a_proof(cabecera: str) -> None:
    assert Registro().motivo(cabecera) == "forma"


def test_without_proof_unknown_and_revoked() -> None:
    registro = Registro()
    assert registro.motivo(None) == registro.motivo("") == "sin_prueba"
    assert registro.motivo(prueba(LLAVE, uuid4(), CTI, XML, momento=HORA)) == "desconocida"
    registro.revocar()
    assert registro.motivo(buena()) == "revocada"


def test_keys_are_remembered_for_a_few_seconds_and_a_revocation_then_holds() -> None:
    registro = Registro()
    for _ in range(50):
        assert registro.motivo(buena()) is None
    assert registro.lecturas == 1
    registro.revocar()
    registro.hora = aplicaciones.RECUERDO - 0.01
    assert registro.motivo(buena()) is None
    registro.hora = aplicaciones.RECUERDO
    assert registro.motivo(buena()) == "revocada"
    assert registro.lecturas == 2


def test_invented_ids_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aplicaciones, "MAXIMO", 3)
    registro = Registro()
    for _ in range(10):
        registro.motivo(prueba(LLAVE, uuid4(), CTI, XML, momento=HORA))
    assert len(registro.aplicaciones._recordadas) == 3


def test_a_public_key_is_read_from_pem_and_from_base64url() -> None:
    cruda = LLAVE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    texto = base64.urlsafe_b64encode(cruda).decode()
    for forma in (publica(LLAVE), f"\n {publica(LLAVE)} \n", texto, texto.rstrip("=")):
        assert leer_llave(forma) == cruda


def test_what_is_no_public_key() -> None:
    ec = generate_private_key(SECP256R1()).public_key()
    ajena = ec.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for forma in (
        "",
        "x",
        "A" * 42,
        "A" * 44,
        "ñ" * 43,
        ajena,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n",
        "=" * 43,
    ):
        with pytest.raises(DomainError) as caso:
            leer_llave(forma)
        assert list(caso.value.errores) == ["llave_publica"], forma


def test_an_hour_of_difference_says_what_to_do() -> None:
    with pytest.raises(DomainError, match="Ajuste fecha, hora y zona horaria"):
        Registro().aplicaciones.verificar(buena(), CTI, XML, AHORA + timedelta(hours=1))
