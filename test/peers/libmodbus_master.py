"""libmodbus as a master, through ctypes: makes the calls given as JSON one after the other and prints what came, as JSON.

  libmodbus_master.py rtu PATH UNIT CALLS
  libmodbus_master.py tcp PORT UNIT CALLS

CALLS: [["holding", FIRST, COUNT], ["write", ADDRESS, VALUE], ["write-many", FIRST, [VALUES]], ...]. A call that fails gives
libmodbus' name of the fault instead of values.
"""

import ctypes
import json
import sys

library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
library.modbus_new_rtu.restype = ctypes.c_void_p
library.modbus_new_rtu.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char, ctypes.c_int, ctypes.c_int]
library.modbus_new_tcp.restype = ctypes.c_void_p
library.modbus_new_tcp.argtypes = [ctypes.c_char_p, ctypes.c_int]
library.modbus_strerror.restype = ctypes.c_char_p

# Function 1, 2, 3 and 4: libmodbus' name of it, and what it writes the answer into.
READS = {
    "coil": ("modbus_read_bits", ctypes.c_uint8),
    "discrete": ("modbus_read_input_bits", ctypes.c_uint8),
    "holding": ("modbus_read_registers", ctypes.c_uint16),
    "input": ("modbus_read_input_registers", ctypes.c_uint16),
}


def fault():
    return library.modbus_strerror(ctypes.get_errno()).decode()


def called(handle, kind, first, more):
    if kind == "write":
        return fault() if library.modbus_write_register(handle, first, ctypes.c_uint16(more)) == -1 else [more]
    if kind == "write-many":
        words = (ctypes.c_uint16 * len(more))(*more)
        return fault() if library.modbus_write_registers(handle, first, len(more), words) == -1 else list(words)
    name, element = READS[kind]
    cells = (element * more)()
    return fault() if getattr(library, name)(handle, first, more, cells) == -1 else list(cells)


def main():
    kind, where, unit, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
    made = library.modbus_new_tcp(b"127.0.0.1", int(where)) if kind == "tcp" else rtu(where)
    handle = ctypes.c_void_p(made)
    if library.modbus_set_slave(handle, unit) == -1 or library.modbus_connect(handle) == -1:
        sys.exit(fault())
    print(json.dumps([called(handle, *call) for call in calls]))


def rtu(path):
    return library.modbus_new_rtu(path.encode(), 9600, b"E", 8, 1)


main()
