//! The environment variables of the runtime and of extensions: Lambda Developer Guide, "Using
//! Lambda environment variables" (reserved and overridable variables) and "Using the Lambda
//! Extensions API" (variables that extensions do not receive).

use std::collections::BTreeMap;

use xray_local_lambda_rules::is_reserved_variable;

use crate::{FunctionConfig, SandboxConfig};

/// All variables of one environment: its processes inherit no others.
#[derive(Debug)]
pub(crate) struct Variables {
    pub(crate) runtime: BTreeMap<String, String>,
    pub(crate) extension: BTreeMap<String, String>,
}

/// The values that differ between two environments of one function.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    /// `host:port` of this environment's APIs.
    pub(crate) runtime_api: &'a str,
    pub(crate) log_stream: &'a str,
    /// A free UDP port for an extension that takes the daemon's place.
    pub(crate) layer_port: Option<u16>,
    /// This machine's `PATH`.
    pub(crate) host_path: Option<&'a str>,
}

/// The daemon's address if none is configured: the discard service's port, on which nothing
/// listens.
const NO_DAEMON: &str = "127.0.0.1:9";

/// The daemon's usual port. The layer listens on it in Lambda.
const DAEMON_PORT: &str = "2000";

impl Variables {
    pub(crate) fn new(
        function: &FunctionConfig,
        config: &SandboxConfig,
        instance: &Instance<'_>,
    ) -> Self {
        let mut own = function.environment.clone();
        own.retain(|name, _| !is_reserved_variable(name));
        if let Some(port) = instance.layer_port {
            use_layer_port(&mut own, port);
        }

        let daemon = config.daemon_address.as_deref().unwrap_or(NO_DAEMON);
        let mut runtime = overridable(function, instance.host_path);
        runtime.insert("AWS_XRAY_CONTEXT_MISSING".into(), "LOG_ERROR".into());
        runtime.insert("AWS_XRAY_DAEMON_ADDRESS".into(), daemon.into());
        let mut extension = overridable(function, instance.host_path);

        let (mut common, runtime_only) = platform(function, instance, daemon);
        // The sandbox may set credentials, which are reserved, but no variable of the platform.
        let mut configured = config.environment.clone();
        configured.retain(|name, _| !common.contains_key(name));
        common.retain(|_, value| !value.is_empty());
        // Later ones win.
        for variables in [&mut runtime, &mut extension] {
            variables.extend(configured.clone());
            variables.extend(own.clone());
            variables.extend(common.clone());
        }
        runtime.extend(runtime_only);
        Self { runtime, extension }
    }
}

/// Sets the address at which the layer listens in this environment.
///
/// All environments share the loopback of one machine, and only one of them could use port
/// 2000, so each environment with extensions has a port of its own. A function's own address
/// with port 2000 means the layer, too. Any other address stays.
fn use_layer_port(own: &mut BTreeMap<String, String>, port: u16) {
    let is_layer = |address: &String| {
        address
            .rsplit(':')
            .next()
            .is_none_or(|port| port == DAEMON_PORT)
    };
    if own.get("AWS_XRAY_DAEMON_ADDRESS").is_none_or(is_layer) {
        own.insert(
            "AWS_XRAY_DAEMON_ADDRESS".into(),
            format!("127.0.0.1:{port}"),
        );
    }
}

