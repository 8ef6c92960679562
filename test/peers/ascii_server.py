"""A Modbus meter served by pymodbus in ASCII frames over TCP. It shares no code with the gateway.

Registers, coils and inputs hold what the test expects; the selector and its window are plain registers, so a write is taken as it is.
"""

import json
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer.ascii_framer import ModbusAsciiFramer
from pymodbus.server import StartTcpServer


def block(cells, size=0x9000):
    values = [0] * size
    for address, value in cells.items():
        values[address] = value
    return ModbusSequentialDataBlock(0, values)


def numbered(cells):
    return {int(address): value for address, value in cells.items()}


def main():
    port, unit, cells = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    meter = ModbusSlaveContext(
        co=block(numbered(cells["coil"])),
        di=block(numbered(cells["discrete"])),
        hr=block(numbered(cells["holding"])),
        ir=block(numbered(cells["input"])),
        zero_mode=True,
    )
    print(json.dumps({"event": "ready"}), flush=True)
    StartTcpServer(
        context=ModbusServerContext(slaves={unit: meter}, single=False),
        framer=ModbusAsciiFramer,
        address=("127.0.0.1", port),
    )


main()
