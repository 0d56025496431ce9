"""What the gateway and a drawing worker agree on: frames over a socket, and the worker's limits."""

from __future__ import annotations

import socket
import struct

#: Seconds for one drawing, loading included. Of a document: a page takes some 2 s of CPU, a hundred lines some 6. Of a
#: statement: 2,000 rows take some 10.
PLAZOS = {"comprobante": 30.0, "estado": 60.0}
#: Bytes of address space of a worker: it uses 400 MiB, and for 2,000 rows of a statement 200 more.
MEMORIA = 1536 * 1024 * 1024
#: Drawings after which a worker makes room for a fresh one, and seconds after which an idle one ends.
LIMITE = 200
OCIO = 120.0
MAXIMO = 64 * 1024 * 1024


class Cortada(ConnectionError):
    """The other side is gone, or speaks something else."""


def abrir(descriptor: int) -> socket.socket:
    """The worker's end. It blocks, though eventlet made it otherwise in the process that it comes from."""
    canal = socket.socket(fileno=descriptor)
    canal.setblocking(True)
    return canal


def enviar(canal: socket.socket, datos: bytes) -> None:
    """One frame."""
    canal.sendall(struct.pack(">I", len(datos)) + datos)


def recibir(canal: socket.socket) -> bytes:
    """One frame. Raises `Cortada`."""
    (largo,) = struct.unpack(">I", exactos(canal, 4))
    if largo > MAXIMO:
        raise Cortada(f"a frame of {largo} bytes")
    return exactos(canal, largo)


def exactos(canal: socket.socket, cuantos: int) -> bytes:
    """So many bytes. Raises `Cortada` when the other side closes before."""
    partes = bytearray()
    while len(partes) < cuantos:
        trozo = canal.recv(min(cuantos - len(partes), 256 * 1024))
        if not trozo:
            raise Cortada("closed")
        partes += trozo
    return bytes(partes)
