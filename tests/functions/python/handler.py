"""A function with the official, unmodified X-Ray SDK in its Lambda mode.

The event selects the behavior: `{"tenant": "a", "do": "work" | "fail" | "exit" | "hang"}`.
With `trace_header`, the function replaces the trace header that the runtime has set.
"""

import os
import time

from aws_xray_sdk.core import xray_recorder


def handler(event, context):
    # In its classic mode AWS's emulator passes no trace header to the runtime. The test
    # passes the header in the event instead.
    if "trace_header" in event:
        os.environ["_X_AMZN_TRACE_ID"] = event["trace_header"]

    with xray_recorder.in_subsegment("work") as work:
        work.put_annotation("tenant", event.get("tenant", "none"))
        work.put_metadata("event", event, "test")
        with xray_recorder.in_subsegment("inner"):
            pass
        if event.get("do") == "fail":
            raise ValueError("the event says so")
    if event.get("do") == "exit":
        os._exit(7)
    if event.get("do") == "hang":
        time.sleep(3600)
    return {"tenant": event.get("tenant"), "trace": os.environ.get("_X_AMZN_TRACE_ID")}
