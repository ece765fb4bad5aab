"""Calls X-Ray through boto3 and prints the answer as JSON.

call.py ENDPOINT OPERATION PARAMETERS, as in: call.py http://127.0.0.1:2001 batch_get_traces
'{"TraceIds": ["1-6750a1b2-00112233445566778899aabb"]}'

An error of the service is printed as {"Error": {...}, "Status": 400}.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

endpoint, operation, parameters = sys.argv[1:]
xray = boto3.client("xray", endpoint_url=endpoint)
try:
    answer = getattr(xray, operation)(**json.loads(parameters))
    del answer["ResponseMetadata"]
except ClientError as error:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    answer = {"Error": error.response["Error"], "Status": status}
json.dump(answer, sys.stdout, default=lambda time: time.timestamp())
