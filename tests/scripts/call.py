"""Calls an operation of X-Ray through boto3 and prints the response as JSON.

Usage: call.py ENDPOINT OPERATION PARAMETERS, for example: call.py http://127.0.0.1:2001
batch_get_traces '{"TraceIds": ["1-6750a1b2-00112233445566778899aabb"]}'

It prints an error of the service as {"Error": {...}, "Status": 400}.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

endpoint, operation, parameters = sys.argv[1:]
xray = boto3.client("xray", endpoint_url=endpoint)
try:
    response = getattr(xray, operation)(**json.loads(parameters))
    del response["ResponseMetadata"]
except ClientError as error:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    response = {"Error": error.response["Error"], "Status": status}
json.dump(response, sys.stdout, default=lambda time: time.timestamp())
