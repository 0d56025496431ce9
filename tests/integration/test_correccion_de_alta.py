"""An alta whose titular was written wrong is corrected while nobody has confirmed it, that of a conversion above all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.clientes.use_cases import confirmaciones, conversiones, red
from shared.contracts import clientes as c
from shared.errors import Codigo, DomainError
from tests.integration.apoyo_distribuidores import HOY, Mundo
from tests.integration.apoyo_privacidad import cliente, llamar, mundo, vaciar_outbox
from tests.integration.test_distribuidores import a_la_vez

__all__ = ["mundo"]


def reenviar(mundo: Mundo, cuenta: UUID, padre: UUID | None = None, **datos: Any) -> c.Distribuidor:
    peticion = c.ReenviarAlta(
        clave=str(uuid4()), cuenta_id=padre or mundo.raiz, distribuidor_id=cuenta, **datos
    )
    hecho: c.Distribuidor = llamar(mundo, c.REENVIAR_ALTA, red.reenviar, peticion)
    return hecho


def convertir(mundo: Mundo, nic: int, **datos: Any) -> c.Conversion:
    peticion = c.ConvertirCliente(
        clave=str(uuid4()), cuenta_id=mundo.cm, nic=nic, **{"confirmar": True, **datos}
    )
    hecha: c.Conversion = llamar(mundo, c.CONVERTIR_CLIENTE, conversiones.convertir_cliente, peticion)
    return hecha


def test_de_un_cliente_convertido_con_el_correo_mal_escrito(mundo: Mundo) -> None:
    """Nobody can confirm it, and time does not end it: its parent corrects it, however late."""
    mundo.multinivel(mundo.cm, HOY + timedelta(days=90))
    uno = cliente(mundo)
    cuenta = convertir(mundo, uno.nic, correo="jeef@cliente.mx", movil="5577770001").distribuidor_id
    perdido = mundo.token(cuenta)
    mundo.vigilar(datetime.now(UTC) + timedelta(days=60))
    assert mundo.estado(cuenta) == "sin_validar"
    vaciar_outbox(mundo)
    vista = reenviar(
        mundo, cuenta, mundo.cm, correo=" Jefe@Cliente.mx", movil="55 7777 0002", titular=" Jefa  Ruiz "
    )
    assert (vista.correo, vista.movil, vista.titular) == ("jefe@cliente.mx", "+525577770002", "Jefa Ruiz")
    with pytest.raises(DomainError) as viejo:
        mundo.correr(confirmaciones.ver_alta, c.VerAlta(token=perdido))
    assert viejo.value.code == Codigo.NO_ENCONTRADO
    # Whoever has the wrong correo is told that its link is void, and not whose the right one is.
    avisado = mundo.leer(
        "SELECT asunto, texto FROM correos WHERE para = 'jeef@cliente.mx' ORDER BY creado_en"
    )
    assert "ya no sirve" in avisado[-1].asunto
    assert not any("jefe@" in x.texto for x in avisado)
    assert mundo.confirmar(cuenta).estado == "sin_activar"
    assert mundo.leer(
        "SELECT p.correo, p.movil, p.nombre FROM usuarios u JOIN perfiles p USING (perfil_id)"
        " WHERE u.cuenta_id = :c AND u.rol = 'titular'",
        c=cuenta,
    ) == [("jefe@cliente.mx", "+525577770002", "Jefa Ruiz")]
    assert mundo.cambiar(cuenta, "activacion", mundo.cm).estado == "activo"
    assert mundo.leer("SELECT cuenta_id FROM clientes WHERE nic = :n", n=uno.nic) == [(cuenta,)]


def test_la_correccion_queda_en_la_auditoria_sin_decir_quien_es(mundo: Mundo) -> None:
    cuenta = mundo.alta(correo="malo@x.mx")
    vaciar_outbox(mundo)
    reenviar(mundo, cuenta, correo="bueno@x.mx")
    [asiento] = [
        carga
        for evento, carga in vaciar_outbox(mundo)
        if evento == "clientes.auditoria_v1" and carga["accion"] == "clientes.reenviar_alta_v1"
    ]
    assert (asiento["objeto"], str(mundo.raiz) in str(asiento)) == (f"distribuidor:{cuenta}", True)
    assert "m***@x.mx" in str(asiento)
    assert "b***@x.mx" in str(asiento)
    assert "malo@x.mx" not in str(asiento)
    assert "bueno@x.mx" not in str(asiento)


def test_lo_que_no_se_manda_queda_como_esta(mundo: Mundo) -> None:
    cuenta = mundo.alta(correo="eva@x.mx", movil="5511112222")
    assert reenviar(mundo, cuenta, movil="5511113333").correo == "eva@x.mx"
    vista = reenviar(mundo, cuenta)
    assert (vista.correo, vista.movil, vista.titular) == ("eva@x.mx", "+525511113333", "Eva")
    asuntos = [f[0] for f in mundo.leer("SELECT asunto FROM correos WHERE para = 'eva@x.mx'")]
    assert not any("ya no sirve" in x for x in asuntos)


def test_una_correccion_no_da_lo_que_un_alta_no_daria(mundo: Mundo) -> None:
    otra, cuenta = mundo.alta(correo="ocupado@x.mx"), mundo.alta(correo="eva@x.mx")
    malas: list[dict[str, Any]] = [
        {"correo": "titular1@cm.mx"},
        {"movil": "+525590000001"},
        {"movil": "12"},
        {"titular": " "},
    ]
    for mal in malas:
        with pytest.raises(DomainError) as no:
            reenviar(mundo, cuenta, **mal)
        assert no.value.code == Codigo.DATOS_INVALIDOS
    with pytest.raises(DomainError) as repetido:
        reenviar(mundo, cuenta, correo="OCUPADO@x.mx")
    assert (repetido.value.code, repetido.value.datos) == (Codigo.CONFLICTO, {"cuenta_id": str(otra)})
    with pytest.raises(DomainError) as ajena:
        reenviar(mundo, cuenta, mundo.cm, correo="mio@x.mx")
    assert ajena.value.code == Codigo.NO_ENCONTRADO
    assert mundo.leer("SELECT correo FROM cuentas_maestras WHERE cuenta_id = :c", c=cuenta) == [("eva@x.mx",)]
    mundo.confirmar(cuenta)
    with pytest.raises(DomainError, match="está sin activar"):
        reenviar(mundo, cuenta, correo="tarde@x.mx")


def test_de_dos_que_corrigen_al_mismo_correo_uno_lo_hace(mundo: Mundo) -> None:
    cuentas = [mundo.alta() for _ in range(3)]
    hechos = a_la_vez(
        *(lambda x=x: reenviar(mundo, x, correo="unico@x.mx") for x in cuentas),
        lambda: mundo.alta(correo="unico@x.mx"),
    )
    rechazos = [x for x in hechos if isinstance(x, Exception)]
    assert [x.code for x in rechazos if isinstance(x, DomainError)] == [Codigo.CONFLICTO] * 3
    assert len(rechazos) == 3
    assert mundo.leer("SELECT count(*) FROM cuentas_maestras WHERE correo = 'unico@x.mx'") == [(1,)]
