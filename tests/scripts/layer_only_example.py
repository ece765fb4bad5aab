"""Calls the handler of examples/layer-only with the event in the first argument, and prints
the subsegment that it records."""

import json
import sys
from pathlib import Path

from aws_xray_sdk.core import xray_recorder

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "layer-only"))
import app

xray_recorder.configure(sampling=False)
with xray_recorder.in_segment("test") as segment:
    app.handler(json.loads(sys.argv[1]), None)
    [subsegment] = segment.subsegments
print(subsegment.serialize())
