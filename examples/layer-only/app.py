"""Nothing here knows of xray-lambda: this is AWS's own SDK, used as its guide says."""

import time

from aws_xray_sdk.core import xray_recorder


def handler(event, context):
    name = (event.get("pathParameters") or {}).get("name", "world")
    with xray_recorder.in_subsegment("greet") as subsegment:
        subsegment.put_annotation("name", name)
        subsegment.put_metadata("event", event, "hello")
        time.sleep(0.05)
    return {"statusCode": 200, "body": f"Hello, {name}!\n"}
