"""Credentials of a CTI as one process remembers them: two passwords, keys, wrong guesses, and what is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.timbrado import credenciales
from services.timbrado.credenciales import Credenciales
from services.timbrado.domain import (
    CtiGuardada,
    es_llave,
    generar_contrasena,
    generar_llave,
    huella_de_llave,
    id_asignado,
    revisar_contrasena,
    revisar_id,
)
from shared.errors import DomainError


def cti(**cambios: Any) -> CtiGuardada:
    datos: dict[str, Any] = {
        "id": "CTI0001001", "nic": 1001, "cliente_id": uuid4(), "cuenta_id": uuid4(), "tipo": "estandar",
        "libro_id": 7, "hash_contrasena": "h:la-de-hoy", "version": 1, "bloqueada": False, **cambios,
    }  # fmt: skip
    return CtiGuardada(**datos)


@dataclass
class Banco:
    """One CTI in a database of one row; counts reads and argon2 calls. A hash here is `h:` and the password."""

    guardada: CtiGuardada
    lecturas: int = 0
    argon2: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.credenciales = Credenciales(self._leer, self._verificar)

    def _leer(self, ids: Sequence[str]) -> dict[str, CtiGuardada]:
        self.lecturas += 1
        return {self.guardada.id: self.guardada} if self.guardada.id in ids else {}

    def _verificar(self, _: object, hash_: str, contrasena: str) -> bool:
        self.argon2.append(contrasena)
        return hash_ == f"h:{contrasena}"

    def cambiar(self, **cambios: Any) -> None:
        self.guardada = replace(self.guardada, version=self.guardada.version + 1, **cambios)

    def entra(self, contrasena: str, **kwargs: Any) -> bool:
        [hallada] = self.credenciales.verificar([(self.guardada.id, contrasena)], **kwargs)
        return hallada is not None


def test_the_real_hash_verifies() -> None:
    hash_ = credenciales.hash_password("correcta")
    assert hash_.startswith("$argon2id$")
    assert credenciales.verify_password(hash_, "correcta")
    assert not credenciales.verify_password(hash_, "otra")
    assert not credenciales.verify_password("no-es-un-hash", "correcta")


def test_both_passwords_work_in_the_overlap_and_neither_pushes_out_the_other() -> None:
    b = Banco(cti(hash_anterior="h:la-de-ayer", anterior_hasta=datetime.now(UTC) + timedelta(hours=1)))
    for _ in range(3):
        assert b.entra("la-de-hoy")
        assert b.entra("la-de-ayer")
    assert b.argon2 == ["la-de-hoy", "la-de-ayer", "la-de-ayer"]
    assert b.lecturas == 2


def test_a_remembered_earlier_password_ends_with_its_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    fin = datetime.now(UTC) + timedelta(hours=1)
    b = Banco(cti(hash_anterior="h:la-de-ayer", anterior_hasta=fin))
    assert b.entra("la-de-ayer")

    class Reloj(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return fin

    monkeypatch.setattr(credenciales, "datetime", Reloj)
    assert not b.entra("la-de-ayer")
    assert b.entra("la-de-hoy")


def test_wrong_guesses_push_out_no_right_password_and_repeat_for_free() -> None:
    b = Banco(cti())
    assert b.entra("la-de-hoy")
    for i in range(50):
        assert not b.entra(f"adivinanza-{i}")
    antes = len(b.argon2)
    for _ in range(5):
        assert b.entra("la-de-hoy")
        assert not b.entra("adivinanza-49")
    assert len(b.argon2) == antes
    assert b.credenciales.retirar_notas().fallos == {"CTI0001001": 55}


def test_a_password_that_was_wrong_is_right_as_soon_as_it_is_set() -> None:
    b = Banco(cti())
    assert not b.entra("la-nueva")
    assert not b.entra("la-nueva")
    assert b.argon2 == ["la-nueva"]
    b.cambiar(hash_contrasena="h:la-nueva")
    assert b.entra("la-nueva")


def test_an_unknown_cti_is_not_noted() -> None:
    b = Banco(cti())
    assert b.credenciales.verificar([("CTI9", "x")]) == [None]
    assert b.credenciales.retirar_notas().fallos == {}


def test_a_later_version_forgets_what_was_remembered() -> None:
    b = Banco(cti())
    assert b.entra("la-de-hoy")
    b.cambiar(hash_contrasena="h:la-nueva")
    # Stamping fences: the pipeline forgets when the debit refuses the version.
    assert b.entra("la-de-hoy")
    b.credenciales.olvidar("CTI0001001")
    assert not b.entra("la-de-hoy")
    assert b.entra("la-nueva")


def test_an_answer_that_spends_nothing_can_be_asked_up_to_date() -> None:
    b = Banco(cti())
    assert b.entra("la-de-hoy")
    b.cambiar(hash_contrasena="h:la-nueva")
    assert not b.entra("la-de-hoy", al_dia=True)
    assert b.entra("la-nueva", al_dia=True)
    antes = len(b.argon2)
    assert b.entra("la-nueva", al_dia=True)
    assert len(b.argon2) == antes, "the version is read, argon2 is not paid again"


def test_a_slow_check_does_not_bring_back_an_older_version() -> None:
    b = Banco(cti())
    vieja = b.guardada
    b.cambiar(hash_contrasena="h:la-nueva")
    assert b.entra("la-nueva")
    b.guardada = vieja
    assert b.entra("la-de-hoy")
    b.cambiar(hash_contrasena="h:la-nueva")
    antes = b.lecturas
    assert b.entra("la-nueva")
    assert b.lecturas == antes


def test_a_key_is_a_credential_without_argon2_and_its_day_is_noted_once() -> None:
    llave, id_ = generar_llave(), uuid4()
    b = Banco(cti(hash_contrasena=None, llaves=((id_, huella_de_llave(llave)),)))
    for _ in range(3):
        assert b.entra(llave)
    assert not b.entra(generar_llave())
    assert b.argon2 == []
    notas = b.credenciales.retirar_notas()
    assert notas.usos == {id_: datetime.now(UTC).date()}
    assert notas.fallos == {"CTI0001001": 1}
    assert b.entra(llave)
    assert b.credenciales.retirar_notas().usos == {}


def test_notes_that_could_not_be_written_are_kept() -> None:
    llave, id_ = generar_llave(), uuid4()
    b = Banco(cti(llaves=((id_, huella_de_llave(llave)),)))
    assert b.entra(llave)
    assert not b.entra("mala")
    notas = b.credenciales.retirar_notas()
    assert not b.entra("mala")
    b.credenciales.devolver_notas(notas)
    otra = b.credenciales.retirar_notas()
    assert otra.usos == {id_: datetime.now(UTC).date()}
    assert otra.fallos == {"CTI0001001": 2}


def test_a_revoked_key_ends_with_the_version() -> None:
    llave = generar_llave()
    b = Banco(cti(llaves=((UUID(int=1), huella_de_llave(llave)),)))
    assert b.entra(llave)
    b.cambiar(llaves=())
    b.credenciales.olvidar("CTI0001001")
    assert not b.entra(llave)


def test_secrets_stay_out_of_representations() -> None:
    llave = generar_llave()
    c = cti(hash_anterior="secreto-1", anterior_hasta=None, llaves=((uuid4(), huella_de_llave(llave)),))
    assert "secreto-1" not in repr(c)
    assert repr(huella_de_llave(llave)) not in repr(c)


def test_forms_of_keys_passwords_and_ids() -> None:
    llaves = {generar_llave() for _ in range(200)}
    assert len(llaves) == 200
    assert all(es_llave(k) and len(k) == 36 for k in llaves)
    assert not es_llave(generar_contrasena())
    with pytest.raises(DomainError, match="llaves de acceso"):
        revisar_contrasena(llaves.pop())
    assert revisar_contrasena("cmk_corta") == "cmk_corta"
    assert revisar_id("ventas@sucursal-1") == "ventas@sucursal-1"
    for malo in ("ab", "x" * 65, "con espacio", "ñandú", "a\0b", "", "CTI0001002", "cti77-3"):
        with pytest.raises(DomainError) as exc:
            revisar_id(malo)
        assert "id" in exc.value.errores, malo
    assert id_asignado(1001, 2) == "CTI0001001-2"
