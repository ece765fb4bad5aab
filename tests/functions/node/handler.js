// A function with the official, unmodified X-Ray SDK in its Lambda mode. Event: `{"tenant": "a"}`.
"use strict";

const { captureAsyncFunc, captureFunc } = require("aws-xray-sdk-core");

exports.handler = (event) =>
  captureAsyncFunc("work", async (work) => {
    work.addAnnotation("tenant", event.tenant);
    work.addMetadata("event", event, "test");
    await captureAsyncFunc("inner", async (inner) => {
      await new Promise(setImmediate);
      captureFunc("innermost", () => {});
      inner.close();
    });
    try {
      captureFunc("fails", () => {
        throw new TypeError("no such item");
      });
    } catch {
      // The SDK has recorded the exception.
    }
    work.close();
    return { tenant: event.tenant, trace: process.env._X_AMZN_TRACE_ID };
  });
