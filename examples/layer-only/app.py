"""A plain use of AWS's X-Ray SDK, as in its guide. The code does not depend on xray-lambda."""

import time

from aws_xray_sdk.core import xray_recorder


def handler(event, context):
    name = (event.get("pathParameters") or {}).get("name", "world")
    with xray_recorder.in_subsegment("greet") as subsegment:
        subsegment.put_annotation("name", name)
        # Chosen fields only. The whole event has cookies and authorization headers, and
        # everyone who may read traces could read them.
        http = event.get("requestContext", {}).get("http", {})
        subsegment.put_metadata("request", {"method": http.get("method"), "path": http.get("path")}, "hello")
        time.sleep(0.05)
    return {"statusCode": 200, "body": f"Hello, {name}!\n"}