/// Variables that a function may override.
fn overridable(function: &FunctionConfig, host_path: Option<&str>) -> BTreeMap<String, String> {
    let task = function.task_root.display();
    // This machine's PATH comes first: its interpreters have other folders than Amazon Linux's.
    const LAMBDA_PATH: &str = "/usr/local/bin:/usr/bin/:/bin:/opt/bin";
    let path = host_path.map_or_else(
        || LAMBDA_PATH.to_owned(),
        |host| format!("{host}:{LAMBDA_PATH}"),
    );
    // Without Amazon Linux's /lib64 and /usr/lib64: every loader searches the machine's own.
    let libraries = format!("/var/runtime:/var/runtime/lib:{task}:{task}/lib:/opt/lib");
    [
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", path),
        ("LD_LIBRARY_PATH", libraries),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Reserved variables: first those of every process, then those of the runtime alone.
fn platform(
    function: &FunctionConfig,
    instance: &Instance<'_>,
    daemon: &str,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let map = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let memory = function.memory_mb.to_string();
    let common = map(&[
        ("AWS_REGION", &function.region),
        ("AWS_DEFAULT_REGION", &function.region),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_RUNTIME_API", instance.runtime_api),
    ]);
    let (host, port) = daemon.rsplit_once(':').unwrap_or((daemon, DAEMON_PORT));
    let runtime = map(&[
        ("_HANDLER", &function.handler),
        ("_AWS_XRAY_DAEMON_ADDRESS", host),
        ("_AWS_XRAY_DAEMON_PORT", port),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &format!("/aws/lambda/{}", function.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", instance.log_stream),
        (
            "LAMBDA_TASK_ROOT",
            &function.task_root.display().to_string(),
        ),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ]);
    (common, runtime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TracingMode;

    fn function(environment: &[(&str, &str)]) -> FunctionConfig {
        FunctionConfig {
            name: "orders".into(),
            region: "eu-west-1".into(),
            account_id: "123456789012".into(),
            handler: "app.handler".into(),
            task_root: "/code".into(),
            bootstrap: "/code/bootstrap".into(),
            extensions: Vec::new(),
            timeout: std::time::Duration::from_secs(3),
            memory_mb: 256,
            tracing: TracingMode::Active,
            environment: environment
                .iter()
                .map(|&(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        }
    }

    fn variables(
        function: &FunctionConfig,
        config: &SandboxConfig,
        layer_port: Option<u16>,
    ) -> Variables {
        let instance = Instance {
            runtime_api: "127.0.0.1:9001",
            log_stream: "2026/01/10/[$LATEST]0f",
            layer_port,
            host_path: Some("/home/me/bin"),
        };
        Variables::new(function, config, &instance)
    }

    #[test]
    fn the_runtime_gets_lambdas_variables_and_no_others() {
        let all = variables(
            &function(&[("TABLE", "t")]),
            &SandboxConfig::default(),
            None,
        )
        .runtime;
        let names: Vec<_> = all.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "AWS_DEFAULT_REGION",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                "AWS_LAMBDA_FUNCTION_NAME",
                "AWS_LAMBDA_FUNCTION_VERSION",
                "AWS_LAMBDA_INITIALIZATION_TYPE",
                "AWS_LAMBDA_LOG_GROUP_NAME",
                "AWS_LAMBDA_LOG_STREAM_NAME",
                "AWS_LAMBDA_RUNTIME_API",
                "AWS_REGION",
                "AWS_XRAY_CONTEXT_MISSING",
                "AWS_XRAY_DAEMON_ADDRESS",
                "LAMBDA_RUNTIME_DIR",
                "LAMBDA_TASK_ROOT",
                "LANG",
                "LD_LIBRARY_PATH",
                "PATH",
                "TABLE",
                "TZ",
                "_AWS_XRAY_DAEMON_ADDRESS",
                "_AWS_XRAY_DAEMON_PORT",
                "_HANDLER",
            ]
        );
        assert_eq!(all["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
        assert_eq!(all["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/orders");
        assert_eq!(all["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:9");
    }

    #[test]
    fn an_extension_does_not_receive_the_runtimes_own_variables() {
        let all = variables(
            &function(&[("TABLE", "t")]),
            &SandboxConfig::default(),
            None,
        )
        .extension;
        let names: Vec<_> = all.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "AWS_DEFAULT_REGION",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                "AWS_LAMBDA_FUNCTION_NAME",
                "AWS_LAMBDA_FUNCTION_VERSION",
                "AWS_LAMBDA_INITIALIZATION_TYPE",
                "AWS_LAMBDA_RUNTIME_API",
                "AWS_REGION",
                "LANG",
                "LD_LIBRARY_PATH",
                "PATH",
                "TABLE",
                "TZ",
            ]
        );
    }

    #[test]
    fn a_function_cannot_set_a_reserved_variable() {
        let own = [
            ("AWS_REGION", "mars"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("_HIDDEN", "x"),
            ("LANG", "C"),
        ];
        let mut config = SandboxConfig::default();
        config
            .environment
            .insert("AWS_ACCESS_KEY_ID".into(), "test-key".into());
        config
            .environment
            .insert("AWS_LAMBDA_FUNCTION_NAME".into(), "other".into());
        let all = variables(&function(&own), &config, None).runtime;
        assert_eq!(all["AWS_REGION"], "eu-west-1");
        assert_eq!(all["AWS_ACCESS_KEY_ID"], "test-key");
        assert_eq!(all["AWS_LAMBDA_FUNCTION_NAME"], "orders");
        assert_eq!(all["LANG"], "C");
        assert!(!all.contains_key("_HIDDEN"));
    }

    #[test]
    fn the_functions_variables_override_the_sandboxs() {
        let mut config = SandboxConfig::default();
        config
            .environment
            .insert("AWS_ENDPOINT_URL_XRAY".into(), "http://sandbox".into());
        let all = variables(
            &function(&[("AWS_ENDPOINT_URL_XRAY", "http://own")]),
            &config,
            None,
        );
        assert_eq!(all.runtime["AWS_ENDPOINT_URL_XRAY"], "http://own");
        assert_eq!(all.extension["AWS_ENDPOINT_URL_XRAY"], "http://own");
    }

    #[test]
    fn an_environment_with_extensions_has_its_own_port_for_the_layer() {
        for own in [&[][..], &[("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")]] {
            let all = variables(&function(own), &SandboxConfig::default(), Some(40_001));
            assert_eq!(all.runtime["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:40001");
            assert_eq!(all.extension["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:40001");
        }
        let own = [("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:3000")];
        let all = variables(&function(&own), &SandboxConfig::default(), Some(40_001));
        assert_eq!(all.extension["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:3000");
    }

    #[test]
    fn a_function_without_extensions_uses_the_configured_daemon() {
        let config = SandboxConfig {
            daemon_address: Some("127.0.0.1:2042".into()),
            ..Default::default()
        };
        let all = variables(&function(&[]), &config, None);
        assert_eq!(all.runtime["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:2042");
        assert_eq!(all.runtime["_AWS_XRAY_DAEMON_PORT"], "2042");
    }
}
