//! The policy and the keep rules. Their values are read later, when they are needed.

use super::variable::Variable;

pub(crate) const KEEP: Variable = Variable {
    name: "XRAY_LAMBDA_KEEP",
    default: "none",
    description: "Which traces to keep once the outcome is known ([rules](docs/policy.md#keep-rules) in JSON, or the path of a file): errors, slow ones, cold starts and a share of the rest. `none` keeps every trace",
};

pub(crate) const POLICY: Variable = Variable {
    name: "XRAY_LAMBDA_POLICY",
    default: "none",
    description: "What a document may contain ([a policy](docs/policy.md#a-policy) in JSON, or the path of a file). While it is wrong, nothing is sent, except in the mode `audit`. `none` sends documents unchanged",
};
