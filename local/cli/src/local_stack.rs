//! A template's stack on this machine: sandbox, DynamoDB and X-Ray API, connected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use xray_local_sandbox::{SamplingMode, Sandbox, SandboxConfig, SupervisorCommand};
use xray_local_template::{StackContext, Table, Template};

use crate::arguments::{FunctionOptions, Sampling};
use crate::bind::{any_loopback_port, bind};
use crate::credentials::{Caller, Credentials};
use crate::store_writer::StoreWriter;
use crate::terminal_log::TerminalLog;
use crate::trace_store::open_store;
use crate::xray_server::XRayServer;
use crate::{dynamodb, function_config, message};

/// A running stack whose traces go to the store.
#[derive(Debug)]
pub(crate) struct LocalStack {
    pub(crate) template: Template,
    pub(crate) context: StackContext,
    pub(crate) sandbox: Sandbox,
    pub(crate) store_writer: Arc<StoreWriter>,
    pub(crate) log: Arc<TerminalLog>,
    pub(crate) xray_api: SocketAddr,
    /// The URL of DynamoDB, if the stack uses it.
    pub(crate) dynamodb: Option<String>,
    xray_server: XRayServer,
}

impl LocalStack {
    /// Reads the template, starts the X-Ray API on `xray_listen`, and DynamoDB with the
    /// template's tables. Each function starts with its first request, as on Lambda.
    pub(crate) async fn start(
        options: &FunctionOptions,
        xray_listen: SocketAddr,
    ) -> anyhow::Result<Self> {
        let credentials = Credentials::find(&options.credentials(), &Caller::of_process())?;
        let context = stack_context(options, options.region(credentials.region())?);
        let template = xray_local_template::load(&options.template, &context)?;
        for note in &template.notes {
            message::note(note);
        }
        if let Some(announcement) = credentials.announcement(&context.region) {
            message::note(announcement);
        }
        let functions = function_config::configure(&template, options, &context)?;

        let store = open_store(&options.data)?;
        let listener = bind(xray_listen, "the X-Ray API", "--xray-listen").await?;
        let xray_server =
            XRayServer::start(store.clone(), listener, Some(any_loopback_port())).await?;
        let dynamodb = start_dynamodb(options, &template.tables).await?;

        let store_writer = StoreWriter::start(store);
        let log = Arc::new(TerminalLog::new(functions.len() > 1));
        let sandbox = Sandbox::new(
            sandbox_config(options, &credentials, &xray_server, dynamodb.as_deref()),
            store_writer.clone(),
            log.clone(),
        );
        for function in functions {
            sandbox.add_function(function);
        }
        Ok(Self {
            template,
            context,
            sandbox,
            store_writer,
            log,
            xray_api: xray_server.api,
            dynamodb,
            xray_server,
        })
    }

    /// Sends SHUTDOWN to every environment. Returns when all segments are in the store.
    pub(crate) async fn stop(self) {
        self.sandbox.shutdown().await;
        self.store_writer.finish();
        self.xray_server.stop().await;
    }
}

fn stack_context(options: &FunctionOptions, region: String) -> StackContext {
    let overrides = options.parameter_overrides.iter();
    StackContext {
        region,
        parameter_overrides: overrides
            .map(|pair| (pair.name.clone(), pair.value.clone()))
            .collect(),
        ..Default::default()
    }
}

/// The URL of DynamoDB with all tables created; `None` if the stack does not use DynamoDB.
async fn start_dynamodb(
    options: &FunctionOptions,
    tables: &[Table],
) -> anyhow::Result<Option<String>> {
    let endpoint = match &options.dynamodb_endpoint {
        Some(endpoint) => endpoint.clone(),
        None if tables.is_empty() => return Ok(None),
        None => dynamodb::start().await?,
    };
    dynamodb::create_tables(&endpoint, tables).await?;
    Ok(Some(endpoint))
}

fn sandbox_config(
    options: &FunctionOptions,
    credentials: &Credentials,
    xray_server: &XRayServer,
    dynamodb: Option<&str>,
) -> SandboxConfig {
    SandboxConfig {
        environment: environment(credentials, xray_server.api, dynamodb),
        daemon_address: xray_server.daemon.map(|address| address.to_string()),
        sampling: match options.sampling {
            Sampling::Everything => SamplingMode::Everything,
            Sampling::Lambda => SamplingMode::Lambda,
        },
        idle_timeout: options.idle_timeout(),
        max_concurrency: options.max_concurrency.into(),
        freeze: !options.no_freeze,
        supervisor: Some(SupervisorCommand::this_program()),
    }
}

/// The variables of every function: credentials and the endpoints of the local services.
fn environment(
    credentials: &Credentials,
    xray_api: SocketAddr,
    dynamodb: Option<&str>,
) -> BTreeMap<String, String> {
    let mut environment = credentials.variables();
    environment.insert(
        "AWS_ENDPOINT_URL_XRAY".to_owned(),
        format!("http://{xray_api}"),
    );
    if let Some(endpoint) = dynamodb {
        environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint.to_owned());
    }
    environment
}
