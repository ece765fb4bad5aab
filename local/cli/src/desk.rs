//! The whole world on one machine: store, X-Ray API, DynamoDB and the sandbox, connected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use xray_local_listener::AllowedCallers;
use xray_local_sandbox::{SamplingMode, Sandbox, SandboxConfig};
use xray_local_store::Store;
use xray_local_template::Template;

use crate::arguments::{Data, Functions, Sampling};
use crate::log::Terminal;
use crate::recorder::Recorder;
use crate::{dynamodb, function};

/// Functions of a template, running, with their traces kept.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) template: Template,
    pub(crate) names: xray_local_template::StackContext,
    pub(crate) sandbox: Sandbox,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) terminal: Arc<Terminal>,
    pub(crate) xray: SocketAddr,
    pub(crate) dynamodb: Option<String>,
    server: XRay,
}

impl Desk {
    /// Reads the template, starts the X-Ray API at `listen` and DynamoDB, and makes the
    /// tables. Functions start with their first request, as on Lambda.
    pub(crate) async fn start(arguments: &Functions, listen: SocketAddr) -> anyhow::Result<Self> {
        let overrides = arguments.parameter_overrides.iter();
        let names = xray_local_template::StackContext {
            region: arguments.region.clone(),
            parameters: overrides
                .map(|pair| (pair.name.clone(), pair.value.clone()))
                .collect(),
            ..Default::default()
        };
        let template = xray_local_template::load(&arguments.template, &names)?;
        for note in &template.notes {
            eprintln!("xray-local: {note}");
        }
        let functions = function::configure(&template, arguments, &names)?;

        let store = open(&arguments.data)?;
        let server = XRay::start(store.clone(), listen, "--xray-listen", Some(loopback())).await?;
        let dynamodb = match &arguments.dynamodb_endpoint {
            Some(endpoint) => Some(endpoint.clone()),
            None if template.tables.is_empty() => None,
            None => Some(dynamodb::start().await?),
        };
        if let Some(endpoint) = &dynamodb {
            dynamodb::create_tables(endpoint, &template.tables).await?;
        }

        let mut environment = credentials();
        environment.insert(
            "AWS_ENDPOINT_URL_XRAY".to_owned(),
            format!("http://{}", server.api),
        );
        if let Some(endpoint) = &dynamodb {
            environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint.clone());
        }
        let config = SandboxConfig {
            environment,
            daemon_address: server.daemon.map(|address| address.to_string()),
            sampling: match arguments.sampling {
                Sampling::Everything => SamplingMode::Everything,
                Sampling::Lambda => SamplingMode::Lambda,
            },
            idle_timeout: arguments.idle_timeout(),
            max_concurrency: arguments.max_concurrency.into(),
            freeze: !arguments.no_freeze,
        };
        let recorder = Recorder::start(store.clone());
        let terminal = Arc::new(Terminal::new(functions.len() > 1));
        let sandbox = Sandbox::new(config, recorder.clone(), terminal.clone());
        for function in functions {
            sandbox.add_function(function);
        }
        Ok(Self {
            template,
            names,
            sandbox,
            recorder,
            terminal,
            xray: server.api,
            dynamodb,
            server,
        })
    }

    /// SHUTDOWN to every environment; then everything that was traced is in the store.
    pub(crate) async fn stop(self) {
        self.sandbox.shutdown().await;
        self.recorder.finish();
        self.server.stop().await;
    }
}

/// The X-Ray API and, where asked for, the daemon's socket, in front of one store.
#[derive(Debug)]
pub(crate) struct XRay {
    pub(crate) api: SocketAddr,
    pub(crate) daemon: Option<SocketAddr>,
    stop: tokio::sync::watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl XRay {
    pub(crate) async fn start(
        store: Arc<Store>,
        listen: SocketAddr,
        flag: &str,
        daemon: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let listener = bind(listen, "the X-Ray API", flag).await?;
        let api = listener
            .local_addr()
            .context("the X-Ray API has no address")?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut tasks = Vec::new();
        let mut daemon_address = None;
        if let Some(address) = daemon {
            let socket = UdpSocket::bind(address).await.with_context(|| {
                format!("cannot take datagrams on {address}/udp: is an X-Ray daemon running there? --daemon ADDR takes another address")
            })?;
            daemon_address = socket.local_addr().ok();
            let stopped = wait(stopped.clone());
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let counts = xray_local_api::daemon(socket, store, stopped).await;
                if counts.rejected > 0 {
                    eprintln!(
                        "xray-local: {} of {} datagrams were no X-Ray documents and rejected",
                        counts.rejected, counts.received
                    );
                }
            }));
        }
        let router = xray_local_api::router_for(store, AllowedCallers::for_address(api));
        let stopped = wait(stopped);
        tasks.push(tokio::spawn(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = server.await {
                eprintln!("xray-local: the X-Ray API stopped: {error}");
            }
        }));
        Ok(Self {
            api,
            daemon: daemon_address,
            stop,
            tasks,
        })
    }

    pub(crate) async fn stop(mut self) {
        // The tasks hold the receivers, so this reaches them or they have ended.
        let _ = self.stop.send(true);
        for task in self.tasks.drain(..) {
            // A client that keeps its connection open must not keep us.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), task).await;
        }
    }
}

async fn wait(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

pub(crate) fn open(data: &Data) -> anyhow::Result<Arc<Store>> {
    let directory = data.directory()?;
    let store = Store::open(&directory).with_context(|| {
        format!(
            "cannot open the traces in {} (move it away, or name another folder with --data DIR)",
            directory.display()
        )
    })?;
    Ok(Arc::new(store))
}

/// To look at traces: a folder that is not there is a mistake, not an empty store.
pub(crate) fn open_existing(data: &Data) -> anyhow::Result<Arc<Store>> {
    let directory = data.directory()?;
    if !directory.is_dir() {
        bail!(
            "there are no traces in {}: the folder does not exist (--data DIR names another)",
            directory.display()
        );
    }
    open(data)
}

/// A port of loopback that the system chooses.
pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A listener, or an error that says what holds the port and which flag takes another.
pub(crate) async fn bind(
    address: SocketAddr,
    what: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen for {what} on {address}: another program may hold the port; {flag} takes another (port 0 a free one)")
    })
}

/// Rejects requests of foreign hosts and origins if `address` is loopback: a web page must
/// not call a developer's functions.
pub(crate) fn guarded(router: axum::Router, address: SocketAddr) -> axum::Router {
    xray_local_gateway::host_check(router, AllowedCallers::for_address(address))
}

/// What functions sign with: the caller's own credentials where the environment has some,
/// as `sam local` hands them on, else a stand-in that every local service takes.
pub(crate) fn credentials() -> BTreeMap<String, String> {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    let own: BTreeMap<_, _> = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect();
    if own.contains_key("AWS_ACCESS_KEY_ID") && own.contains_key("AWS_SECRET_ACCESS_KEY") {
        return own;
    }
    let stand_in = [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ];
    stand_in
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}
