"""An electricity meter served by pymodbus over Modbus TCP: the input registers of an Eastron SDM630, on a rehearsal's clock.

It shares no code with the gateway. It leaves two files in --out:
  truth.csv     what the meter counted in each hour of the day, and how far a sampled value may be from it
  served.jsonl  every index it served: the rehearsed instant (ms) and the exact value of the float that went out
"""

import argparse
import csv
import json
import struct
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer

ENERGY_IMPORT = 0x48
POWER = 0x34
START_KWH = 12_345.5
# kW in each hour, over and over: neighbours differ so much that a boundary in the wrong place is seen.
POWERS_KW = (12, 55, 31, 78, 20, 64, 43)
HOUR_MS = 3_600_000
# The gateway may come up and read before the rehearsed stretch begins.
HISTORY_MS = 24 * HOUR_MS


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--unit", type=int, required=True)
    parser.add_argument("--point", required=True)
    parser.add_argument("--start-wall-ms", type=int, required=True)
    parser.add_argument("--started-at-ms", type=int, required=True)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--day-start-ms", type=int, required=True)
    parser.add_argument("--hours", type=int, required=True)
    parser.add_argument("--late-ms", type=float, required=True, help="real time by which a reading may be late")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def kilowatts(hour):
    return POWERS_KW[hour % len(POWERS_KW)]


def index_at(wall_ms, start_ms):
    """The counter in kWh; it stood at START_KWH at the full hour `start_ms`."""
    first, now = start_ms // HOUR_MS, int(wall_ms // HOUR_MS)
    whole = sum(kilowatts(hour) for hour in range(first, now))
    return START_KWH + whole + kilowatts(now) * (wall_ms - now * HOUR_MS) / HOUR_MS


class Registers(ModbusSequentialDataBlock):
    """Computes its values when they are asked for."""

    def __init__(self, asked):
        super().__init__(0, [0] * 0x100)
        self.asked = asked

    def getValues(self, address, count=1):
        image = self.asked(address, count)
        return [image.get(each, 0) for each in range(address, address + count)]


def words(value):
    return struct.unpack(">HH", struct.pack(">f", value))


def main():
    args = arguments()
    begin = args.start_wall_ms // HOUR_MS * HOUR_MS - HISTORY_MS
    write_truth(args, begin)
    served = (args.out / "served.jsonl").open("w", buffering=1)

    def asked(address, count):
        wall = args.start_wall_ms + (time.time() * 1000 - args.started_at_ms) * args.scale
        energy = words(index_at(wall, begin))
        power = words(kilowatts(int(wall // HOUR_MS)) * 1000.0)
        if address <= ENERGY_IMPORT and ENERGY_IMPORT + 2 <= address + count:
            exact = struct.unpack(">f", struct.pack(">HH", *energy))[0]
            served.write(json.dumps({"at": int(wall), "kwh": exact}) + "\n")
        return {ENERGY_IMPORT: energy[0], ENERGY_IMPORT + 1: energy[1], POWER: power[0], POWER + 1: power[1]}

    meter = ModbusSlaveContext(ir=Registers(asked), zero_mode=True)
    context = ModbusServerContext(slaves={args.unit: meter}, single=False)
    print(json.dumps({"event": "ready"}), flush=True)
    StartTcpServer(context=context, address=("127.0.0.1", args.port))


def write_truth(args, begin):
    tolerance = max(POWERS_KW) * args.late_ms * args.scale / HOUR_MS
    with (args.out / "truth.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["point", "commodity", "start", "minutes", "value", "unit", "tolerance"])
        for hour in range(args.hours):
            start = args.day_start_ms + hour * HOUR_MS
            used = index_at(start + HOUR_MS, begin) - index_at(start, begin)
            stamp = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=start)
            instant = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
            rows.writerow([args.point, "electricity", instant, 60, f"{used:.3f}", "kWh", f"{tolerance:.3f}"])


main()
