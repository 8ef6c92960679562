"""libmodbus as a master on a serial port, through ctypes: prints the input registers of a unit as JSON.

  libmodbus_master.py PATH UNIT FIRST COUNT
"""

import ctypes
import json
import sys

path, unit, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
library.modbus_new_rtu.restype = ctypes.c_void_p
library.modbus_new_rtu.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char, ctypes.c_int, ctypes.c_int]
library.modbus_strerror.restype = ctypes.c_char_p


def done(result):
    if result == -1:
        sys.exit(library.modbus_strerror(ctypes.get_errno()).decode())


handle = ctypes.c_void_p(library.modbus_new_rtu(path.encode(), 9600, b"E", 8, 1))
done(library.modbus_set_slave(handle, unit))
done(library.modbus_connect(handle))
words = (ctypes.c_uint16 * count)()
done(library.modbus_read_input_registers(handle, first, count, words))
print(json.dumps(list(words)))
