"""Makes a sampling decision with AWS's Python SDK and the rules of X-Ray.

The SDK reads the daemon's address from AWS_XRAY_DAEMON_ADDRESS. Prints the name of the rule, and
what the rule's target has changed.
"""

import json
import sys
import time

from aws_xray_sdk.core import xray_recorder

xray_recorder.configure(service="orders", sampling=True, context_missing="LOG_ERROR")
sampler = xray_recorder.sampler
request = {"method": "GET", "path": "/", "host": "example.com", "service": "orders"}
decision = True
while decision is True or decision is False:
    # The local rules decide until the poller's thread has X-Ray's.
    decision = sampler.should_trace(dict(request))
    time.sleep(0.01)
# The poller's thread does this every ten seconds.
sampler._target_poller._do_work()
rule = next(rule for rule in sampler._cache.rules if rule.name == decision)
json.dump({"rule": decision, "quota": rule.reservoir.quota}, sys.stdout)
