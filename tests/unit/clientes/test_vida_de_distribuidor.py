"""The life of distributors, driven at random against a plain model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.clientes.domain import distribuidores as reglas
from services.clientes.domain.cuentas import CuentaGuardada, Estado
from services.clientes.domain.distribuidores import Accion, Cambio, Correccion, DatosDeAlta, Origen, Quien
from services.clientes.domain.perfiles import PerfilGuardado
from services.clientes.domain.vigencia import ZONA
from services.clientes.use_cases import confirmaciones, distribuidores, renovaciones, vida
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.unit.clientes.fakes import CredencialesFalsas, RepositorioFalso, UowFalsa

CONTRASENA = "Caballo-Correcto-Bateria-9"


class Repositorio(RepositorioFalso):
    """What a distributor's life needs, over dicts. The conditional update is as strict as the database's."""

    def __init__(self) -> None:
        super().__init__()
        self.capacidades: set[UUID] = set()
        self.tokens: dict[str, UUID] = {}
        self.correos: list[Any] = []

    def invitaciones_para(self, *_: Any) -> list[Any]:
        return []

    def agregar_cuenta(self, cuenta: CuentaGuardada) -> bool:
        if cuenta.padre_id and self.alta_sin_validar(cuenta.padre_id, cuenta.correo or ""):
            return False
        return super().agregar_cuenta(cuenta)

    def tiene_capacidad(self, cuenta_id: UUID, producto: str, dia: date) -> bool:
        return cuenta_id in self.capacidades

    def usuario_con_contacto(self, cuenta_id: UUID, correo: str, movil: str) -> bool:
        perfiles = [self.perfiles[p] for cm, p in self.usuarios if cm == cuenta_id]
        return any(p.correo == correo or p.movil == movil for p in perfiles)

    def alta_sin_validar(self, padre_id: UUID, correo: str) -> CuentaGuardada | None:
        return next(
            (
                x
                for x in self.cuentas.values()
                if (x.padre_id, x.correo, x.estado) == (padre_id, correo, "sin_validar")
            ),
            None,
        )

    def tomar_cuenta(self, cuenta_id: UUID) -> CuentaGuardada | None:
        return self.cuentas.get(cuenta_id)

    def reenviar_alta(
        self, cuenta_id: UUID, hasta: datetime, correccion: Correccion
    ) -> CuentaGuardada | None:
        x = self.cuentas[cuenta_id]
        if x.estado != "sin_validar":
            return None
        self.cuentas[cuenta_id] = replace(
            x, version=x.version + 1, confirmar_antes_de=hasta, correo=correccion.correo or x.correo
        )
        return self.cuentas[cuenta_id]

    def agregar_token(self, token: str, *, sujeto: str, **_: Any) -> None:
        self.anular_tokens(sujeto=sujeto)
        self.tokens[token] = UUID(sujeto)

    def anular_tokens(self, *, sujeto: str, **_: Any) -> None:
        self.tokens = {t: s for t, s in self.tokens.items() if str(s) != sujeto}

    def usar_token(self, token: str, **_: Any) -> tuple[str, dict[str, Any]] | None:
        sujeto = self.tokens.pop(token, None)
        return None if sujeto is None else (str(sujeto), {})

    def agregar_correo(self, correo: Any) -> None:
        self.correos.append(correo)

    def titular_de(self, cuenta_id: UUID) -> PerfilGuardado | None:
        return self.titulares_de([cuenta_id]).get(cuenta_id)

    def titulares_de(self, ids: Any) -> dict[UUID, PerfilGuardado]:
        return {cm: self.perfiles[p] for (cm, p) in self.usuarios if cm in ids}

    def perfil_confirmado(self, correo: str) -> PerfilGuardado | None:
        return next((p for p in self.perfiles.values() if p.correo == correo), None)

    def borrar_rivales(self, perfil: PerfilGuardado) -> None:
        pass

    def tomar_hijas_vivas(self, cuenta_id: UUID) -> list[CuentaGuardada]:
        return self._donde(lambda x: x.padre_id == cuenta_id and x.estado in reglas.VIVAS, 1000)

    def en_ambos_lados(self, *_: Any) -> list[str]:
        return []

    def adoptar(self, padre_id: UUID, ids: Any, en: datetime) -> list[CuentaGuardada]:
        for id_ in ids:
            x = self.cuentas[id_]
            self.cuentas[id_] = replace(x, padre_id=padre_id, version=x.version + 1)
            self.anotar_cambio(
                Cambio(
                    cuenta_id=id_, accion=Accion.ADOPTAR, de=Estado(x.estado), a=Estado(x.estado),
                    quien=Quien.SISTEMA, actor=None, motivo=None, en=en,
                )
            )  # fmt: skip
        return [self.cuentas[i] for i in ids]

    def cambiar_estado(
        self, cambio: Cambio, version: int, vence_en: datetime | None, proximo_aviso: datetime | None
    ) -> CuentaGuardada | None:
        x = self.cuentas[cambio.cuenta_id]
        if (x.estado, x.version) != (cambio.de, version):
            return None
        self.anotar_cambio(cambio)
        return self._poner(
            x, str(cambio.a), cambio.en, vence_en=vence_en or x.vence_en, proximo_aviso=proximo_aviso
        )

    def cambiar_varias(
        self, ids: Any, accion: Accion, de: str, a: str, motivo: str | None, en: datetime
    ) -> list[CuentaGuardada]:
        for id_ in ids:
            self.anotar_cambio(
                Cambio(
                    cuenta_id=id_, accion=accion, de=Estado(de), a=Estado(a), quien=Quien.SISTEMA, actor=None,
                    motivo=motivo, en=en,
                )
            )  # fmt: skip
        return [self._poner(self.cuentas[i], str(a), en, proximo_aviso=None) for i in ids]

    def _poner(self, x: CuentaGuardada, a: str, en: datetime, **mas: Any) -> CuentaGuardada:
        desde = x.estado_desde if x.estado == a else en
        self.cuentas[x.cuenta_id] = replace(
            x, estado=a, estado_desde=desde, version=x.version + 1, confirmar_antes_de=None, **mas
        )
        return self.cuentas[x.cuenta_id]

    def _donde(self, condicion: Any, limite: int) -> list[CuentaGuardada]:
        return [x for x in self.cuentas.values() if condicion(x)][:limite]

    def por_vencer(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        return self._donde(lambda x: x.estado == "activo" and x.vence_en and x.vence_en < corte, limite)

    def por_avisar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        return self._donde(lambda x: x.proximo_aviso and x.proximo_aviso <= corte, limite)

    def por_caducar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        return self._donde(lambda x: x.confirmar_antes_de and x.confirmar_antes_de < corte, limite)

    def por_eliminar(self, corte: datetime, limite: int) -> list[CuentaGuardada]:
        return self._donde(lambda x: x.estado == "cancelado" and x.estado_desde < corte, limite)

    def poner_avisos(self, proximos: Any) -> None:
        for id_, cuando in proximos:
            self.cuentas[id_] = replace(self.cuentas[id_], proximo_aviso=cuando)

    def borrar_datos(self, ids: Any) -> None:
        for id_ in ids:
            self.cuentas[id_] = replace(self.cuentas[id_], nombre="Cuenta eliminada", correo=None, movil=None)
        self.usuarios = {k: v for k, v in self.usuarios.items() if k[0] not in ids}

    def anunciadas(self, ids: Any) -> set[UUID]:
        return {x.cuenta_id for x in self.cambios if x.cuenta_id in ids and x.accion == Accion.VALIDAR}

    # What an erasure leaves in other tables is the business of tests/integration/test_supresiones.py.
    def contactos_de_cuentas(self, ids: Any) -> list[Any]:
        return [self.cuentas[id_] for id_ in ids]

    def tomar_clientes_propios(self, _: Any) -> list[Any]:
        return []

    def borrar_rastro_de_cuentas(self, *_: Any) -> None: ...

    def borrar_filas_importadas(self, *_: Any) -> int:
        return 0

    def olvidar_correos_sobre(self, _: Any) -> None: ...

    def limpiar_respuestas(self, *_: Any) -> None: ...


#: domain.md, written out once more: what each act makes of each state.
ACTOS = {
    "activacion": {"sin_activar": "activo"},
    "suspension": {"activo": "suspendido"},
    "reactivacion": {"suspendido": "activo"},
    "cancelacion": dict.fromkeys(("sin_validar", "sin_activar", "suspendido", "vencido"), "cancelado"),
}


def intentar(accion: Any, *args: Any) -> tuple[Any, DomainError | None]:
    """What came of it: an answer, or the refusal."""
    try:
        return accion(*args), None
    except DomainError as error:
        return None, error


class Vida(RuleBasedStateMachine):
    """A root and a tree under it. The model: each CM's state, by the sentences of domain.md, and its days."""

    @initialize(dias=st.integers(0, 366 * 5))
    def comenzar(self, dias: int) -> None:
        self.uow: Any = UowFalsa()
        self.repo = self.uow.repo = Repositorio()
        # Over both sides of 29 February 2028 and of several year's ends, at an hour that is another day in UTC.
        self.uow.ahora = datetime(2024, 1, 1, 3, 30, tzinfo=UTC) + timedelta(days=dias)
        self.raiz = uuid4()
        self.repo.cuentas[self.raiz] = CuentaGuardada(
            cuenta_id=self.raiz, padre_id=None, nombre="Raíz", rfc=None, estado="activo", vence_en=None,
            creado_en=self.uow.ahora,
        )  # fmt: skip
        self.modelo: dict[UUID, str] = {self.raiz: "activo"}
        self.padre: dict[UUID, UUID] = {}
        self.vence: dict[UUID, date] = {}
        self.desde: dict[UUID, date] = {}
        self.cred: Any = CredencialesFalsas(self.uow)

    @property
    def hoy(self) -> date:
        return self.uow.ahora.astimezone(ZONA).date()  # type: ignore[no-any-return]

    def elegir(self, n: int) -> UUID:
        return list(self.modelo)[n % len(self.modelo)]

    @rule(n=st.integers(0, 30), multinivel=st.booleans())
    def alta(self, n: int, multinivel: bool) -> None:
        padre = self.elegir(n)
        if multinivel:
            self.repo.capacidades.add(padre)
        puede = padre == self.raiz or padre in self.repo.capacidades
        datos = DatosDeAlta(
            nombre="Nueva",
            correo=f"d{len(self.modelo)}@x.mx",
            movil=f"+5255{len(self.modelo):08d}",
            titular_nombre="Eva",
        )
        nueva, error = intentar(distribuidores.abrir, self.uow, padre, datos, Origen.PORTAL)
        if error is not None:
            esperado = (
                Codigo.CUENTA_BLOQUEADA if self.modelo[padre] != "activo" else Codigo.CONTRATO_REQUERIDO
            )
            assert error.code == esperado
            assert self.modelo[padre] != "activo" or not puede
            return
        assert self.modelo[padre] == "activo"
        assert puede
        self._anotar(nueva.cuenta_id, "sin_validar")
        self.padre[nueva.cuenta_id] = padre

    @precondition(lambda self: self.repo.tokens)
    @rule(n=st.integers(0, 30))
    def confirmar(self, n: int) -> None:
        token, cuenta = list(self.repo.tokens.items())[n % len(self.repo.tokens)]
        peticion = c.ConfirmarAlta(clave="k", token=token, contrasena=CONTRASENA)
        _, error = intentar(confirmaciones.confirmar_alta, self.uow, peticion, self.cred)
        if error is not None:
            assert error.code == Codigo.NO_ENCONTRADO
            assert self.modelo[cuenta] != "sin_validar"
            return
        assert self.modelo[cuenta] == "sin_validar"
        self._anotar(cuenta, "sin_activar")

    @rule(n=st.integers(0, 30), corrige=st.booleans())
    def reenviar(self, n: int, corrige: bool) -> None:
        """With another correo or without: its thirty days begin anew, and only while nobody has confirmed it."""
        cuenta = self.elegir(n)
        padre = self.padre.get(cuenta, self.raiz)
        correo = f"corregido{len(self.repo.correos)}@x.mx" if corrige else None
        antes = self.repo.cuentas[cuenta].correo
        hecha, error = intentar(distribuidores.reenviar, self.uow, padre, cuenta, Correccion(correo=correo))
        if error is not None:
            assert (self.modelo[padre], self.modelo[cuenta]) != ("activo", "sin_validar")
            return
        assert (self.modelo[padre], self.modelo[cuenta]) == ("activo", "sin_validar")
        assert hecha.correo == (correo or antes)
        assert list(self.repo.tokens.values()).count(cuenta) == 1
        self.desde[cuenta] = self.hoy

    @rule(n=st.integers(0, 30), acto=st.sampled_from(sorted(ACTOS)), ajeno=st.booleans())
    def actuar(self, n: int, acto: str, ajeno: bool) -> None:
        cuenta = self.elegir(n)
        padre = self.padre.get(cuenta, self.raiz)
        quien = next((x for x in self.modelo if x != padre), padre) if ajeno else padre
        siguiente = ACTOS[acto].get(self.modelo[cuenta])
        permitido = (
            siguiente is not None
            and cuenta in self.padre
            and quien == padre
            and self.modelo[padre] == "activo"
            and not (acto == "reactivacion" and self.vence[cuenta] < self.hoy)
        )
        _, error = intentar(distribuidores.actuar, self.uow, quien, cuenta, Accion(acto), None, "porque sí")
        if error is not None:
            assert not permitido, error
            return
        assert permitido
        assert siguiente is not None
        self._anotar(cuenta, siguiente)
        if acto == "cancelacion":
            # Its sub-distributors are its parent's from now on, as they were.
            for hija, suyo in self.padre.items():
                if suyo == cuenta and self.modelo[hija] not in ("cancelado", "eliminado"):
                    self.padre[hija] = padre
        if acto == "activacion":
            self.vence[cuenta] = self._anio(self.hoy)

    @rule(
        n=st.integers(0, 30),
        quien=st.sampled_from([Quien.PADRE, Quien.PROPIA, Quien.SISTEMA]),
        tarde=st.booleans(),
    )
    def renovar(self, n: int, quien: Quien, tarde: bool) -> None:
        cuenta = self.repo.cuentas[self.elegir(n)]
        estado = self.modelo[cuenta.cuenta_id]
        permitido = (
            estado in ("activo", "vencido", "suspendido")
            and quien is not Quien.SISTEMA
            and cuenta.cuenta_id != self.raiz
        )
        if cuenta.cuenta_id == self.raiz:
            return
        # A suspension that came after it was asked for is not lifted.
        pedida_en = cuenta.estado_desde - timedelta(seconds=1) if tarde else self.uow.ahora
        try:
            renovaciones.dar_anio(self.uow, cuenta, quien, None, pedida_en)
        except DomainError:
            assert not permitido
            return
        assert permitido
        sigue = estado == "suspendido" and (quien is Quien.PROPIA or tarde)
        self._anotar(cuenta.cuenta_id, "suspendido" if sigue else "activo")
        self.vence[cuenta.cuenta_id] = self._anio(max(self.hoy, self.vence[cuenta.cuenta_id]))

    @rule(dias=st.sampled_from([0, 1, 1, 2, 7, 15, 29, 30, 31, 365]), horas=st.integers(0, 23))
    def pasa_el_tiempo(self, dias: int, horas: int) -> None:
        self._pasar(self.uow.ahora + timedelta(days=dias, hours=horas))

    @rule(n=st.integers(0, 30), hora=st.sampled_from([0, 24 * 60 - 1]), despues=st.integers(0, 1))
    def llega_su_dia(self, n: int, hora: int, despues: int) -> None:
        """To the first or last minute of the day on which something of a CM ends, or of the next one."""
        cuenta = self.elegir(n)
        dia = self.vence.get(cuenta) if self.modelo[cuenta] in ("activo", "suspendido") else None
        if self.modelo[cuenta] in ("sin_validar", "cancelado"):
            dia = self.desde[cuenta] + timedelta(days=30)
        if dia is not None:
            dia += timedelta(days=despues)
            cuando = datetime(dia.year, dia.month, dia.day, tzinfo=ZONA) + timedelta(minutes=hora)
            self._pasar(max(self.uow.ahora, cuando.astimezone(UTC)))

    def _pasar(self, cuando: datetime) -> None:
        self.uow.ahora = cuando
        while vida.vigilar(self.uow, self.uow.ahora):
            pass
        for cuenta, estado in list(self.modelo.items()):
            if estado == "activo" and cuenta in self.vence and self.vence[cuenta] < self.hoy:
                self._anotar(cuenta, "vencido")
            elif estado == "sin_validar" and self.desde[cuenta] + timedelta(days=30) < self.hoy:
                self._anotar(cuenta, "cancelado")
            elif estado == "cancelado" and self.desde[cuenta] + timedelta(days=30) < self.hoy:
                self._anotar(cuenta, "eliminado")

    @invariant()
    def son_iguales(self) -> None:
        if not hasattr(self, "modelo"):
            return
        assert {i: x.estado for i, x in self.repo.cuentas.items()} == self.modelo
        assert {i: x.padre_id for i, x in self.repo.cuentas.items() if x.padre_id} == self.padre
        for id_, dia in self.vence.items():
            vence_en = self.repo.cuentas[id_].vence_en
            assert vence_en is not None
            assert (vence_en.astimezone(ZONA).date(), f"{vence_en.astimezone(ZONA):%T}") == (dia, "23:59:59")

    @invariant()
    def la_historia_lo_cuenta_todo(self) -> None:
        if not hasattr(self, "modelo"):
            return
        contado: dict[UUID, str] = {self.raiz: "activo"}
        for x in self.repo.cambios:
            assert contado.get(x.cuenta_id) == x.de
            contado[x.cuenta_id] = x.a
        assert contado == self.modelo
        cambiadas = [e for n, e in self.uow.publicados if n.endswith("cambiada_v1")]
        for id_, x in self.repo.cuentas.items():
            versiones = [e.version for e in cambiadas if e.cuenta_id == id_]
            assert versiones == sorted(set(versiones))
            # Sending an alta again is no change of state: nobody else is told.
            assert id_ == self.raiz or versiones[-1] == x.version or x.estado == "sin_validar"

    @invariant()
    def solo_se_suprime_lo_que_se_creo(self) -> None:
        """For the other services: who was never told to exist is not to be forgotten either."""
        if not hasattr(self, "modelo"):
            return
        creadas = {e.cuenta_id for n, e in self.uow.publicados if n.endswith("maestra_creada_v1")}
        suprimidas = [e.cuenta_id for n, e in self.uow.publicados if n.endswith("cuenta_suprimida_v1")]
        assert sorted(suprimidas) == sorted(x for x in creadas if self.modelo[x] == "eliminado")

    @invariant()
    def nadie_cuelga_de_una_cancelada(self) -> None:
        if not hasattr(self, "modelo"):
            return
        for hija, padre in self.padre.items():
            assert self.modelo[padre] not in ("cancelado", "eliminado") or self.modelo[hija] in (
                "cancelado",
                "eliminado",
            )

    @invariant()
    def lo_eliminado_no_tiene_datos(self) -> None:
        for x in getattr(self, "repo", Repositorio()).cuentas.values():
            assert x.estado != "eliminado" or (x.nombre, x.correo, x.movil) == (
                "Cuenta eliminada",
                None,
                None,
            )

    def _anotar(self, cuenta: UUID, estado: str) -> None:
        if self.modelo.get(cuenta) != estado:
            self.desde[cuenta] = self.hoy
        self.modelo[cuenta] = estado

    @staticmethod
    def _anio(dia: date) -> date:
        return date(dia.year + 1, 3, 1) if (dia.month, dia.day) == (2, 29) else dia.replace(year=dia.year + 1)


Vida.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestVida = Vida.TestCase
