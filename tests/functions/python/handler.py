"""A function traced by the official X-Ray SDK, unmodified, in its Lambda mode.

The event says what to do: `{"tenant": "a", "do": "work" | "fail" | "exit" | "hang"}`.
"""

import os
import time

from aws_xray_sdk.core import xray_recorder


def handler(event, context):
    # AWS's emulator gives the runtime no trace header in its classic mode: there, the
    # test passes along what Lambda would have given.
    if "trace" in event:
        os.environ["_X_AMZN_TRACE_ID"] = event["trace"]

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
