"""An independent decoder of Sparkplug B payloads: hex lines in, JSON lines out. Fields as in the specification, 3.0, section 6.4."""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
ONE, MANY = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED
U32, U64, BOOL, TEXT = FIELD.TYPE_UINT32, FIELD.TYPE_UINT64, FIELD.TYPE_BOOL, FIELD.TYPE_STRING
F32, F64 = FIELD.TYPE_FLOAT, FIELD.TYPE_DOUBLE

file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package="spb")


def message(name, *fields):
    made = file.message_type.add(name=name)
    for field, number, kind, label in fields:
        target = {"type_name": kind} if isinstance(kind, str) else {"type": kind}
        made.field.add(name=field, number=number, label=label, **target)


message("PropertyValue", ("type", 1, U32, ONE), ("is_null", 2, BOOL, ONE), ("int_value", 3, U32, ONE),
        ("long_value", 4, U64, ONE), ("string_value", 8, TEXT, ONE))
message("PropertySet", ("keys", 1, TEXT, MANY), ("values", 2, ".spb.PropertyValue", MANY))
message("Metric", ("name", 1, TEXT, ONE), ("alias", 2, U64, ONE), ("timestamp", 3, U64, ONE), ("datatype", 4, U32, ONE),
        ("is_historical", 5, BOOL, ONE), ("is_null", 7, BOOL, ONE), ("properties", 9, ".spb.PropertySet", ONE),
        ("int_value", 10, U32, ONE), ("long_value", 11, U64, ONE), ("float_value", 12, F32, ONE),
        ("double_value", 13, F64, ONE), ("boolean_value", 14, BOOL, ONE), ("string_value", 15, TEXT, ONE))
message("Payload", ("timestamp", 1, U64, ONE), ("metrics", 2, ".spb.Metric", MANY), ("seq", 3, U64, ONE))

pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Payload = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("spb.Payload"))


def plain(one):
    """Set fields only; whole numbers stay numbers."""
    out = {}
    for field, value in one.ListFields():
        if field.label == MANY:
            out[field.name] = [plain(each) if field.message_type else each for each in value]
        else:
            out[field.name] = plain(value) if field.message_type else value
    return out


for line in sys.stdin:
    payload = Payload()
    payload.ParseFromString(bytes.fromhex(line.strip()))
    unknown = payload.UnknownFields() if hasattr(payload, "UnknownFields") else []
    assert len(unknown) == 0
    print(json.dumps(plain(payload)))
