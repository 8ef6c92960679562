"""Holding registers 0 to 99 served by pymodbus as Modbus RTU or ASCII on a serial port: register n holds 1000 + n.

  serial_server.py rtu|ascii PATH UNIT
"""

import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer.ascii_framer import ModbusAsciiFramer
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.server import StartSerialServer

framer = {"rtu": ModbusRtuFramer, "ascii": ModbusAsciiFramer}[sys.argv[1]]
path, unit = sys.argv[2], int(sys.argv[3])
# Addresses on the wire count from 0.
block = ModbusSequentialDataBlock(0, [1000 + n for n in range(100)])
slave = ModbusSlaveContext(hr=block, zero_mode=True)
context = ModbusServerContext(slaves={unit: slave}, single=False)
# No parity: a pseudo terminal has none to set.
print("ready", flush=True)
StartSerialServer(context=context, framer=framer, port=path, baudrate=9600)
