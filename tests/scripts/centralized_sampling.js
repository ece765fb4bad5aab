// Makes a sampling decision with AWS's Node SDK and the rules of X-Ray.
//
// The SDK reads the daemon's address from AWS_XRAY_DAEMON_ADDRESS. Prints the name of the rule,
// and what the rule's target has changed.
"use strict";

const sdk = "aws-xray-sdk-core/dist/lib/middleware/sampling";
const sampler = require(`${sdk}/default_sampler`);
const connector = require(`${sdk}/service_connector`);

const request = { httpMethod: "GET", urlPath: "/", host: "example.com", serviceName: "orders" };

async function run() {
  let decision = true;
  while (typeof decision === "boolean") {
    // The local rules decide until the poller has X-Ray's.
    decision = sampler.shouldSample({ ...request });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const rules = sampler.ruleCache.getRules().filter((rule) => rule.everMatched());
  // The target poller does this every ten seconds.
  connector.fetchTargets(rules, (error, targets) => {
    if (error) throw error;
    sampler.ruleCache.loadTargets(targets);
    const rule = rules.find((rule) => rule.getName() === decision);
    process.stdout.write(JSON.stringify({ rule: decision, quota: rule.getReservoir().quota }));
  });
}

run();
